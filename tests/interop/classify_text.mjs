// Classifies texts with a text model (model_text.onnx) in Node on Linux: strings in, labels out, no tokenizer.
//
// onnxruntime-node cannot register an operators' library, so this calls the C API of the very onnxruntime that it
// brings. The C API is a table of functions that only ever grows at its end; the places below are those of version 1.
// Reads {"model", "operators", "preload", "texts"} as JSON from stdin; writes [{label, probabilities}, ...] to stdout.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import koffi from "koffi";

const API_VERSION = 14;
const DISABLE_OPTIMIZER = 0; // as bundle.json says under text_model.session: the graph is optimized already
const STRING = 8;
const SLOTS = {
  GetErrorMessage: [2, "const char *F(void *status)"],
  CreateEnv: [3, "void *F(int level, const char *name, _Out_ void **out)"],
  CreateSession: [7, "void *F(void *env, const char *path, void *options, _Out_ void **out)"],
  Run: [
    9,
    "void *F(void *session, void *options, const char **inputs, void **values, size_t n, " +
      "const char **outputs, size_t m, _Inout_ void **out)",
  ],
  CreateSessionOptions: [10, "void *F(_Out_ void **out)"],
  SetSessionGraphOptimizationLevel: [23, "void *F(void *options, int level)"],
  RegisterCustomOpsLibrary: [29, "void *F(void *options, const char *path, _Out_ void **handle)"],
  CreateTensorAsOrtValue: [48, "void *F(void *allocator, int64_t *shape, size_t rank, int type, _Out_ void **out)"],
  GetTensorMutableData: [51, "void *F(void *value, _Out_ void **data)"],
  FillStringTensor: [52, "void *F(void *value, const char **texts, size_t n)"],
  GetStringTensorDataLength: [53, "void *F(void *value, _Out_ size_t *length)"],
  GetStringTensorContent: [
    54,
    "void *F(void *value, _Out_ uint8_t *bytes, size_t length, _Out_ size_t *offsets, size_t n)",
  ],
  GetTensorShapeElementCount: [64, "void *F(void *info, _Out_ size_t *count)"],
  GetTensorTypeAndShape: [65, "void *F(void *value, _Out_ void **info)"],
  GetAllocatorWithDefaultOptions: [78, "void *F(_Out_ void **out)"],
  ReleaseValue: [96, "void F(void *value)"],
  ReleaseTensorTypeAndShapeInfo: [99, "void F(void *info)"],
};

function openOnnxruntime() {
  const require = createRequire(import.meta.url);
  const home = dirname(require.resolve("onnxruntime-node/package.json"));
  const folder = join(home, "bin/napi-v6/linux", process.arch);
  const library = koffi.load(join(folder, "libonnxruntime.so.1"));
  const base = library.func("void *OrtGetApiBase()")();
  const getApi = koffi.decode(koffi.decode(base, "void *"), koffi.proto("void *GetApi(uint32_t version)"));
  const table = getApi(API_VERSION);
  const api = {};
  for (const [name, [slot, signature]] of Object.entries(SLOTS)) {
    const address = koffi.decode(table, 8 * slot, "void *");
    api[name] = koffi.decode(address, koffi.proto(signature.replace("F(", `${name}(`)));
  }
  return api;
}

/** Calls a function that gives a status (null is good) and hands its result back through its last pointer. */
function call(name, ...args) {
  const status = api[name](...args);
  if (status) throw new Error(`${name}: ${api.GetErrorMessage(status)}`);
}

function get(name, ...args) {
  const out = [null];
  call(name, ...args, out);
  return out[0];
}

function open(model, operators) {
  const options = get("CreateSessionOptions");
  call("SetSessionGraphOptimizationLevel", options, DISABLE_OPTIMIZER);
  get("RegisterCustomOpsLibrary", options, operators);
  return get("CreateSession", get("CreateEnv", 3, "classify"), model, options);
}

function classify(session, text) {
  const input = get("CreateTensorAsOrtValue", get("GetAllocatorWithDefaultOptions"), [1], 1, STRING);
  call("FillStringTensor", input, [text], 1);
  const outputs = [null, null];
  call("Run", session, null, ["text"], [input], 1, ["label", "probabilities"], 2, outputs);
  const answer = { label: readString(outputs[0]), probabilities: readFloats(outputs[1]) };
  for (const value of [input, ...outputs]) api.ReleaseValue(value);
  return answer;
}

function readString(value) {
  const bytes = Buffer.alloc(Number(get("GetStringTensorDataLength", value)));
  call("GetStringTensorContent", value, bytes, bytes.length, [0], 1);
  return bytes.toString("utf-8");
}

function readFloats(value) {
  const info = get("GetTensorTypeAndShape", value);
  const count = Number(get("GetTensorShapeElementCount", info));
  api.ReleaseTensorTypeAndShapeInfo(info);
  return koffi.decode(get("GetTensorMutableData", value), koffi.array("float", count, "Array"));
}

const { model, operators, preload, texts } = JSON.parse(readFileSync(0, "utf-8"));
if (preload) koffi.load(preload, { global: true }); // what the operators' library needs besides
const api = openOnnxruntime();
const session = open(model, operators);
console.log(JSON.stringify(texts.map((text) => classify(session, text))));
