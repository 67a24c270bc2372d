// Settings: oneself; and for who runs the house, people and tokens.

import { sayAloud } from "./aloud.js";
import { Refused, ago, ask, call, dialog, el, follow, icon, language as here, number, t, tell, write } from "./core.js";
import { showStrength } from "./strength.js";

const ROLES = ["admin", "adult", "child", "guest"];
const LANGUAGES = [["en", "English"], ["fr", "Français"]];
const path = (kind, id) => `/api/homard/${kind}/${encodeURIComponent(id)}`;
/** Variants of espeak-ng's voices, for any language. */
const VOICES = ["+f2", "+f3", "+f4", "+m2", "+m3", "+m7", "+whisper"];
const byName = (one, other) => one.name.localeCompare(other.name);
let areas = [];

function complain(error) {
  tell(error instanceof Refused ? error.message : t("failed"), true);
}

const field = (label, input) => el("label", { class: "field" }, el("span", { class: "legend", text: label }), input);

function newPassword(known) {
  const input = el("input", { type: "password", autocomplete: "new-password", maxlength: 512 });
  const meter = el("meter", { min: 0, max: 4, low: 2, high: 3, optimum: 4, value: 0, "aria-label": t("strength") });
  const words = el("p", { class: "hint", role: "status", text: t("strength.hint") });
  showStrength(input, meter, words, known);
  return { input, parts: [meter, words] };
}

/** A form in a dialog; `send` throws what is to be shown in it. */
function form(title, parts, action, send) {
  const { box, body } = dialog(title);
  const note = el("p", { class: "note bad", role: "alert" });
  const button = el("button", { type: "submit", text: action });
  body.append(el("form", {
    onsubmit: async (event) => {
      event.preventDefault();
      button.disabled = true;
      try {
        await send();
        box.close();
      } catch (error) {
        write(note, error instanceof Refused ? error.message : t("failed"));
      }
      button.disabled = false;
    },
  }, ...parts, note, el("div", { class: "row end" }, el("button", { type: "button", class: "quiet", text: t("cancel"), onclick: () => box.close() }), button)));
  return box;
}

/** How somebody is spoken to aloud: the fields, and what they say. */
function voiceFields({ voice, volume }) {
  const name = el("input", { name: "voice", list: "voices", maxlength: 100, autocomplete: "off", spellcheck: "false", placeholder: t("settings.voice.houses"), value: voice ?? "" });
  const volumes = [...new Set([20, 40, 60, 80, 100, volume ?? 100])].sort((one, other) => one - other);
  const loud = el("select", { name: "volume" }, el("option", { value: "", text: t("settings.volume.houses") }), volumes.map((n) => el("option", { value: n, text: `${number(n)} %` })));
  loud.value = volume ?? "";
  return {
    parts: [
      field(t("settings.voice.own"), name), el("p", { class: "hint", text: t("settings.voice.own.hint") }), field(t("settings.volume"), loud),
    ],
    read: () => ({ voice: name.value, volume: loud.value === "" ? null : Number(loud.value) }),
  };
}

function drawMe(me) {
  const isPerson = me.person_id !== null;
  const language = el("select", {
    onchange: () => call("/api/homard/me", { method: "PATCH", body: { language: language.value } }).then(() => location.reload(), complain),
  }, el("option", { value: "", text: t("settings.language.browser") }), LANGUAGES.map(([code, name]) => el("option", { value: code, text: name, lang: code })));
  language.value = me.language ?? "";
  const spoken = voiceFields(me);
  const saved = () => call("/api/homard/me", { method: "PATCH", body: spoken.read() });
  const voice = el("div", { id: "my-voice", class: "fields", onchange: () => saved().then(() => tell(t("settings.voice.saved")), complain) }, ...spoken.parts);
  const listen = () => saved().then(() => sayAloud(t("settings.voice.sample"), here)).catch(complain);
  document.getElementById("me").replaceChildren(
    el("p", { class: "who" }, el("strong", { text: me.name }), " ", el("span", { class: "role", text: t(`role.${me.role}`) })),
    ...(isPerson
      ? [field(t("settings.language"), language), voice, el("div", { class: "row end" }, el("button", { type: "button", class: "quiet", id: "listen", text: t("settings.voice.listen"), onclick: listen }), el("button", { type: "button", class: "quiet", id: "password", text: t("settings.password"), onclick: () => changePassword(me) }))]
      : [el("p", { class: "hint", text: t("settings.me.token", { name: me.name }) })]),
  );
}

function changePassword(me) {
  const old = el("input", { type: "password", autocomplete: "current-password", required: true, name: "old" });
  const fresh = newPassword(() => [me.name]);
  fresh.input.required = true;
  form(t("settings.password"), [field(t("settings.password.old"), old), field(t("settings.password.new"), fresh.input), ...fresh.parts], t("save"), async () => {
    await call("/api/homard/me", { method: "PATCH", body: { old_password: old.value, password: fresh.input.value } });
    // The new session has a word of its own.
    sessionStorage.setItem("told", t("settings.password.done"));
    location.reload();
  });
}

const roomName = (id) => areas.find((area) => area.area_id === id)?.name ?? id;

async function drawPeople() {
  const people = (await call("/api/homard/people")).sort(byName);
  const line = (person) => {
    const rooms = person.areas.map(roomName).join(", ") || t("settings.people.no_rooms");
    return el("li", {},
      el("span", { class: "words" }, el("span", { class: "name", text: person.name }), el("span", { class: "hint", text: person.role === "guest" ? `${t("role.guest")} · ${rooms}` : t(`role.${person.role}`) })),
      el("button", { type: "button", class: "round", "aria-label": `${t("edit")}: ${person.name}`, onclick: () => editPerson(person) }, icon("edit")));
  };
  document.getElementById("people").replaceChildren(
    people.length ? el("ul", { class: "list" }, people.map(line)) : el("p", { class: "hint", text: t("settings.people.none") }),
    el("div", { class: "row end" }, el("button", { type: "button", class: "quiet", id: "add-person", text: t("settings.people.add"), onclick: () => editPerson(null) })),
  );
}

