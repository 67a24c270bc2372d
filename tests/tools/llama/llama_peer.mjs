// llama.cpp beside Homard's own engine: the same prompts, read and continued greedily, with how likely it found each
// token; and how long that took. `node llama_peer.mjs MODEL.gguf THREADS [speed|wide] < prompts.json`: prompts.json is a
// list of texts, taken as they are; `speed` also measures; with `wide` keys and values are kept in 32 bits, not in 16.
// Prints one JSON object.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const require = createRequire(process.env.LLAMA_MODULES + "/");
const { getLlama } = await import(pathToFileURL(require.resolve("node-llama-cpp")).href);

const [path, threads] = [process.argv[2], Number(process.argv[3])];
const prompts = JSON.parse(readFileSync(0, "utf8"));
const withSpeed = process.argv[4] === "speed";
const STEPS = 64;
const TOP = 16;

const llama = await getLlama({ gpu: false, build: "never", logLevel: "error", maxThreads: threads });
const began = performance.now();
const model = await llama.loadModel({ modelPath: path, useMmap: true });
const wide = { flashAttention: false, experimentalKvCacheKeyType: "F32", experimentalKvCacheValueType: "F32" };
const isWide = process.argv[4] === "wide";
const context = await model.createContext({ contextSize: 1024, threads, batchSize: 512, ...(isWide ? wide : {}) });
const loadMs = performance.now() - began;
const sequence = context.getSequence();

// A token behind those, and what llama.cpp expects there.
async function next(tokens) {
  const last = tokens[tokens.length - 1];
  const input = [...tokens.slice(0, -1), [last, { generateNext: { probabilities: true, options: { temperature: 0 } } }]];
  const output = await sequence.controlledEvaluate(input);
  const { next } = output[output.length - 1];
  return [...next.probabilities.entries()].sort((a, b) => b[1] - a[1]).slice(0, TOP);
}

const answers = [];
for (const prompt of prompts) {
  const tokens = model.tokenize(prompt, true);
  await sequence.clearHistory();
  const steps = [];
  let top = await next(tokens);
  for (let step = 0; step < STEPS; step++) {
    steps.push(top);
    top = await next([top[0][0]]);
  }
  answers.push({ tokens: [...tokens], steps });
}

// Speed: 128 tokens read, then 64 written, each the best of three.
const filler = model.tokenize("The house is quiet and the lamps in the hall are off. ".repeat(20), false).slice(0, 128);
let [prefillMs, decodeMs] = [Infinity, Infinity];
for (let round = 0; withSpeed && round < 3; round++) {
  await sequence.clearHistory();
  let began = performance.now();
  await sequence.evaluateWithoutGeneratingNewTokens(filler);
  prefillMs = Math.min(prefillMs, performance.now() - began);
  began = performance.now();
  let written = 0;
  for await (const _ of sequence.evaluate([filler[0]], { temperature: 0, yieldEogToken: true })) {
    if (++written >= 64) break;
  }
  decodeMs = Math.min(decodeMs, (performance.now() - began) / written);
}
// To a pipe not all is written at once.
process.stdout.write(JSON.stringify({ loadMs, prefillMs, decodeMs, answers }), () => process.exit(0));
