// Talk: a chat with the house. Shows what was understood and what became of it, and takes it back.

import { Refused, call, el, follow, icon, known, language, number, on, ready, refusal, states, t, tell } from "./core.js";
import { hush, mayBeHeard, sayAloud } from "./aloud.js";
import { record } from "./microphone.js";

/** The conversation survives a reload of the page, not the tab. */
const KEPT = "homard.talk";
const MAX_TURNS = 60;
/** Whether answers are heard here is of this browser, which stands in one room. */
const ALOUD = "homard.aloud";
/** How the house's own questions begin (`models/sentences/LANGUAGE/replies.yaml`). */
const YES_OR_NO = /^(shall i|do you mean|dois-je|s['’]agit-il)/i;
const WHICH_ROOM = /^(in which room|dans quelle pièce)/i;

const log = document.getElementById("log");
const form = document.getElementById("say");
const input = form.querySelector("input");
const hello = document.getElementById("hello");
const fresh = document.getElementById("new");
let kept = { turns: [] };
try {
  kept = JSON.parse(sessionStorage.getItem(KEPT)) ?? kept;
} catch {
  // A browser that keeps nothing still talks.
}

function keep() {
  kept.turns = kept.turns.slice(-MAX_TURNS);
  try {
    sessionStorage.setItem(KEPT, JSON.stringify(kept));
  } catch {
    // As above.
  }
}

function bubble(who, ...content) {
  return el("li", { class: `turn ${who}` }, el("span", { class: "hidden", text: `${t(`talk.${who}`)}: ` }), content);
}

const OUTCOMES = { confirmed: "check", sent: "clock", refused: "alert" };

function outcomes({ success, failed }) {
  const all = [...success, ...failed];
  if (all.length === 0) {
    return null;
  }
  return el("ul", { class: "outcomes" }, all.map((one) =>
    el("li", { class: one.outcome }, icon(OUTCOMES[one.outcome] ?? "alert"), el("span", { class: "name", text: one.name }),
      el("span", { class: "state", text: [t(`outcome.${one.outcome}`), refusal(one.reason_code, one.reason)].filter(Boolean).join(": ") }))));
}

function understood({ intent, slots, by, elapsed_ms: took, template, spans = [], candidates = [], why = [] }) {
  const rows = intent ? [[t("talk.intent"), intent]] : [];
  if (by) {
    rows.push([t("talk.by"), known(`talk.by.${by}`) ?? by]);
  }
  for (const [name, value] of Object.entries(slots ?? {})) {
    rows.push([name.replaceAll("_", " "), typeof value === "object" ? JSON.stringify(value) : String(value)]);
  }
  if (template) {
    rows.push([t("talk.template"), template]);
  }
  if (spans.length > 0) {
    rows.push([t("talk.parts"), spans.map(({ said, meaning }) => t("talk.part", { said, meaning })).join(" · ")]);
  }
  if (candidates.length > 0) {
    rows.push([t("talk.rivals"), candidates.map(({ reading }) => reading).join(" · ")]);
  }
  if (why.length > 0) {
    rows.push([t("talk.why"), why.join(" ")]);
  }
  const sum = Object.values(took ?? {}).reduce((all, one) => all + one, 0);
  if (sum > 0) {
    rows.push([t("talk.took"), t("talk.ms", { n: number(sum, sum < 10 ? 1 : 0) })]);
  }
  return el("details", { class: "understood" }, el("summary", { text: t("talk.understood") }),
    intent ? null : el("p", { class: "hint", text: t("talk.nothing") }),
    el("dl", { class: "facts-list" }, rows.map(([key, value]) => el("div", {}, el("dt", { text: key }), el("dd", { text: value })))));
}

/**
 * Answers to a question that the house asks back: those it lists itself, else the names of things
 * and rooms that its words hold, and yes and no for a question that names one thing at most.
 */
function answers(answer) {
  const listed = answer.homard.choices;
  if (Array.isArray(listed) && listed.length > 0) {
    return listed.map((choice) => (typeof choice === "string" ? choice : choice.name));
  }
  const said = answer.response.speech.plain.speech;
  if (YES_OR_NO.test(said)) {
    return [t("yes"), t("no")];
  }
  const text = ` ${plain(said)} `;
  const names = new Set();
  for (const { attributes } of states.values()) {
    names.add(attributes.friendly_name);
    names.add(attributes.area);
  }
  let found = [...names].filter((name) => name && text.includes(` ${plain(name)} `));
  // "Kitchen light" is meant, not "Kitchen".
  found = found.filter((name) => !found.some((other) => other !== name && ` ${plain(other)} `.includes(` ${plain(name)} `)));
  found.sort((one, other) => text.indexOf(` ${plain(one)} `) - text.indexOf(` ${plain(other)} `));
  if (found.length > 1) {
    return [...found.slice(0, 8), t("no")];
  }
  if (WHICH_ROOM.test(said)) {
    return [...document.querySelectorAll("#rooms option")].map((option) => option.value).slice(0, 12);
  }
  return [t("yes"), t("no")];
}

function plain(text) {
  return text.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, " ").trim();
}

function quick(list) {
  return el("div", { class: "quick", role: "group", "aria-label": t("talk.answers") },
    list.map((word) => el("button", { type: "button", class: "quiet", text: word, onclick: () => say(word) })));
}

function show(turn, isLast) {
  if (turn.you !== undefined) {
    return [bubble("you", el("p", { text: turn.you }))];
  }
  if (turn.error !== undefined) {
    return [bubble("house", el("p", { class: "note bad", text: turn.error }))];
  }
  const { response, homard, continue_conversation: continues } = turn.answer;
  const canUndo = isLast && response.response_type === "action_done" && response.data.success.length > 0;
  return [bubble("house",
    el("p", { lang: response.language, text: response.speech.plain.speech }),
    outcomes(response.data),
    isLast && continues ? quick(answers(turn.answer)) : null,
    canUndo ? el("div", { class: "quick" }, el("button", { type: "button", class: "quiet", onclick: () => say(t("talk.undo.said")) }, icon("undo"), t("talk.undo"))) : null,
    understood(homard))];
}

/** The last turn alone has buttons, so it is drawn anew when another follows. */
function draw() {
  hello.hidden = kept.turns.length > 0;
  fresh.hidden = kept.turns.length === 0;
  const nodes = kept.turns.flatMap((turn, at) => show(turn, at === kept.turns.length - 1));
  const old = log.children.length;
  log.replaceChildren(...nodes);
  if (nodes.length > old) {
    nodes.at(-1)?.scrollIntoView({ block: "end" });
  }
}

function add(turn) {
  kept.turns.push(turn);
  keep();
  draw();
}

/** One after the other: an answer belongs to what was said before it. */
let line = Promise.resolve();

function say(text) {
  line = line.then(() => exchange(text));
}

function exchange(text) {
  add({ you: text });
  return ask(() => call("/api/conversation/process", { method: "POST", body: { text, language, conversation_id: kept.conversation } }));
}

/** What was said aloud: the house says what it heard with its answer. */
function hear(recording) {
  line = line.then(async () => {
    const answer = await ask(() => call(`/api/speech?language=${language}`, { method: "POST", body: recording }));
    if (answer && aloud.checked) {
      const { speech, language: theirs } = answer.response;
      sayAloud(speech.plain.speech, theirs).catch((error) => tell(error.code === "no_voice" ? t("talk.aloud.none") : error.message, true));
    }
  });
}

async function ask(question) {
  const waiting = bubble("house", el("p", { class: "thinking", text: t("talk.thinking") }));
  log.append(waiting);
  form.classList.add("waiting");
  try {
    const answer = await question();
    kept.conversation = answer.conversation_id;
    if (answer.transcript !== undefined) {
      add({ you: answer.transcript });
    }
    add({ answer });
    return answer;
  } catch (error) {
    const text = error.code === "no_speech" ? t("talk.mic.none") : error instanceof Refused ? error.message : t("failed");
    add({ error: text });
    return null;
  } finally {
    form.classList.remove("waiting");
    input.focus();
  }
}

const aloud = document.getElementById("aloud");
try {
  aloud.checked = localStorage.getItem(ALOUD) !== "no";
} catch {
  // As above.
}
aloud.addEventListener("change", () => {
  aloud.checked || hush();
  try {
    localStorage.setItem(ALOUD, aloud.checked ? "yes" : "no");
  } catch {
    // As above.
  }
});

const microphone = document.getElementById("microphone");
let recording = null;

/** Begins to listen; the button says so until it is let go. */
async function listen() {
  if (recording !== null) {
    return;
  }
  hush();
  mayBeHeard();
  recording = record();
  microphone.setAttribute("aria-pressed", "true");
  try {
    await recording.begun;
    tell(t("talk.mic.on"));
  } catch (error) {
    recording = null;
    microphone.setAttribute("aria-pressed", "false");
    tell(t(error.message), true);
  }
}

async function send() {
  const ended = recording;
  recording = null;
  microphone.setAttribute("aria-pressed", "false");
  const sound = await ended?.end();
  if (sound) {
    hear(sound);
  } else if (ended && sound === null) {
    tell(t("talk.mic.short"), true);
  }
}

microphone.addEventListener("pointerdown", (press) => {
  microphone.setPointerCapture(press.pointerId);
  listen();
});
microphone.addEventListener("pointerup", send);
microphone.addEventListener("pointercancel", send);
microphone.addEventListener("contextmenu", (menu) => menu.preventDefault());
microphone.addEventListener("keydown", (key) => {
  if ((key.key === " " || key.key === "Enter") && !key.repeat) {
    key.preventDefault();
    listen();
  }
});
microphone.addEventListener("keyup", (key) => (key.key === " " || key.key === "Enter") && send());

form.addEventListener("submit", (submit) => {
  submit.preventDefault();
  const text = input.value.trim();
  if (text !== "") {
    input.value = "";
    say(text);
  }
});
hello.addEventListener("click", (click) => {
  const example = click.target.closest("button");
  if (example) {
    say(example.textContent);
  }
});
fresh.addEventListener("click", () => {
  kept = { turns: [] };
  keep();
  draw();
  input.focus();
});
on("all", draw);
ready();
follow();
draw();
