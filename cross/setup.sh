#!/usr/bin/env bash
# Installs what building for 64-bit ARM on an x86-64 Debian 12 needs, and nothing else; silent when nothing is missing.
#
# Compiler and standard library for ARM come from Debian's archive and are only unpacked, into `.cache/cross`: the
# machine keeps its own architectures, its own Rust and its own package lists. GCC for ARM and qemu are ordinary
# packages of this machine.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/tools/packages.sh

readonly TOOLS=$CACHE/cross
readonly ARM=aarch64-linux-gnu

[ "$(uname -m)" = x86_64 ] || stop "this is for x86-64 machines; on a board itself \`cargo build --release\` is all"

want 'has aarch64-linux-gnu-gcc' gcc-aarch64-linux-gnu libc6-dev-arm64-cross
want 'has aarch64-linux-gnu-g++' g++-aarch64-linux-gnu
want '[ -e /usr/lib/llvm-16/bin/ld.lld ]' lld-16
want 'has qemu-aarch64-static' qemu-user-static
# What Debian's LLVM is linked with.
for library in libedit.so.2:libedit2 libffi.so.8:libffi8 libxml2.so.2:libxml2 libz3.so.4:libz3-4 libzstd.so.1:libzstd1; do
    want "[ -e /usr/lib/x86_64-linux-gnu/${library%:*} ]" "${library#*:}"
done
install_packages

# Which version is not asked again: what is unpacked works, and asking means fetching lists of packages.
[ -e "$TOOLS/.complete" ] && exit 0

say "unpacking Rust for ARM into $TOOLS"
rm -rf "$TOOLS"
mkdir -p "$TOOLS"/apt/{lists/partial,cache/archives/partial,sources,dpkg} "$TOOLS"/{packages,rust,sysroot}
root=$PWD/$TOOLS

# A state of apt's own that knows both architectures, with this machine's Debian sources.
: >"$root/apt/dpkg/status"
for source in /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources; do
    [ ! -s "$source" ] || cp "$source" "$root/apt/sources/debian.${source##*.}"
done
cat >"$root/apt/apt.conf" <<EOF
Dir::State "$root/apt";
Dir::State::lists "$root/apt/lists";
Dir::State::status "$root/apt/dpkg/status";
Dir::Cache "$root/apt/cache";
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "$root/apt/sources";
APT::Architecture "amd64";
APT::Architectures { "amd64"; "arm64"; };
APT::Sandbox::User "root";
EOF
export APT_CONFIG=$root/apt/apt.conf
quietly apt-get update || stop "Debian's package lists could not be fetched; is this machine online?"

offered() { apt-cache policy "$1" | sed -n 's/^ *Candidate: *//p'; }
host=$(offered rustc-web)
arm=$(offered libstd-rust-web-dev:arm64)
[ -n "$host" ] || stop "Debian's package lists have no \`rustc-web\`; its security archive (bookworm-security) must be among the package sources"
wanted=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)
at_least "$host" "$wanted" || stop "Rust $wanted or newer is needed and Debian offers $host"
# A compiler takes the standard library of its own build only.
[ "$host" = "$arm" ] ||
    stop "Debian's Rust for x86-64 is $host and its library for ARM is ${arm:-missing}: the archive is being changed; try again in some hours"
release=$(printf '%s' "$host" | grep -o '^[0-9]*\.[0-9]*')
llvm=$(apt-cache depends "libstd-rust-web-$release" | sed -n 's/.*Depends: \(libllvm[0-9]*\)$/\1/p' | head -n 1)
[ -n "$llvm" ] || stop "libstd-rust-web-$release names no LLVM"

fetch() { (cd "$root/packages" && apt-get download "$@"); }
quietly fetch "rustc-web:amd64=$host" "libstd-rust-web-$release:amd64=$host" "libstd-rust-web-dev:amd64=$host" "$llvm:amd64" \
    "libstd-rust-web-dev:arm64=$host" libasound2:arm64 libasound2-dev:arm64 ||
    stop "Rust $host could not be fetched (whole output: $LOG)"
for package in "$root"/packages/*.deb; do
    case ${package##*/} in
    libasound2*) dpkg -x "$package" "$root/sysroot" ;;
    *) dpkg -x "$package" "$root/rust" ;;
    esac
done
rm -rf "$root/packages" "$root/apt"

# The compiler finds its own libraries by this.
mkdir -p "$root/bin"
cat >"$root/bin/rustc" <<'EOF'
#!/bin/sh
here=$(dirname "$(dirname "$(readlink -f "$0")")")
LD_LIBRARY_PATH=$here/rust/usr/lib/x86_64-linux-gnu exec "$here/rust/usr/bin/rustc" "$@"
EOF
chmod +x "$root/bin/rustc"
"$root/bin/rustc" --version >/dev/null || stop "the unpacked compiler does not start"
[ -d "$root/rust/usr/lib/rustlib/aarch64-unknown-linux-gnu" ] || [ -d "$root/rust/usr/lib/$ARM" ] ||
    stop "the unpacked library for ARM is not where a compiler looks for it"
touch "$TOOLS/.complete"
say "Rust $host for 64-bit ARM is ready"
