// What is decided about a text, as edgetext/task.py has it: the one label that fits, or all that fit.

/** @param {object} manifest The content of bundle.json. */
export function makeTask({ task, labels, thresholds }) {
  const limits = thresholds ?? labels.map(() => 0.5);
  return task === "multi_label" ? severalLabels(limits) : ONE_LABEL;
}

/** Label numbers by their probability, the highest first; of equal ones the first. */
export function ranked(probabilities) {
  return [...probabilities.keys()].sort((a, b) => probabilities[b] - probabilities[a]);
}

const ONE_LABEL = {
  oneLabel: true,
  probabilities(logits) {
    const most = Math.max(...logits);
    const powers = logits.map((logit) => Math.exp(logit - most));
    const sum = powers.reduce((total, power) => total + power, 0);
    return powers.map((power) => power / sum);
  },
  chosen: (probabilities) => ranked(probabilities).slice(0, 1),
  confidence: (probabilities) => Math.max(...probabilities),
  margin(probabilities) {
    const [best, second] = ranked(probabilities);
    return probabilities[best] - probabilities[second];
  },
};

function severalLabels(limits) {
  return {
    oneLabel: false,
    probabilities: (logits) => logits.map((logit) => 1 / (1 + Math.exp(-logit))),
    chosen: (probabilities) => ranked(probabilities).filter((n) => probabilities[n] >= limits[n]),
    confidence: (probabilities) => Math.min(...probabilities.map((p, n) => (p >= limits[n] ? p : 1 - p))),
    margin: (probabilities) => Math.min(...probabilities.map((p, n) => Math.abs(p - limits[n]))),
  };
}
