# Says what is done, and installs Debian packages that are missing. Sourced by the scripts that install things, at the top
# of the checkout.

readonly CACHE=.cache
readonly LOG=$CACHE/setup.log

say() { printf '%s\n' "setup: $*" >&2; }

stop() {
    say "$*"
    exit 1
}

has() { command -v "$1" >/dev/null 2>&1; }

# True if version $1 is at least $2.
at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort --version-sort | head -n 1)" = "$2" ]; }

# Runs a command with its output in the log; on failure shows the end of it.
quietly() {
    mkdir -p "$CACHE"
    local before=0
    [ -e "$LOG" ] && before=$(wc -l <"$LOG")
    if ! "$@" >>"$LOG" 2>&1; then
        tail -n "+$((before + 1))" "$LOG" | tail -n 20 >&2
        return 1
    fi
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

packages=()

# Adds Debian packages to the list if a test, the first word, does not pass.
want() {
    local test=$1
    shift
    if ! eval "$test" >/dev/null 2>&1; then packages+=("$@"); fi
}

install_packages() {
    [ ${#packages[@]} -gt 0 ] || return 0
    local list="${packages[*]}"
    if ! has apt-get; then
        stop "these Debian packages, or what your system has in their place, are missing: $list"
    fi
    if [ "$(id -u)" != 0 ] && ! has sudo; then
        stop "packages are missing and there is no sudo; as root run: apt-get install --no-install-recommends $list"
    fi
    say "installing Debian packages: $list"
    quietly as_root apt-get update || stop "Debian's package lists could not be fetched; is this machine online?"
    if declare -F after_update >/dev/null; then after_update; fi
    quietly as_root env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "${packages[@]}" ||
        stop "the packages could not be installed (whole output: $LOG): $list"
    hash -r
}
