// The browser's loudspeaker: says a text with the voice of the house.

import { call } from "./core.js";

let context;
let playing = null;
/** Which text is the last that was to be said. */
let turn = 0;

/** Browsers let a page be heard once something on it was pressed: to be called then. */
export function mayBeHeard() {
  context ??= new AudioContext();
  context.resume().catch(() => {});
}

/** Silent at once, also of what is only on its way. */
export function hush() {
  turn += 1;
  playing?.stop();
  playing = null;
}

/** Says a text instead of what is being said. Throws what the house has against it. */
export async function sayAloud(text, language) {
  hush();
  const mine = turn;
  const wav = await call("/api/homard/voice", { method: "POST", body: { text, language } });
  mayBeHeard();
  const buffer = await context.decodeAudioData(wav);
  if (mine !== turn) {
    return;
  }
  playing = new AudioBufferSourceNode(context, { buffer });
  playing.connect(context.destination);
  // A loudspeaker that is kept open costs a phone its battery.
  playing.onended = () => mine === turn && context.suspend();
  playing.start();
}
