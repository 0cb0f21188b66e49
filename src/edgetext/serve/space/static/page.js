// The page: boxes to type into, bars for what the classifier says. All text is set as text, never as markup.
import { fetchJson, openClassifier } from "./classifier.js";

const MOST_LABELS = 5;
const MOST_BARS = 8;
const MOST_EXAMPLES = 8;
const MOST_CHIP = 300;

const at = (id) => document.getElementById(id);
let classifier = null;
let wanted = null; // the texts to answer; none where a box is empty, or all is answered
let replying = false;

followTheSystem();
/** The classifier, once it is loaded. */
export const ready = start();

async function start() {
  try {
    const manifest = await fetchJson("bundle/bundle.json");
    document.title = `${manifest.title} · edgetext`;
    at("name").textContent = manifest.title;
    at("boxes").replaceChildren(...makeBoxes(manifest));
    say("Loading the model …");
    classifier = await openClassifier(manifest, tellProgress);
    showFacts();
    showExamples();
    at("form").addEventListener("submit", (event) => {
      event.preventDefault();
      reply();
    });
    at("classify").disabled = false;
    await reply();
    return classifier;
  } catch (error) {
    say(error.message, "error");
    throw error;
  }
}

/** Makes a box for the text, or one for each text of a pair, named after its column of the training rows. */
function makeBoxes({ text_column: first, text_pair_column: second }) {
  const names = second ? [first || "First text", second] : ["text"];
  return names.map((name, number) => box(name[0].toUpperCase() + name.slice(1), number, names.length));
}

function box(name, number, count) {
  const area = element("textarea", { id: `text${number || ""}`, rows: count === 1 ? 3 : 2 });
  area.placeholder = "Type or paste a text …";
  area.autocomplete = "off";
  area.addEventListener("input", reply);
  area.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey || event.shiftKey)) return;
    event.preventDefault();
    reply();
  });
  const label = element("label", { textContent: name, htmlFor: area.id });
  return element("div", { className: "box" }, label, area);
}

/** Answers what stands in the boxes; of what is typed while an answer is made, the last is answered next. */
async function reply() {
  if (!classifier) return;
  const texts = [...document.querySelectorAll("textarea")].map((area) => area.value);
  wanted = texts.every((text) => text.trim()) ? texts : null;
  if (!wanted) {
    at("label").replaceChildren();
    say(prompt(texts.length));
  }
  if (replying) return;
  replying = true;
  while (wanted) {
    await answer(wanted);
    await new Promise((done) => setTimeout(done)); // the model keeps the page from hearing what is typed
  }
  replying = false;
}

async function answer(texts) {
  const begun = performance.now();
  try {
    const found = await classifier.classify(texts);
    if (wanted !== texts) return;
    show(found);
    tell(found, performance.now() - begun);
  } catch (error) {
    at("label").replaceChildren();
    say(error.message, "error");
  }
  if (wanted === texts) wanted = null;
}

function prompt(boxes) {
  const [texts, its] = boxes === 1 ? ["a text", "its"] : ["both texts", "their"];
  return `Type ${texts} to see ${its} ${classifier.oneLabel ? "label" : "labels"}.`;
}

function show(answer) {
  const { labels, thresholds } = classifier.manifest;
  const bars = element("ul", { className: "bars" });
  if (classifier.oneLabel) {
    const shown = answer.order.slice(0, MOST_LABELS);
    bars.append(...shown.map((n) => bar(labels[n], answer.probabilities[n], n === answer.given[0])));
    at("label").replaceChildren(element("h2", { textContent: labels[answer.given[0]] }), bars);
    return;
  }
  const others = answer.order.filter((n) => !answer.given.includes(n));
  const shown = [...answer.given, ...others.slice(0, Math.max(0, MOST_BARS - answer.given.length))];
  bars.append(...shown.map((n) => bar(labels[n], answer.probabilities[n], answer.given.includes(n), thresholds[n])));
  const count = `${answer.given.length} of ${labels.length} labels given; a mark is the label's threshold`;
  at("label").replaceChildren(element("p", { className: "given-count", textContent: count }), bars);
}

function bar(label, score, given, limit = null) {
  const fill = element("i", { className: "fill" });
  fill.style.width = `${100 * score}%`;
  const track = element("i", { className: "track" }, fill);
  const marks = limit === null ? "" : `, ${given ? "given" : "not given"}, threshold ${percent(limit)}`;
  if (limit !== null) {
    const mark = element("i", { className: "limit" });
    mark.style.left = `${100 * limit}%`;
    track.append(mark);
  }
  const row = element("li", { className: given ? "given" : "other", title: `${label}: ${percent(score)}${marks}` });
  row.append(element("b", { textContent: label }), track, element("span", { textContent: percent(score) }));
  return row;
}

function tell(answer, took) {
  const { manifest, stage } = classifier;
  const notes = [" in this browser"];
  if (manifest.min_confidence != null) {
    notes.push(`${answer.sure ? "sure" : "unsure"}, by a least confidence of ${percent(manifest.min_confidence)}`);
  }
  if (stage) notes.push(answer.stage === "first" ? "by the first stage" : "by the model");
  if (answer.truncated) notes.push(`only the first ${manifest.max_length} tokens were read`);
  const time = element("b", { textContent: `${took.toFixed(1)} ms` });
  at("status").className = "status note";
  at("status").replaceChildren("Predicted in ", time, notes.join(" · "));
}

function say(sentence, kind = "note") {
  at("status").className = `status ${kind}`;
  at("status").textContent = sentence;
}

function tellProgress(read, total) {
  const [have, all] = [read, Math.max(read, total)].map((bytes) => (bytes / 1e6).toFixed(1));
  say(`Loading the model: ${have} of ${all} MB …`);
}

function showFacts() {
  const { manifest, variant, refused } = classifier;
  const size = `${variant.name}, ${(variant.bytes / 1e6).toFixed(1)} MB`;
  const facts = [`${manifest.labels.length} labels`, size, `up to ${manifest.max_length} tokens`];
  at("facts").replaceChildren(...facts.map((fact) => element("span", { textContent: fact })));
  if (!refused) return;
  at("variant").hidden = false;
  at("variant").textContent =
    `${variant.name} answers here, and not ${refused.name}, which onnxruntime-web cannot run: ` +
    refused.reason.split("\n")[0].slice(0, MOST_CHIP);
}

function showExamples() {
  const boxes = [...document.querySelectorAll("textarea")];
  const found = (classifier.manifest.examples ?? []).map((one) => [one].flat());
  const fitting = found.filter((texts) => texts.length === boxes.length).slice(0, MOST_EXAMPLES);
  at("tries").hidden = !fitting.length;
  at("examples").replaceChildren(...fitting.map((texts) => example(texts, boxes)));
}

function example(texts, boxes) {
  const button = element("button", { type: "button", textContent: texts.join(" · ") });
  button.addEventListener("click", () => {
    boxes.forEach((area, n) => (area.value = texts[n]));
    reply();
  });
  return button;
}

function element(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function percent(share) {
  return `${Math.round(100 * share)}%`;
}

function followTheSystem() {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const follow = () => document.documentElement.classList.toggle("dark", dark.matches);
  dark.addEventListener("change", follow);
  follow();
}
