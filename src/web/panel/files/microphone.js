// The browser's microphone: records while a button is held, and gives what was said as a WAV file
// that the house understands: one channel, 16 bits, 16,000 values a second.

const RATE = 16000;
/** Nobody says a sentence in less, and nobody commands a house for longer; in seconds. */
const SHORTEST = 0.3;
const LONGEST = 30;

/**
 * Begins to record. `begun` fails with the key of the words that say why not; `end()` gives the file,
 * null when it is too short, undefined when it never began.
 */
export function record() {
  const parts = [];
  let context;
  let stream;
  let source;
  const begun = (async () => {
    // Browsers give it to secure pages only.
    if (!navigator.mediaDevices?.getUserMedia || !window.AudioWorklet) {
      throw new Error("talk.mic.insecure");
    }
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1, echoCancellation: true, noiseSuppression: true } });
    } catch {
      throw new Error("talk.mic.denied");
    }
    context = new AudioContext({ sampleRate: RATE });
    await context.audioWorklet.addModule(new URL("recorder.js", import.meta.url));
    const recorder = new AudioWorkletNode(context, "recorder", { numberOfOutputs: 0 });
    recorder.port.onmessage = ({ data }) => parts.length * data.length < LONGEST * RATE && parts.push(data);
    source = context.createMediaStreamSource(stream);
    source.connect(recorder);
  })();
  begun.catch(() => {});

  const end = async () => {
    const hasBegun = await begun.then(() => true, () => false);
    stream?.getTracks().forEach((track) => track.stop());
    source?.disconnect();
    await context?.close();
    if (!hasBegun) {
      return undefined;
    }
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    return length < SHORTEST * RATE ? null : wav(parts, length);
  };
  return { begun, end };
}

function wav(parts, length) {
  const view = new DataView(new ArrayBuffer(44 + length * 2));
  const text = (at, word) => [...word].forEach((letter, n) => view.setUint8(at + n, letter.charCodeAt(0)));
  text(0, "RIFF");
  view.setUint32(4, 36 + length * 2, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, RATE, true);
  view.setUint32(28, RATE * 2, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  text(36, "data");
  view.setUint32(40, length * 2, true);
  let at = 44;
  for (const part of parts) {
    for (const value of part) {
      view.setInt16(at, Math.max(-1, Math.min(1, value)) * 32767, true);
      at += 2;
    }
  }
  return new Blob([view], { type: "audio/wav" });
}
