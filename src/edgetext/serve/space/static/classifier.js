// The classifier of the bundle beside this file: what edgetext.Predictor is to Python, in the visitor's browser.
import { openModel } from "./model.js";
import { Table } from "./table.js";
import { makeTask, ranked } from "./task.js";
import { Encoder } from "./tokens.js";

const FIRST = "first";
const MODEL = "model";

/** @param {string} file Of this folder, such as bundle/bundle.json. */
export async function fetchJson(file) {
  return (await answered(file)).json();
}

/**
 * Loads the bundle's default model; where onnxruntime-web cannot run it, the smallest of the others that it can.
 * @param {object} manifest The content of bundle.json.
 * @param {(read: number, total: number) => void} progress Told of the bytes that have come.
 */
export async function openClassifier(manifest, progress) {
  const fetchBytes = fetcher(progress);
  const encoder = new Encoder(await fetchJson("bundle/tokenizer.json"), manifest.max_length);
  const { variant, model, refused } = await firstThatRuns(manifest, encoder, fetchBytes);
  const stage = manifest.first_stage?.variant === variant.name ? manifest.first_stage : null;
  const table = stage && new Table(await fetchBytes(`bundle/${stage.file}`, stage.bytes));
  return new Classifier({ manifest, encoder, variant, refused, model, stage, table });
}

/** Classifies texts and pairs, one at a time. */
export class Classifier {
  #encoder;
  #model;
  #table;
  #task;

  constructor({ manifest, encoder, variant, refused, model, stage, table }) {
    this.manifest = manifest;
    this.variant = variant;
    this.refused = refused;
    this.stage = stage;
    this.#task = makeTask(manifest);
    this.oneLabel = this.#task.oneLabel;
    this.#encoder = encoder;
    this.#model = model;
    this.#table = table;
  }

  /**
   * @param {string[]} texts One text, or both texts of a pair.
   * @returns {Promise<object>} Label numbers by rank, probabilities, the labels given, who answered, and how sure it is.
   */
  async classify(texts) {
    const encoded = this.#encoder.encode(texts);
    const quick = this.#table && this.#task.probabilities(this.#table.logits(encoded.ids));
    const byFirst = Boolean(quick) && this.#trusts(quick);
    const probabilities = byFirst ? quick : await this.#ask(encoded);
    const least = this.manifest.min_confidence ?? null;
    return {
      probabilities,
      order: ranked(probabilities),
      given: this.#task.chosen(probabilities),
      truncated: encoded.truncated,
      stage: byFirst ? FIRST : MODEL,
      sure: least === null || this.#task.confidence(probabilities) >= least,
    };
  }

  async #ask(encoded) {
    const temperature = this.manifest.temperature ?? 1;
    const logits = await this.#model(encoded);
    return this.#task.probabilities(logits.map((logit) => logit / temperature));
  }

  /** Whether the first stage's answer is given without asking the model; its logits are calibrated as they are. */
  #trusts(probabilities) {
    const withheld = this.stage.withheld ?? [];
    const gives = this.#task.chosen(probabilities).some((n) => withheld.includes(this.manifest.labels[n]));
    return !gives && this.#task.margin(probabilities) >= this.stage.margin;
  }
}

/** Opens the first variant that answers here; `refused` says of the default one why it does not. */
async function firstThatRuns(manifest, encoder, fetchBytes) {
  const preferred = manifest.variants.find(({ name }) => name === manifest.default_variant);
  const others = manifest.variants.filter((variant) => variant !== preferred).sort((a, b) => a.bytes - b.bytes);
  let refused = null;
  for (const variant of [preferred, ...others]) {
    try {
      const model = await openModel(variant, manifest, fetchBytes);
      // The first run allocates and compiles: no visitor should wait for it.
      await model(encoder.encode(manifest.text_pair_column ? ["a text", "another"] : ["a text"]));
      return { variant, model, refused };
    } catch (error) {
      refused ??= { name: variant.name, reason: error.message };
    }
  }
  throw new Error(`This browser cannot run the model: ${refused.reason}`);
}

/** Makes a function that fetches files of this folder and tells how much of them has come. */
function fetcher(progress) {
  let read = 0;
  let total = 0;
  return async (file, bytes = 0) => {
    const response = await answered(file);
    total += bytes || Number(response.headers.get("content-length"));
    const parts = [];
    const reader = response.body.getReader();
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      parts.push(next.value);
      read += next.value.length;
      progress(read, total);
    }
    const content = await new Blob(parts).arrayBuffer();
    if (bytes && content.byteLength !== bytes) {
      throw new Error(`${file} has ${content.byteLength} bytes, and bundle.json says ${bytes}: upload it again.`);
    }
    return content;
  };
}

async function answered(file) {
  const response = await fetch(file).catch(() => {
    throw new Error(`${file} cannot be loaded: the server is gone, or sends it from another host.`);
  });
  if (!response.ok) throw new Error(`${file} cannot be loaded: the server answers ${response.status}.`);
  return response;
}
