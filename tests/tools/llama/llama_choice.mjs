// llama.cpp doing what the house asks of its model: which of some labels an utterance is about, with a grammar that allows
// nothing else, and what stands before each utterance read once. `node llama_choice.mjs MODEL.gguf THREADS < job.json`:
// {task, labels, said}. Prints {ms, chosen}, each of the utterances in its order; the first one's prompt is read before.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const require = createRequire(process.env.LLAMA_MODULES + "/");
const { getLlama, LlamaCompletion } = await import(pathToFileURL(require.resolve("node-llama-cpp")).href);

const [path, threads] = [process.argv[2], Number(process.argv[3])];
const { task, labels, said } = JSON.parse(readFileSync(0, "utf8"));
const llama = await getLlama({ gpu: false, build: "never", logLevel: "error", maxThreads: threads });
const model = await llama.loadModel({ modelPath: path, useMmap: true });
const context = await model.createContext({ contextSize: 1024, threads, batchSize: 512 });
const completion = new LlamaCompletion({ contextSequence: context.getSequence() });
const grammar = await llama.createGrammar({ grammar: `root ::= ${labels.map((label) => JSON.stringify(label)).join(" | ")}` });
// It goes on from where a prompt differs from the one before.
const choose = (text) => completion.generateCompletion(`${task} ${text}\nIt is about: `, { grammar, maxTokens: 8, temperature: 0 });

await choose(said[0]);
const [ms, chosen] = [[], []];
for (const text of said) {
  const began = performance.now();
  chosen.push(await choose(text));
  ms.push(performance.now() - began);
}
// To a pipe not all is written at once.
process.stdout.write(JSON.stringify({ ms, chosen }), () => process.exit(0));
