#!/usr/bin/env bash
# Checks the dependencies against `.deny.toml`. The list of known vulnerabilities is fetched; where it cannot be, that is
# said and the rest is checked.
set -euo pipefail
cd "$(dirname "$0")/../.."

deny() { .cache/tools/bin/cargo-deny --locked check "$@"; }

deny licenses bans sources

status=0
output=$(deny advisories 2>&1) || status=$?
if [ "$status" != 0 ] && grep --quiet 'failed to fetch advisory database' <<<"$output"; then
    echo "advisories SKIPPED: the list of known vulnerabilities could not be fetched"
else
    printf '%s\n' "$output"
    exit "$status"
fi
