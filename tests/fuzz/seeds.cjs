// Makes first inputs for the fuzzer from the corpora: seeds.cjs SHARED FOLDER writes FOLDER/TARGET/seeds/*, and words
// to build others with from the sources: FOLDER/TARGET/words. Without the corpora it says so and leaves the committed
// seeds to do.
"use strict";

const { createHash } = require("node:crypto");
const fs = require("node:fs");
const path = require("node:path");
const { zstdDecompressSync } = require("node:zlib");

const [shared, folder] = process.argv.slice(2);
const corpora = path.join(shared, "corpora");
/** Most inputs for a target: each is run once before anything new is tried. */
const MOST = 400;

function write(target, inputs) {
    const distinct = [...new Set(inputs)];
    const every = Math.max(1, distinct.length / MOST);
    const to = path.join(folder, target, "seeds");
    fs.rmSync(to, { recursive: true, force: true });
    fs.mkdirSync(to, { recursive: true });
    for (let at = 0; at < distinct.length; at += every) {
        const input = distinct[Math.floor(at)];
        fs.writeFileSync(path.join(to, createHash("sha256").update(input).digest("hex").slice(0, 16)), input);
    }
}

const files = (folder, suffix) =>
    fs.existsSync(folder)
        ? fs.readdirSync(folder, { recursive: true }).filter((name) => name.endsWith(suffix)).map((name) => path.join(folder, name))
        : [];

/** A dictionary for libFuzzer: everything in `files` that `pattern` captures. */
function words(target, files, pattern) {
    const found = files.flatMap((file) => [...fs.readFileSync(file, "utf8").matchAll(pattern)].map(([, word]) => word));
    const escaped = (byte) => (byte < 128 ? String.fromCharCode(byte) : `\\x${byte.toString(16)}`);
    const lines = [...new Set(found)].sort().map((word) => `"${[...Buffer.from(word)].map(escaped).join("")}"\n`);
    fs.mkdirSync(path.join(folder, target), { recursive: true });
    fs.writeFileSync(path.join(folder, target, "words"), lines.join(""));
}

/** The texts of YAML lists, well enough for seeds. */
const listItems = (files) =>
    files.flatMap((file) => [...fs.readFileSync(file, "utf8").matchAll(/^\s*- "?(.+?)"?$/gm)].map(([, text]) => text));

function* messages() {
    for (const file of files(path.join(corpora, "mqtt"), ".jsonl.zst")) {
        const lines = zstdDecompressSync(fs.readFileSync(file)).toString().split("\n");
        for (const line of lines) if (line) yield JSON.parse(line);
    }
}

/** All templates of a discovery payload. */
function templatesOf(json) {
    if (typeof json !== "object" || json === null) return [];
    return Object.entries(json).flatMap(([key, value]) =>
        typeof value === "string" ? (/(template|tpl)$/.test(key) ? [value] : []) : templatesOf(value),
    );
}

/** All texts of a JSON value. */
const textsOf = (json) =>
    typeof json === "string" ? [json] : typeof json === "object" && json !== null ? Object.values(json).flatMap(textsOf) : [];

/** An announcement and messages to the topics that it names. */
function discovery({ topic, payload }, messagesOn) {
    const json = JSON.parse(payload);
    const named = new Set(textsOf(json).map((text) => text.replace("~", json["~"])));
    const lines = [...named].flatMap((named) => (messagesOn.get(named) ?? []).map((message) => `${named}\t${message}`));
    return [topic, payload, ...lines.filter((line) => !line.includes("\n")).slice(0, 6)].join("\n");
}

const LITERAL = /"([A-Za-z_~$][\w. -]{1,30})"/g;
words("discovery", files("src/mqtt", ".rs"), LITERAL);
words("template", files("src/template", ".rs"), LITERAL);
words("utterance", files("models/sentences", ".yaml"), /([\p{L}’']{2,30})/gu);

const own = listItems(files("models/sentences", ".yaml"));
write("sentence", own.map((text) => `${text}\nturn on the kitchen light`));
if (!fs.existsSync(corpora)) {
    console.log(`fuzz: no ${corpora}; starting from the committed seeds`);
    process.exit(0);
}
write("utterance", listItems(files(path.join(corpora, "sentences"), ".yaml")));

const announced = [];
const states = [];
for (const { topic, payload } of messages()) {
    if (topic.endsWith("/config") && payload) announced.push({ topic, payload });
    else if (payload) states.push({ topic, payload });
}
const messagesOn = Map.groupBy(states, ({ topic }) => topic);
for (const [topic, messages] of messagesOn) {
    messagesOn.set(topic, [...new Set(messages.map(({ payload }) => payload))].slice(0, 2));
}
write("discovery", announced.map((announcement) => discovery(announcement, messagesOn)));
const templates = [...new Set(announced.flatMap(({ payload }) => templatesOf(JSON.parse(payload))))];
const lines = states.filter(({ payload }) => !payload.includes("\n"));
write("template", templates.map((template, at) => `${template}\n${lines[(at * 7) % lines.length].payload}`));
write("topic", states.map(({ topic }) => `${topic.replace(/\/[^/]+/, "/+")}\n${topic}`));
