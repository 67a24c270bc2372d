// What is wrong, in the reader's language. The house words it in English (`/api/homard/problems`), as producers' keys
// are; a table beside this file has the wordings of another language, `{}` being what differs.

import { language } from "./core.js";

/** How deep a wording is looked for within another: key, component, payload. */
const DEEPEST = 4;

const ofLanguage = { fr: "problems-fr.json" }[language];
const table = ofLanguage ? await (await fetch(new URL(ofLanguage, import.meta.url))).json() : {};

/** A wording as a pattern; what stands between backticks is a name and stays as it is. */
const wordings = Object.entries(table)
  .sort(([one], [other]) => other.length - one.length)
  .map(([english, wording]) => {
    const parts = english.split("{}");
    const pattern = parts.map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("(.+?)");
    return { pattern: new RegExp(`^${pattern}$`, "s"), wording, isName: parts.map((part) => part.endsWith("`")) };
  });

/** The text of a problem as the reader words it; as it is where the language has no wording for it. */
export function worded(text, depth = 0) {
  for (const { pattern, wording, isName } of depth < DEEPEST ? wordings : []) {
    const gaps = pattern.exec(text)?.slice(1);
    if (gaps) {
      let n = 0;
      return wording.replace(/\{\}/g, () => (isName[n] ? gaps[n++] : worded(gaps[n++], depth + 1)));
    }
  }
  return text;
}
