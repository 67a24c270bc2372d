"""The microphone and the wake word of a satellite that has neither.

    wyoming_sound.py microphone WAV FILE    four seconds of silence and the recording, again and again, at 16 kHz and as
                                            fast as it would be spoken; silence alone once there is something in FILE
    wyoming_sound.py wake                   hears its word in three seconds of silence
"""

import os
import sys
import time
import wave

RATE = 16_000


def recording(path):
    with wave.open(path, "rb") as wav:
        assert (wav.getframerate(), wav.getsampwidth(), wav.getnchannels()) == (RATE, 2, 1)
        return wav.readframes(wav.getnframes())


def microphone(path, answer):
    said = bytes(2 * RATE * 4) + recording(path)
    step = RATE // 25
    began, n_given, at = time.monotonic(), 0, 0
    while True:
        if at >= len(said):
            at = 0
            if os.path.exists(answer) and os.path.getsize(answer) > 0:
                said = bytes(2 * step)
        part = said[at : at + 2 * step]
        at += 2 * step
        sys.stdout.buffer.write(part + bytes(2 * step - len(part)))
        sys.stdout.buffer.flush()
        n_given += step
        time.sleep(max(0, began + n_given / RATE - time.monotonic()))


def wake():
    n_silent = 0
    while heard := sys.stdin.buffer.read1(4096):
        n_silent = 0 if any(heard) else n_silent + len(heard)
        if n_silent > 2 * RATE * 3:
            n_silent = 0
            print("homard", flush=True)


if sys.argv[1] == "microphone":
    microphone(sys.argv[2], sys.argv[3])
else:
    wake()
