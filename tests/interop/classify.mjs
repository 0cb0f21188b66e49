// Classifies texts with transformers.js on the CPU, from files alone: nothing may come from a network.
// Reads {"folder", "dtypes", "texts"} as JSON from stdin; writes {dtype: [[{label, score}, ...] a text]} to stdout.
import { readFileSync } from "node:fs";
import { basename, dirname } from "node:path";
import { env, pipeline } from "@huggingface/transformers";

const { folder, dtypes, texts } = JSON.parse(readFileSync(0, "utf-8"));
env.allowRemoteModels = false;
env.localModelPath = dirname(folder);

const answers = {};
for (const dtype of dtypes) {
  const classify = await pipeline("text-classification", basename(folder), { dtype, device: "cpu" });
  answers[dtype] = [];
  // One text at a time: dynamic int8 depends a little on what else is in the batch.
  for (const text of texts) answers[dtype].push(await classify(text, { top_k: null }));
  await classify.dispose();
}
console.log(JSON.stringify(answers));
