// Microphone and voice, the models: what is there, and fetching it; and who of them talks.

import { call, el, follow, number, t, tell } from "./core.js";
import { complain, field, size } from "./forms.js";

const list = document.getElementById("models");
/** Where this Homard has language models. */
const talker = document.getElementById("talker");
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
function leaving({ ask, talk, outside }) {
  const keys = outside ? [ask && "talker.leaves", talk === OUTSIDE && "talker.leaves.talk"].filter(Boolean) : [];
  return keys.map((key) => el("p", { class: "note", text: `${t(key, outside)}${outside.is_in_the_clear ? ` ${t("talker.clear")}` : ""}` }));
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
    await call("/api/homard/model", { method: "PUT", body }).then((now) => {
      drawTalker(now);
      tell(t(now.talk === null ? "talker.none" : "talker.saved"));
    }).catch(complain);
    button.disabled = isInFile;
  };
  talker.replaceChildren(...leaving(choice), el("form", { class: "fields", onsubmit: save },
    field(t("talker.who"), who), where, isInFile ? el("p", { class: "hint in-file", text: t("talker.in_file") }) : el("div", { class: "row end" }, button)));
}

follow();
talker && call("/api/homard/model").then(drawTalker).catch(complain);
call("/api/homard/system").then(({ has_speech: has }) => {
  document.getElementById("voice").replaceChildren(
    el("p", { text: t(has ? "settings.voice.there" : "settings.voice.absent") }),
    el("p", { class: "hint", text: t("settings.voice.house") }));
}).catch(complain);
draw().catch(complain);
