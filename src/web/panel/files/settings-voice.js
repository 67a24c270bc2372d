// Microphone and voice, the models: what is there, and fetching it; and who of them talks.

import { ask, call, el, follow, number, t, tell } from "./core.js";
import { complain, field, size } from "./forms.js";

const list = document.getElementById("models");
/** Where this Homard has language models. */
const talker = document.getElementById("talker");
const elsewhere = document.getElementById("elsewhere");
/** The one on another machine, and a choice of this page's own. */
const [OUTSIDE, FILE] = ["outside", "/"];
let timer;

function line(model) {
  const { name, kind, about, license, pull, needs, n_there: n, n_files: all, memory_mib: memory } = model;
  const isThere = n === all;
  const isRunning = pull && pull.error === null;
  const words = isRunning ? t("models.running") : pull ? t("models.failed", { why: pull.error }) : isThere ? t("models.there") : needs ? t("models.needs", { needs }) : n ? t("models.partial", { n: number(n), all: number(all) }) : t("models.absent");
  const progress = isRunning && el("progress", { "aria-label": t("models.running"), ...(pull.total ? { max: pull.total, value: pull.done } : {}) });
  if (progress && pull.total) {
    progress.value = pull.done;
  }
  return el("li", { "data-model": name },
    el("span", { class: "words" },
      el("span", { class: "name", text: name }),
      el("span", { class: "hint", text: `${kind}: ${about}` }),
      el("span", { class: "hint", text: t("models.facts", { size: size(model.size), memory: number(memory), license }) }),
      el("span", { class: isThere ? "note good" : pull && !isRunning ? "note bad" : "note", text: words }),
      progress || null,
      isRunning && pull.what ? el("span", { class: "hint", text: pull.total ? `${pull.what}: ${size(pull.done)} / ${size(pull.total)}` : `${pull.what}: ${size(pull.done)}` }) : null),
    !isThere && !needs && !isRunning
      ? el("button", { type: "button", class: "quiet", "aria-label": `${t("models.pull")}: ${name}`, text: t("models.pull"), onclick: () => fetchIt(name) })
      : null);
}

async function draw() {
  clearTimeout(timer);
  const models = await call("/api/homard/models");
  // Who stands on a button keeps it.
  const focused = list.contains(document.activeElement) && document.activeElement.closest("[data-model]")?.dataset.model;
  list.replaceChildren(el("ul", { class: "list" }, models.map(line)));
  focused && list.querySelector(`[data-model="${CSS.escape(focused)}"] button`)?.focus();
  if (models.some(({ pull }) => pull && pull.error === null)) {
    timer = setTimeout(() => draw().catch(complain), 1000);
  }
}

async function fetchIt(name) {
  await call(`/api/homard/models/${encodeURIComponent(name)}/pull`, { method: "POST", body: {} }).catch(complain);
  await draw().catch(complain);
}

/** What leaves the house, in words. */
const leaving = (key, outside) => el("p", { class: "note", text: `${t(key, outside)}${outside.is_in_the_clear ? ` ${t("talker.clear")}` : ""}` });

const values = (box) => Object.fromEntries([...box.querySelectorAll("[name]")].map(({ name, value }) => [name, value]));
/** Of each box what its fields held when it was drawn or sent: what differs from it was typed since. */
const known = new Map();

/** Draws a box anew; what somebody typed and did not save stays, and so does where they are. */
function redraw(box, draw, choice) {
  const typed = Object.entries(values(box)).filter(([name, value]) => value !== known.get(box)?.[name]);
  const { activeElement: at } = document;
  const focused = box.contains(at) && (at.name ? `[name="${at.name}"]` : "[type=submit]");
  draw(choice);
  const fresh = values(box);
  known.set(box, fresh);
  for (const [name, value] of typed) {
    const input = box.querySelector(`[name="${name}"]`);
    input.value = value;
    // Who is gone can no longer be chosen.
    input.value = input.value === value ? value : fresh[name];
    input.dispatchEvent(new Event("change"));
  }
  focused && box.querySelector(focused)?.focus();
}

function drawModel(choice) {
  redraw(talker, drawTalker, choice);
  redraw(elsewhere, drawElsewhere, choice);
}

