// Text to token ids, cut as edgetext/runtime/encode.py has the tokenizers library cut it.
import { Tokenizer } from "./vendor/tokenizers/tokenizers.min.mjs";

// Characters a token: a text is cut there before it is tokenized, since the tokenizer would read all of it first.
const FIRST_CUT = 8;
const LAST_CUT = 512;
const GROWTH = 8;

/** Token ids and their segments of one text or of one pair, at most `maxLength` of them. */
export class Encoder {
  #tokenizer;
  #maxLength;
  #single;
  #pair;

  /**
   * @param {object} description The content of tokenizer.json.
   * @param {number} maxLength The longest input in tokens, special tokens included.
   */
  constructor(description, maxLength) {
    this.#tokenizer = new Tokenizer(description, {});
    this.#maxLength = maxLength;
    this.#single = this.#frame(["a"]);
    this.#pair = this.#frame(["a", "b"]);
  }

  /**
   * @param {string[]} texts One text, or both texts of a pair.
   * @returns {{ids: number[], types: number[], truncated: boolean}} `truncated`: whether something was left out.
   */
  encode(texts) {
    if (!texts.every(isUnicode)) throw new Error("The text is no valid Unicode: half of a surrogate pair stands alone.");
    return texts.length === 1 ? this.#one(texts[0]) : this.#two(texts);
  }

  #one(text) {
    const room = this.#maxLength - special(this.#single);
    const last = LAST_CUT * this.#maxLength;
    for (let cut = FIRST_CUT * this.#maxLength; ; cut = Math.min(cut * GROWTH, last)) {
      const read = begin(text, cut);
      const ids = this.#bare(read);
      if (ids.length > room || cut >= last || read.length === text.length) {
        const truncated = ids.length > room || read.length < text.length;
        return { ...assemble(this.#single, [ids.slice(0, room)]), truncated };
      }
    }
  }

  #two(texts) {
    const room = this.#maxLength - special(this.#pair);
    if (room <= 0) throw new Error(`The model reads ${this.#maxLength} tokens: too few for a pair.`);
    const read = texts.map((text) => begin(text, LAST_CUT * this.#maxLength));
    const parts = read.map((text) => this.#bare(text));
    const kept = longestFirst(parts.map((ids) => ids.length), room);
    const truncated = parts.some((ids, n) => ids.length > kept[n] || read[n].length < texts[n].length);
    return { ...assemble(this.#pair, parts.map((ids, n) => ids.slice(0, kept[n]))), truncated };
  }

  #bare(text) {
    return this.#tokenizer.encode(text, { add_special_tokens: false }).ids;
  }

  /** Finds out which special tokens, and which segments, stand around texts: [{ids, types}, type of the text, ...]. */
  #frame(texts) {
    const [text, text_pair = null] = texts;
    const whole = this.#tokenizer.encode(text, { text_pair, return_token_type_ids: true });
    const types = whole.token_type_ids ?? whole.ids.map(() => 0);
    const frame = [];
    let place = 0;
    for (const bare of texts.map((one) => this.#bare(one))) {
      const found = whole.ids.findIndex((_, n) => n >= place && bare.every((id, k) => whole.ids[n + k] === id));
      if (!bare.length || found < 0) throw new Error("This browser's tokenizer cannot read the bundle's tokenizer.json.");
      frame.push({ ids: whole.ids.slice(place, found), types: types.slice(place, found) }, types[found]);
      place = found + bare.length;
    }
    return [...frame, { ids: whole.ids.slice(place), types: types.slice(place) }];
  }
}

/** How many tokens of each part stay, as tokenizers' `longest_first` has it: the longer part is cut first. */
function longestFirst(lengths, room) {
  const [short, long] = [Math.min(...lengths), Math.max(...lengths)];
  let kept = [short, Math.min(long, Math.max(short, room - short))];
  if (kept[0] + kept[1] > room) kept = [Math.floor(room / 2), Math.ceil(room / 2)];
  return lengths[0] > lengths[1] ? kept.reverse() : kept;
}

function special(frame) {
  return frame.reduce((sum, part) => sum + (part.ids?.length ?? 0), 0);
}

function assemble(frame, parts) {
  const ids = [...frame[0].ids];
  const types = [...frame[0].types];
  parts.forEach((part, n) => {
    const after = frame[2 * n + 2];
    ids.push(...part, ...after.ids);
    types.push(...part.map(() => frame[2 * n + 1]), ...after.types);
  });
  return { ids, types };
}

/** The first so many code points of a text: Python counts those, and JavaScript halves of some. */
function begin(text, points) {
  if (text.length <= points) return text;
  let end = 0;
  for (let count = 0; count < points && end < text.length; count += 1) end += text.codePointAt(end) > 0xffff ? 2 : 1;
  return text.slice(0, end);
}

function isUnicode(text) {
  return !/\p{Surrogate}/u.test(text);
}
