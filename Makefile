# The commands of this project; `make` alone lists them. On Debian 12, `make run` and `make test` need nothing else:
# they install what is missing first.

# rustup's folder, for a shell that was open while rustup was installed.
export PATH := $(HOME)/.cargo/bin:$(PATH)
SETUP := tests/tools/setup.sh

.PHONY: help setup run test peer eval eval-needs eval-speech needs fuzz bench bench-wake bench-sentences check fmt cross cross-test \
	deb deb-test image image-test

help:
	@sed -n 's/^#: //p' Makefile

#: make run      build, then start a simulated house to try Homard on (Ctrl-C stops it)
run:
	@$(SETUP) run
	cargo build --release --locked
	@target/release/homard models pull || echo 'What is missing above cannot be used: other languages than English and French, or speech.'
	@exec target/release/homard demo

#: make test     every test; also installs the programs that the tests talk to
test: setup
	cargo fmt --check
	FUZZ_SEED=1 tests/fuzz/run 10
	cargo test --locked

#: make eval     how much of what households say is understood: tests/eval, or DIR=...; ONLY=... picks
DIR ?= tests/eval
eval:
	@$(SETUP) run
	cargo build --locked
	@target/debug/homard eval $(DIR) --by-group --failures $(if $(ONLY),--only "$(ONLY)")

#: make eval-speech  the same spoken: voices, noise, recognition and all; N=160 commands a language, SNR=clean,20,10,5
eval-speech:
	@$(SETUP) test
	@$(SETUP) voices
	cargo bench --locked --bench voices

#: make eval-needs  what the language model adds: needs in unusual words, and what is no command
eval-needs: DIR = tests/needs/free
eval-needs: eval

#: make needs    train what tells needs apart above the language model MODEL=FILE.gguf, and say how good it is
needs:
	cargo run --release --locked --example needs -- $(MODEL) models/needs/smollm2-135m.chooser

#: make fuzz     fuzz each target for SECONDS=600, or only TARGET=...
SECONDS ?= 600
fuzz: setup
	tests/fuzz/run $(SECONDS) $(TARGET)

#: make check    format, lints as errors, documentation, dependencies, architecture
check:
	@$(SETUP) check
	cargo fmt --check
	cargo clippy --all-targets --all-features --locked -- -D warnings
	cargo clippy --all-targets --no-default-features --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --document-private-items --locked
	tests/tools/deny.sh
	cargo test --locked --test it architecture

#: make bench    measure speed, memory and size (release build)
bench: setup
	cargo build --release --locked
	tests/bench/run

#: make bench-wake  how often the house wakes when it is called, and when it is not; HOURS=2 of talk
bench-wake:
	@$(SETUP) test
	@$(SETUP) voices
	cargo bench --locked --bench wake

#: make bench-sentences  measure understanding beside hassil (HOMARD_PACKS: folder of the official packs)
bench-sentences: setup
	tests/tools/setup.sh hassil
	cargo bench --bench sentences

#: make peer     what automations call in Home Assistant itself on the same days, written anew (300 MB, once)
peer:
	peer=$$(tests/tools/home_assistant.sh) && for two in "house days" "forms forms"; do set -- $$two; \
		$$peer tests/tools/home_assistant_peer.py tests/automations/$$1.yaml tests/automations/scripts.yaml \
			tests/automations/$$2.txt > tests/automations/$$2.calls || exit 1; done
	cargo test --locked --test it rule_peer

#: make cross    build for 64-bit ARM boards, a Raspberry Pi 4 or 5, on an x86-64 Debian 12
cross:
	@$(SETUP) run
	@cross/setup.sh
	cross/cargo build --release --locked

#: make cross-test  the core of the tests for ARM, in qemu as a Pi 4 and a Pi 5
cross-test: setup
	@cross/setup.sh
	cross/test

#: make deb      the Debian packages for ARM boards and for PCs, in target/deb; ARCH=arm64 or ARCH=amd64 is one of them
ARCH ?= arm64 amd64
deb: $(ARCH:%=deb-%)

.PHONY: deb-arm64 deb-amd64
deb-arm64: cross
	systemd/package/build arm64 target/aarch64-unknown-linux-gnu/release/homard

# Two programs: one for any x86-64 processor of the last fifteen years, and one for those with AVX2.
deb-amd64:
	@$(SETUP) run
	cargo build --release --locked
	RUSTFLAGS='-C target-cpu=x86-64-v2' GGML_AVX=OFF GGML_AVX2=OFF GGML_FMA=OFF GGML_F16C=OFF GGML_BMI2=OFF \
		cargo build --release --locked --target x86_64-unknown-linux-gnu
	systemd/package/build amd64 target/x86_64-unknown-linux-gnu/release/homard target/release/homard

#: make deb-test  install, upgrade, remove and purge this machine's package in a Debian 12 of its own (needs root)
deb-test: deb-amd64
	systemd/package/test $$(ls -t target/deb/homard_*_amd64.deb | head -n 1)

#: make image    an image to flash, out of RASPIOS=FILE.img.xz, the official one, or else of Debian's archive (needs root); OUT=...
OUT ?= target/homard.img
RASPIOS ?= .cache/debian-arm64.img
image: deb-arm64
	@[ -e "$(RASPIOS)" ] || [ "$(RASPIOS)" != .cache/debian-arm64.img ] || cross/debian.sh "$(RASPIOS)"
	cross/image.sh "$(RASPIOS)" $$(ls -t target/deb/homard_*_arm64.deb | head -n 1) $(OUT)

#: make image-test  start that image in qemu: first steps, power cuts, clocks, memory limits, update, backup (needs root)
image-test: image
	cross/boot-test $(OUT)

#: make fmt      format the code
fmt:
	cargo fmt

#: make setup    only install what `make test` needs
setup:
	@$(SETUP) test
