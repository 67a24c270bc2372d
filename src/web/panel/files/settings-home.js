// The home: its name, the languages it speaks, where it is.

import { call, el, follow, t } from "./core.js";
import { complain, field, inFile, isOurs, saving, showRestart } from "./forms.js";
import { languageName } from "./tongue.js";
import { placeFields } from "./place.js";

function drawName({ name, unit_system: units }) {
  const called = el("input", { name: "home", value: name.value, maxlength: 60, required: true, autocomplete: "off", disabled: !isOurs(name) });
  const select = el("select", { name: "units", disabled: !isOurs(units) }, ["metric", "us_customary"].map((word) => el("option", { value: word, text: t(`units.${word}`) })));
  select.value = units.value;
  document.getElementById("home").replaceChildren(saving(
    [field(t("welcome.home.name"), called), field(t("settings.units"), select), inFile(name, units)],
    () => ({ ...(isOurs(name) && { name: called.value }), ...(isOurs(units) && { unit_system: select.value }) }),
  ));
}

function drawLanguages({ language, languages, languages_there: there }) {
  const all = [...new Set([...languages.value, ...there])].sort((one, other) => languageName(one).localeCompare(languageName(other)));
  const first = el("select", { name: "language", disabled: !isOurs(language) }, all.map((code) => el("option", { value: code, text: languageName(code) })));
  first.value = language.value;
  const box = (code) => {
    const input = el("input", { type: "checkbox", value: code, disabled: !isOurs(languages) });
    input.checked = languages.value.includes(code);
    return el("label", { class: "check" }, input, languageName(code));
  };
  const boxes = el("fieldset", { class: "rooms-of languages" }, el("legend", { text: t("settings.languages.all") }), all.map(box));
  const more = there.length < 10 ? el("p", { class: "hint" }, t("settings.languages.more"), " ", el("a", { href: "/settings/voice", text: t("settings.models") })) : null;
  document.getElementById("languages").replaceChildren(saving(
    [field(t("settings.languages.first"), first), boxes, more, inFile(language, languages)],
    () => {
      const chosen = [...boxes.querySelectorAll(":checked")].map((input) => input.value);
      const ordered = [first.value, ...chosen.filter((code) => code !== first.value)];
      return { ...(isOurs(language) && { language: first.value }), ...(isOurs(languages) && { languages: ordered }) };
    },
    drawLanguages,
  ));
}

function drawPlace(settings) {
  const { parts, read } = placeFields(settings);
  document.getElementById("place").replaceChildren(saving([...parts, inFile(settings.position, settings.time_zone)], read));
}

follow();
call("/api/homard/settings").then((settings) => {
  drawName(settings);
  drawLanguages(settings);
  drawPlace(settings);
  showRestart(settings);
}).catch(complain);
