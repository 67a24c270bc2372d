// How long a password would take to guess, roughly: from its length, what it is made of, and what is easy in it. Shown
// while it is typed; what is refused is decided by the house.

import { t, write } from "./core.js";

const COMMON = ["password", "passwort", "motdepasse", "azerty", "qwerty", "qwertz", "admin", "homard", "bonjour", "soleil", "welcome", "letmein", "iloveyou", "dragon", "monkey", "football", "master", "secret", "doudou", "loulou", "chouchou", "marseille", "abc", "123"];

/** 0 (too short) to 4. */
export function strength(password, known = []) {
  if ([...password].length < 8) {
    return 0;
  }
  let rest = password.toLowerCase();
  let bits = 0;
  for (const word of [...known.map((name) => name.toLowerCase()).filter((name) => name.length > 2), ...COMMON]) {
    if (rest.includes(word)) {
      rest = rest.replaceAll(word, "");
      bits += 4;
    }
  }
  // "aaaa", "4321" and "abcd" are worth little more than their first letter.
  let worth = 0;
  [...rest].forEach((letter, n, all) => {
    const step = n > 0 ? letter.codePointAt(0) - all[n - 1].codePointAt(0) : 9;
    worth += Math.abs(step) <= 1 ? 0.25 : 1;
  });
  const kinds = [/[a-z]/, /[A-Z]/, /\d/, /[^A-Za-z0-9]/].filter((kind) => kind.test(password)).length;
  bits += worth * [3, 3.6, 4.4, 5, 5.4][kinds];
  return bits < 28 ? 1 : bits < 42 ? 2 : bits < 60 ? 3 : 4;
}

/** Keeps a meter and its words up to date. */
export function showStrength(input, meter, words, known = () => []) {
  input.addEventListener("input", () => {
    const level = strength(input.value, known());
    meter.value = level;
    write(words, t(`strength.${level}`));
  });
}
