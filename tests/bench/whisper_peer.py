"""whisper.cpp at its defaults (pywhispercpp), as a peer for `tests/bench/speech.rs`.

Arguments: weights, threads and, where it is not English, the language. Each line of standard input is a path: a FLAC file becomes samples (16 kHz, f32, raw) in the
file `FLAC > RAW`; raw samples become `{"text", "ms", "cpu_ms"}`. One line of JSON each.
"""

import json
import sys
import time

import numpy
import soundfile
from pywhispercpp.model import Model

weights, threads, language = sys.argv[1], int(sys.argv[2]), (sys.argv[3:] or ["en"])[0]
model = Model(weights, n_threads=threads, print_progress=False, redirect_whispercpp_logs_to=None)
for line in sys.stdin:
    path = line.rstrip("\n")
    if " > " in path:
        source, path = path.split(" > ")
        samples, rate = soundfile.read(source, dtype="float32")
        assert rate == 16000 and samples.ndim == 1, source
        samples.tofile(path)
        answer = {}
    else:
        samples = numpy.fromfile(path, dtype="float32")
        wall, cpu = time.perf_counter(), time.process_time()
        segments = model.transcribe(samples, language=language)
        ms, cpu_ms = (time.perf_counter() - wall) * 1e3, (time.process_time() - cpu) * 1e3
        answer = {"text": " ".join(segment.text for segment in segments), "ms": ms, "cpu_ms": cpu_ms}
    print(json.dumps(answer), flush=True)
