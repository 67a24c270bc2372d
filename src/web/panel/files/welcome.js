// The first steps in a house that nobody runs yet: one after the other, nothing is done before its step is left.

import { Refused, call, count, language, page, ready, t, write } from "./core.js";
import { brokerFields } from "./broker.js";
import { decide, inFile, isOurs, restart } from "./forms.js";
import { placeFields } from "./place.js";
import { showStrength } from "./strength.js";

const steps = [...document.querySelectorAll(".step")];
const progress = document.getElementById("progress");
const told = document.getElementById("told");
const at = (id) => document.getElementById(id);
const kept = {};
/** What the house knows, once somebody runs it. */
let settings;
let place;
let broker;

function show(n) {
  steps.forEach((step, index) => (step.hidden = index !== n));
  write(progress, t("welcome.progress", { n: n + 1, all: steps.length }));
  write(told, "");
  steps[n].querySelector("input:not([type=radio]), select, button")?.focus();
  at("step-devices") === steps[n] && look();
}

const after = {
  "step-language": () => {
    const chosen = document.querySelector("[name=language]:checked")?.value ?? language;
    kept.code = at("code")?.value;
    if (chosen !== language) {
      // The words come from the server; what was typed is only the code.
      sessionStorage.setItem("code", kept.code ?? "");
      location.assign(`/?language=${chosen}#next`);
      return false;
    }
    return true;
  },
  "step-owner": async () => {
    const answer = await call("/setup", { method: "POST", body: { name: at("name").value, password: at("password").value, language, code: kept.code } });
    page.word = answer.word;
    at("password").value = "";
    document.querySelector(".after")?.remove();
    await begin();
    return true;
  },
  "step-place": async () => {
    const body = place.read();
    if (body) {
      settings = await decide(body);
    }
    return true;
  },
  "step-broker": async () => {
    const wish = isOurs(settings.broker) ? broker.read() : null;
    if (wish && !(wish.kind === "embedded" && settings.broker.value.kind === "embedded")) {
      settings = await decide({ broker: wish });
    }
    if (settings.needs_restart) {
      write(told, t("settings.restarting"));
      await restart(settings);
    }
    return true;
  },
  "step-devices": () => {
    location.assign("/");
    return false;
  },
};

/** What only who runs the house may see and decide. */
async function begin() {
  settings = await call("/api/homard/settings");
  const body = {};
  if (isOurs(settings.name)) {
    body.name = at("home").value;
  }
  if (settings.language.by === "default") {
    body.language = language;
  }
  if (Object.keys(body).length) {
    settings = await decide(body);
  }
  place = placeFields(settings, true);
  at("place").append(...[...place.parts, inFile(settings.position, settings.time_zone)].filter(Boolean));
  broker = brokerFields(settings.broker);
  at("broker").append(...[...broker.parts, inFile(settings.broker)].filter(Boolean));
}

at("skip-place").addEventListener("click", () => show(steps.indexOf(at("step-place")) + 1));

for (const [n, step] of steps.entries()) {
  step.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = step.querySelector("[type=submit]");
    button.disabled = true;
    try {
      if (await (after[step.id]?.() ?? true)) {
        show(n + 1);
      }
    } catch (error) {
      write(told, error instanceof Refused ? error.message : t("failed"));
    }
    button.disabled = false;
  });
}

at("restore").addEventListener("click", async () => {
  const [file] = at("backup").files;
  if (!file) {
    write(told, t("welcome.restore.none"));
    return;
  }
  at("restore").disabled = true;
  write(told, t("welcome.restoring"));
  const base64 = (text) => btoa(String.fromCharCode(...new TextEncoder().encode(text)));
  const passphrase = at("backup-passphrase").value;
  try {
    await call("/setup/restore", {
      method: "POST",
      body: new Blob([file], { type: "application/octet-stream" }),
      headers: { "X-Homard-Code": at("code")?.value ?? "", ...(passphrase && { "X-Homard-Passphrase": base64(passphrase) }) },
    });
    // It starts again in a moment; unpacking takes its time on a small board.
    await new Promise((done) => setTimeout(done, 2000));
    while (!(await fetch("/healthz").then((answer) => answer.ok, () => false))) {
      await new Promise((done) => setTimeout(done, 500));
    }
    location.assign("/");
  } catch (error) {
    write(told, error instanceof Refused ? error.message : t("failed"));
    at("restore").disabled = false;
  }
});

showStrength(at("password"), at("strength"), at("strength-words"), () => [at("name").value]);

/** How many devices there are by now, again and again. */
async function look() {
  const entities = await call("/api/homard/entities").catch(() => []);
  const n = new Set(entities.map((entity) => entity.device?.id ?? entity.entity_id)).size;
  write(at("found"), n === 0 ? t("welcome.found.none") : count("welcome.found", n));
  setTimeout(look, 2000);
}

const begins = location.hash === "#next" ? 1 : 0;
if (begins) {
  kept.code = sessionStorage.getItem("code") || undefined;
  sessionStorage.removeItem("code");
}
ready();
show(begins);