function editPerson(person) {
  const name = el("input", { name: "name", required: true, maxlength: 100, autocomplete: "off", value: person?.name ?? "" });
  const role = el("select", { name: "role", onchange: () => showRooms() }, ROLES.map((word) => el("option", { value: word, text: `${t(`role.${word}`)} – ${t(`role.${word}.hint`)}` })));
  role.value = person?.role ?? "adult";
  const fresh = newPassword(() => [name.value]);
  fresh.input.name = "password";
  fresh.input.required = !person;
  const rooms = el("fieldset", { class: "rooms-of" }, el("legend", { text: t("settings.people.rooms") }), areas.map((area) => {
    const box = el("input", { type: "checkbox", value: area.area_id });
    box.checked = person?.areas.includes(area.area_id) ?? false;
    return el("label", { class: "check" }, box, area.name);
  }));
  const showRooms = () => (rooms.hidden = role.value !== "guest");
  showRooms();
  const spoken = voiceFields(person ?? {});
  const remove = person && el("button", {
    type: "button", class: "quiet bad", text: t("remove"),
    onclick: async () => {
      if (await ask(t("settings.people.remove", { name: person.name }), t("settings.people.remove.hint"), t("remove"))) {
        await call(path("people", person.id), { method: "DELETE" }).then(() => box.close(), complain);
        await drawPeople();
      }
    },
  });
  const parts = [field(t("name"), name), field(t("role"), role), rooms, ...spoken.parts, field(person ? t("settings.people.new_password") : t("password"), fresh.input), ...fresh.parts, remove];
  const box = form(person?.name ?? t("settings.people.add"), parts, person ? t("save") : t("add"), async () => {
    const body = { name: name.value, role: role.value, ...spoken.read(), areas: [...rooms.querySelectorAll(":checked")].map((input) => input.value) };
    if (fresh.input.value) {
      body.password = fresh.input.value;
    }
    await (person ? call(path("people", person.id), { method: "PATCH", body }) : call("/api/homard/people", { method: "POST", body }));
    await drawPeople();
  });
}

async function drawTokens() {
  const tokens = (await call("/api/homard/tokens")).sort(byName);
  const line = (token) => el("li", {},
    el("span", { class: "words" }, el("span", { class: "name", text: token.name }), el("span", { class: "hint", text: `${token.person ?? t(`role.${token.role ?? "guest"}`)} · ${t("settings.tokens.made", { time: ago(token.made) })}` })),
    el("button", {
      type: "button", class: "quiet", "aria-label": `${t("settings.tokens.revoke")}: ${token.name}`, text: t("settings.tokens.revoke"),
      onclick: async () => {
        if (await ask(t("settings.tokens.remove", { name: token.name }), t("settings.tokens.remove.hint"), t("settings.tokens.revoke"))) {
          await call(path("tokens", token.name), { method: "DELETE" }).catch(complain);
          await drawTokens();
        }
      },
    }));
  document.getElementById("tokens").replaceChildren(
    tokens.length ? el("ul", { class: "list" }, tokens.map(line)) : el("p", { class: "hint", text: t("settings.tokens.none") }),
    el("div", { class: "row end" }, el("button", { type: "button", class: "quiet", id: "add-token", text: t("settings.tokens.add"), onclick: makeToken })),
  );
}

async function makeToken() {
  const people = (await call("/api/homard/people")).sort(byName);
  const name = el("input", { name: "name", required: true, maxlength: 100, autocomplete: "off" });
  const holder = el("select", { name: "holder" },
    ["adult", "child", "admin"].map((word) => el("option", { value: `role ${word}`, text: `${t(`role.${word}`)} – ${t(`role.${word}.hint`)}` })),
    people.map((person) => el("option", { value: `person ${person.id}`, text: t("settings.tokens.of", { name: person.name }) })));
  form(t("settings.tokens.add"), [field(t("name"), name), field(t("settings.tokens.for"), holder)], t("add"), async () => {
    const [kind, value] = holder.value.split(" ");
    const body = { name: name.value, [kind === "role" ? "role" : "person_id"]: value };
    const { token, name: called } = await call("/api/homard/tokens", { method: "POST", body });
    await drawTokens();
    showToken(called, token);
  });
}

function showToken(name, token) {
  const { body } = dialog(name);
  const shown = el("code", { class: "secret", tabindex: 0, text: token });
  body.append(el("p", { text: t("settings.tokens.once") }), shown, el("div", { class: "row end" }, el("button", {
    type: "button", class: "quiet", text: t("settings.tokens.copy"),
    onclick: async () => {
      // Without TLS a browser has no clipboard for scripts; then it is selected.
      try {
        await navigator.clipboard.writeText(token);
        tell(t("settings.tokens.copied"));
      } catch {
        getSelection().selectAllChildren(shown);
      }
    },
  })));
}

document.body.append(el("datalist", { id: "voices" }, VOICES.map((value) => el("option", { value }))));
drawMe(await call("/api/homard/me"));
const news = sessionStorage.getItem("told");
if (news) {
  sessionStorage.removeItem("told");
  tell(news);
}
follow();
if (document.getElementById("people")) {
  areas = (await call("/api/homard/areas")).sort(byName);
  await Promise.all([drawPeople(), drawTokens()]).catch(complain);
}
