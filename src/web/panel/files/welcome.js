// The first steps in a house that nobody runs yet: one after the other, nothing is done before its step is left.

import { Refused, call, count, language, page, t, write } from "./core.js";
import { showStrength } from "./strength.js";

const steps = [...document.querySelectorAll(".step")];
const progress = document.getElementById("progress");
const told = document.getElementById("told");
const at = (id) => document.getElementById(id);
const kept = { name: "" };

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
    return true;
  },
  "step-devices": () => {
    location.assign("/");
    return false;
  },
};

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
show(begins);
