// A table of word vectors, as edgetext/runtime/static.py has it: a vector for each token and each pair of neighbours.

const FORMAT = "edgetext-static-1";
const HASH_FACTOR = 1_000_003;
const ARRAYS = { I8: Int8Array, F32: Float32Array };

/** Computes logits of token ids from a file in the safetensors format. */
export class Table {
  #parts;
  #buckets;
  #dimensions;
  #labels;
  #vocabulary;

  /** @param {ArrayBuffer} content Of the file. */
  constructor(content) {
    const length = Number(new DataView(content).getBigUint64(0, true));
    const header = JSON.parse(new TextDecoder().decode(new Uint8Array(content, 8, length)));
    if (header.__metadata__?.format !== FORMAT) throw new Error(`a table of word vectors is not of the format ${FORMAT}`);
    const part = ({ dtype, shape, data_offsets: [first] }) =>
      new ARRAYS[dtype](content, 8 + length + first, shape.reduce((product, size) => product * size, 1));
    const { table, scale, weight, bias } = header;
    this.#parts = { table: part(table), scale: part(scale), weight: part(weight), bias: part(bias) };
    this.#buckets = Number(header.__metadata__.buckets);
    this.#dimensions = table.shape[1];
    this.#vocabulary = table.shape[0] - this.#buckets;
    this.#labels = bias.shape[0];
  }

  /** @param {number[]} ids Of one text; without any, only the bias answers. */
  logits(ids) {
    const mean = this.#mean(ids);
    const { weight, bias } = this.#parts;
    const column = (label) => mean.reduce((sum, value, n) => sum + value * weight[n * this.#labels + label], bias[label]);
    return Array.from(bias, (_, label) => column(label));
  }

  #mean(ids) {
    const mean = new Array(this.#dimensions).fill(0);
    if (!ids.length) return mean;
    const beyond = ids.find((id) => id >= this.#vocabulary);
    if (beyond !== undefined) throw new Error(`The token ${beyond} has no vector: the tokenizer is of another model.`);
    const pair = (a, b) => this.#vocabulary + ((a * HASH_FACTOR + b) % this.#buckets);
    const pairs = this.#buckets ? ids.slice(1).map((id, n) => pair(ids[n], id)) : [];
    const rows = [...ids, ...pairs];
    const { table, scale } = this.#parts;
    for (const row of rows) {
      const factor = scale[row] / rows.length;
      const begin = row * this.#dimensions;
      for (let n = 0; n < this.#dimensions; n += 1) mean[n] += factor * table[begin + n];
    }
    return mean;
  }
}
