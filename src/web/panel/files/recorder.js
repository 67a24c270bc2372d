// Hands what the microphone hears to the page; runs beside it, in the browser's audio thread.

class Recorder extends AudioWorkletProcessor {
  constructor() {
    super();
    this.part = new Float32Array(2048);
    this.n = 0;
  }

  process([[channel]]) {
    for (const value of channel ?? []) {
      this.part[this.n] = value;
      this.n += 1;
      if (this.n === this.part.length) {
        this.port.postMessage(this.part.slice());
        this.n = 0;
      }
    }
    return true;
  }
}

registerProcessor("recorder", Recorder);
