// Microphone and voice, and the models: what is there, and fetching it.

import { call, el, follow, known, number, t } from "./core.js";
import { complain, size } from "./forms.js";

const list = document.getElementById("models");
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

follow();
call("/api/homard/system").then(({ has_speech: has }) => {
  document.getElementById("voice").replaceChildren(
    el("p", { text: t(has ? "settings.voice.there" : "settings.voice.absent") }),
    el("p", { class: "hint", text: t("settings.voice.house") }));
}).catch(complain);
draw().catch(complain);
