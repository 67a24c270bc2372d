#!/bin/sh
# Home Assistant 2025.4.4 beside the system, for `make peer`: Python 3.13 of Debian 13 unpacked, and the packages of
# Home Assistant from PyPI. By hand, not for `make test`: 300 MB. Says where its Python is.
set -eu
home=$(cd "$(dirname "$0")/../.." && pwd)/.cache/home-assistant
python=$home/python
if "$python" -c "import homeassistant.core" 2> /dev/null; then
    echo "$python"
    exit
fi
mkdir -p "$home/apt/lists/partial" "$home/apt/cache/archives/partial" "$home/debs" "$home/debian" "$home/stubs"
# The same mirror as the system's, a release later.
awk -v RS= 'NR == 1' /etc/apt/sources.list.d/*.sources | sed 's/^Suites:.*/Suites: trixie/' > "$home/apt/trixie.sources"
: > "$home/apt/status"
cat > "$home/apt/apt.conf" << END
Dir::State "$home/apt";
Dir::State::lists "$home/apt/lists";
Dir::State::status "$home/apt/status";
Dir::Cache "$home/apt/cache";
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "$home/apt";
END
export APT_CONFIG="$home/apt/apt.conf"
apt-get -qq update
(cd "$home/debs" && apt-get -qq download python3.13 python3.13-minimal libpython3.13-minimal libpython3.13-stdlib libc6 \
    libexpat1 zlib1g libffi8 libssl3t64 libsqlite3-0 libbz2-1.0 liblzma5 libuuid1 libncursesw6 libtinfo6 \
    libreadline8t64 libgcc-s1 libstdc++6 libzstd1 2> /dev/null)
for package in "$home"/debs/*.deb; do
    dpkg -x "$package" "$home/debian"
done
libraries=$home/debian/usr/lib/x86_64-linux-gnu
cat > "$python" << END
#!/bin/sh
export PYTHONPATH="$home/site:$home/stubs" PYTHONHOME="$home/debian/usr"
exec "$libraries/ld-linux-x86-64.so.2" --library-path "$libraries" "$home/debian/usr/bin/python3.13" "\$@"
END
chmod +x "$python"
pip install -q --root-user-action=ignore --target "$home/uv" uv
pip wheel -q --no-deps -w "$home/wheels" fnvhash==0.1.0
# What is not needed here and has no wheel for this Python, or needs what has none.
cat > "$home/overrides" << END
ciso8601>=2.3.2
lru-dict>=1.3.0
pymicro-vad; sys_platform == "none"
pyspeex-noise; sys_platform == "none"
PyTurboJPEG; sys_platform == "none"
home-assistant-bluetooth; sys_platform == "none"
hass-nabucasa; sys_platform == "none"
END
mkdir -p "$home/stubs/hass_nabucasa" "$home/stubs/home_assistant_bluetooth"
echo 'remote = None' > "$home/stubs/hass_nabucasa/__init__.py"
: > "$home/stubs/home_assistant_bluetooth/__init__.py"
"$home/uv/bin/uv" pip install -q --cache-dir "$home/uv-cache" --target "$home/site" --python-version 3.13 \
    --python-platform x86_64-manylinux_2_40 --only-binary :all: --find-links "$home/wheels" \
    --overrides "$home/overrides" homeassistant==2025.4.4
rm -rf "$home/uv-cache" "$home/debs"
"$python" -c "import homeassistant.core"
echo "$python"