/** Has others be asked, as a box says, and says so. */
function choose(box, body, said) {
  const sent = values(box);
  return call("/api/homard/model", { method: "PUT", body }).then((now) => {
    known.set(box, sent);
    drawModel(now);
    tell(t(said(now)));
  }).catch(complain);
}

function drawTalker(choice) {
  const { talk, there, outside, is_in_file: isInFile } = choice;
  const isOwn = talk !== null && talk !== OUTSIDE && !there.includes(talk);
  const who = el("select", { name: "talk", disabled: isInFile },
    el("option", { value: "", text: t("talker.nobody") }),
    there.map((name) => el("option", { value: name, text: name })),
    outside && el("option", { value: OUTSIDE, text: t("talker.outside", outside) }),
    el("option", { value: FILE, text: t("talker.file") }));
  who.value = isOwn ? FILE : talk ?? "";
  const path = el("input", { name: "path", value: isOwn ? talk : "", autocomplete: "off", spellcheck: "false", maxlength: 1024, disabled: isInFile });
  const where = field(t("talker.path"), path);
  const show = () => { where.hidden = who.value !== FILE; };
  who.addEventListener("change", show);
  show();
  const button = el("button", { type: "submit", text: t("save"), disabled: isInFile });
  const save = async (event) => {
    event.preventDefault();
    button.disabled = true;
    const body = { talk: who.value === FILE ? path.value.trim() : who.value };
    await choose(talker, body, (now) => (now.talk === null ? "talker.none" : "talker.saved"));
    button.disabled = isInFile;
  };
  talker.replaceChildren(...(outside && talk === OUTSIDE ? [leaving("talker.leaves.talk", outside)] : []), el("form", { class: "fields", onsubmit: save },
    field(t("talker.who"), who), where, isInFile ? el("p", { class: "hint in-file", text: t("talker.in_file") }) : el("div", { class: "row end" }, button)));
}

function drawElsewhere({ ask: isAsked, outside, is_outside_in_file: isInFile }) {
  const input = (name, value, more) => el("input", { name, value, autocomplete: "off", spellcheck: "false", disabled: isInFile, ...more });
  const url = input("url", outside?.url ?? "", { type: "url", maxlength: 500 });
  const name = input("model", outside?.name ?? "", { maxlength: 200 });
  const key = input("key", "", { type: "password", maxlength: 512 });
  const protocol = el("select", { name: "protocol", disabled: isInFile }, ["openai", "ollama"].map((word) => el("option", { value: word, text: t(`elsewhere.${word}`) })));
  protocol.value = outside?.protocol ?? "openai";
  const button = el("button", { type: "submit", text: t("save"), disabled: isInFile });
  const save = async (event) => {
    event.preventDefault();
    const to = url.value.trim();
    if (to && to !== outside?.url && !(await ask(t("elsewhere.ask"), t("elsewhere.ask.hint", { url: to }), t("elsewhere.ask.do")))) {
      return;
    }
    button.disabled = true;
    const wish = { url: to, name: name.value.trim(), protocol: protocol.value, ...(key.value ? { key: key.value } : {}) };
    await choose(elsewhere, { outside: wish }, (now) => (now.outside ? "elsewhere.saved" : "elsewhere.none"));
    button.disabled = isInFile;
  };
  elsewhere.replaceChildren(...(outside && isAsked ? [leaving("talker.leaves", outside)] : []), el("form", { class: "fields", onsubmit: save },
    field(t("elsewhere.url"), url, t("elsewhere.url.hint")), field(t("elsewhere.protocol"), protocol), field(t("elsewhere.name"), name),
    field(t("elsewhere.key"), key, outside?.has_key ? t("elsewhere.key.kept") : null),
    isInFile ? el("p", { class: "hint in-file", text: t("talker.in_file") }) : el("div", { class: "row end" }, button)));
}

follow();
talker && call("/api/homard/model").then(drawModel).catch(complain);
call("/api/homard/system").then(({ has_speech: has }) => {
  document.getElementById("voice").replaceChildren(
    el("p", { text: t(has ? "settings.voice.there" : "settings.voice.absent") }),
    el("p", { class: "hint", text: t("settings.voice.house") }));
}).catch(complain);
draw().catch(complain);
