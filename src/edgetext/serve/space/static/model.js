// The model of a bundle: an ONNX file that onnxruntime-web runs by WebAssembly in one thread, or a table of word vectors.
import { Table } from "./table.js";

const RUNTIME = "./vendor/onnxruntime-web/ort.wasm.bundle.min.mjs";
const WASM = "vendor/onnxruntime-web/ort-wasm-simd-threaded.wasm";
const LEVELS = { disable: "disabled", basic: "basic", extended: "extended", all: "all" };

let runtime; // loaded once, by the first variant that needs it

/**
 * @param {object} variant Of bundle.json.
 * @param {object} manifest The whole of it.
 * @param {(file: string, bytes?: number) => Promise<ArrayBuffer>} fetchBytes
 * @returns {Promise<(encoded: object) => Promise<number[]>>} Computes the logits of a text.
 */
export async function openModel(variant, manifest, fetchBytes) {
  if (variant.file.endsWith(".safetensors")) {
    const table = new Table(await fetchBytes(`bundle/${variant.file}`, variant.bytes));
    return async ({ ids }) => table.logits(ids);
  }
  runtime ??= startRuntime(fetchBytes);
  const [ort, content] = await Promise.all([runtime, fetchBytes(`bundle/${variant.file}`, variant.bytes)]);
  const session = await ort.InferenceSession.create(new Uint8Array(content), {
    executionProviders: ["wasm"],
    graphOptimizationLevel: LEVELS[variant.session?.graph_optimization_level ?? "all"],
    extra: nested(variant.session?.config ?? {}),
    externalData: await Promise.all(beside(variant, manifest).map((file) => weights(variant, file, fetchBytes))),
    logSeverityLevel: 4, // what it raises is enough
  });
  return (encoded) => run(ort, session, encoded, manifest.labels.length);
}

async function startRuntime(fetchBytes) {
  const ort = await import(RUNTIME);
  ort.env.wasm.numThreads = 1; // more would need headers that a plain file server does not send
  ort.env.wasm.wasmBinary = await fetchBytes(WASM);
  return ort;
}

async function run(ort, session, { ids, types }, labels) {
  const values = { input_ids: ids, attention_mask: ids.map(() => 1), token_type_ids: types };
  const feeds = session.inputMetadata.map(({ name, type }) => {
    const data = type === "int32" ? Int32Array.from(values[name]) : BigInt64Array.from(values[name], BigInt);
    return [name, new ort.Tensor(type, data, [1, ids.length])];
  });
  const output = session.outputNames.includes("logits") ? "logits" : session.outputNames[0];
  const { [output]: logits } = await session.run(Object.fromEntries(feeds), [output]);
  const found = Array.from(logits.data);
  if (found.length !== labels || !found.every(Number.isFinite)) {
    throw new Error(`The model gave ${found.length} scores, not all of them finite numbers: expected ${labels}.`);
  }
  return found;
}

/** {"session.a_b": "1"} as onnxruntime-web takes it: {session: {a_b: "1"}}. */
function nested(config) {
  const options = {};
  for (const [key, value] of Object.entries(config)) {
    const [group, ...rest] = key.split(".");
    options[group] = { ...options[group], [rest.join(".")]: value };
  }
  return options;
}

/** The files beside an ONNX model that hold its weights. */
function beside(variant, manifest) {
  return Object.keys(manifest.files).filter((file) => file.startsWith(variant.file) && file !== variant.file);
}

async function weights(variant, file, fetchBytes) {
  const folder = variant.file.slice(0, variant.file.lastIndexOf("/") + 1);
  return { path: file.slice(folder.length), data: new Uint8Array(await fetchBytes(`bundle/${file}`)) };
}
