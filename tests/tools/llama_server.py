"""llama.cpp's own server, as `xllamacpp` packs it for Python, for one model: `llama_server.py MODEL.gguf PORT`. It ends when its
standard input does, so that no test leaves it behind."""

import sys

import xllamacpp

params = xllamacpp.CommonParams()
params.model.path = sys.argv[1]
params.hostnames = ["127.0.0.1"]
params.port = int(sys.argv[2])
params.n_ctx = 2048
params.n_parallel = 1
# More of them wait for each other in a loop, which takes a hundred times as long on a machine that is busy.
params.cpuparams.n_threads = 1
server = xllamacpp.Server(params)
sys.stdin.read()
