// The bot of Telegram: its token, who asks to be let in, who may talk to the house.

import { ago, ask, call, el, follow, later, t, tell } from "./core.js";
import { complain } from "./forms.js";

const PATH = "/api/homard/telegram";
const boxes = Object.fromEntries(["bot", "waiting", "chats"].map((id) => [id, document.getElementById(id)]));
let people = [];

const empty = (key) => el("p", { class: "hint", text: t(key) });

function state({ state: word, name, code, since }) {
  const text = word === "online" ? t("telegram.online", { name: `@${name}` })
    : word === "lost" ? t(`telegram.lost.${code}`, { time: ago(since) })
      : word === "refused" ? t(`telegram.${code}`)
        : t(`telegram.${word}`);
  return el("p", { class: word === "online" ? "note good" : word === "lost" || word === "refused" ? "note bad" : "note", role: "status", text });
}

function drawBot(bot) {
  if (bot.is_in_file) {
    boxes.bot.replaceChildren(state(bot), empty("telegram.in_file"));
    return;
  }
  const token = el("input", { name: "token", type: "password", autocomplete: "off", spellcheck: "false", maxlength: 128, required: true });
  const send = (value) => call(PATH, { method: "PUT", body: { token: value } }).then((now) => { draw(now); tell(t("settings.saved")); }).catch(complain);
  const form = el("form", { class: "fields" },
    el("label", { class: "field" }, el("span", { class: "legend", text: t(bot.has_token ? "telegram.token.other" : "telegram.token") }), token),
    el("div", { class: "row end" },
      bot.has_token ? el("button", { type: "button", class: "quiet", text: t("telegram.off.do"), onclick: () => send("") }) : null,
      el("button", { type: "submit", text: t("save") })));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(token.value.trim());
  });
  boxes.bot.replaceChildren(state(bot), ...(bot.has_token ? [] : [empty("telegram.how")]), form);
}

function waiting({ code, name, since }) {
  const who = el("select", { "aria-label": t("telegram.who") },
    el("option", { value: "", text: t("telegram.who") }),
    people.map((person) => el("option", { value: person.id, text: person.name })));
  const pair = () => who.value && call(`${PATH}/pair`, { method: "POST", body: { code, person: who.value } }).then(load).catch(complain);
  return el("li", { "data-code": code },
    el("span", { class: "words" }, el("span", { class: "name", text: `${code} · ${name}` }), el("span", { class: "hint", text: ago(since) })),
    who, el("button", { type: "button", text: t("telegram.pair"), onclick: pair }));
}

function chat(name, hint, number) {
  const remove = async () => {
    if (await ask(t("telegram.remove.ask", { name }), t("telegram.remove.hint"), t("remove"))) {
      await call(`${PATH}/${number}`, { method: "DELETE" }).then(load).catch(complain);
    }
  };
  return el("li", {},
    el("span", { class: "words" }, el("span", { class: "name", text: name }), el("span", { class: "hint", text: hint })),
    el("button", { type: "button", class: "quiet", "aria-label": `${t("remove")}: ${name}`, text: t("remove"), onclick: remove }));
}

function draw(bot) {
  // Who types a token keeps it.
  if (!boxes.bot.contains(document.activeElement) || document.activeElement.tagName !== "INPUT") {
    drawBot(bot);
  }
  if (!boxes.waiting.contains(document.activeElement)) {
    boxes.waiting.replaceChildren(bot.waiting.length ? el("ul", { class: "list" }, bot.waiting.map(waiting)) : empty("telegram.nobody_waits"));
  }
  const called = (id) => people.find((person) => person.id === id)?.name ?? t("telegram.gone");
  const chats = [
    ...bot.people.map((one) => chat(called(one.person), one.name, one.chat)),
    ...bot.groups.map((one) => chat(one.title, t("telegram.group"), one.chat)),
  ];
  boxes.chats.replaceChildren(chats.length ? el("ul", { class: "list" }, chats) : empty("telegram.no_chats"));
}

async function load() {
  people = await call("/api/homard/people");
  draw(await call(PATH));
}

// Telegram is reached, and somebody asks to be let in, while the page is looked at.
const soon = later(5000, again);

async function again() {
  await load().catch(complain);
  soon();
}

follow();
again();
