// The last lines of the log.

import { call, count, el, follow, language, t, write } from "./core.js";
import { complain } from "./forms.js";

const LEVELS = ["error", "warn", "info", "debug"];
const level = document.getElementById("level");
const log = document.getElementById("lines");
const time = new Intl.DateTimeFormat(language, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit" });

function line({ at, level: how, module, text }) {
  return el("li", { class: how },
    el("span", { class: "log-head" }, el("time", { datetime: at, text: time.format(new Date(at)) }), el("strong", { text: t(`log.${how}`) }), el("span", { text: module })),
    el("span", { class: "log-text", text }));
}

async function draw() {
  const lines = await call(`/api/homard/log?limit=500&level=${level.value}`);
  log.replaceChildren(...lines.reverse().map(line));
  log.hidden = lines.length === 0;
  write(document.getElementById("counted"), count("log.lines", lines.length));
}

level.append(...LEVELS.map((word) => el("option", { value: word, text: t(`log.least.${word}`) })));
level.value = "info";
level.addEventListener("change", () => draw().catch(complain));
document.getElementById("again").addEventListener("click", () => draw().catch(complain));
follow();
draw().catch(complain);
