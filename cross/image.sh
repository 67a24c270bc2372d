#!/usr/bin/env bash
# Makes an image to flash out of the official one of Raspberry Pi OS Lite (64-bit) and Homard's package for ARM: the card goes
# into the board, and a few minutes later the first steps are at http://homard.local:8466.
#
#   cross/image.sh RASPIOS.img[.xz] HOMARD_arm64.deb OUT.img
#
# Nothing of the official image runs here, so no emulator is needed: the package is put into it with a unit that installs it
# at the first start, from the card alone where its dependencies are there, else with the network. Needs root (it mounts).
# Users, keys and Wi-Fi are for Raspberry Pi Imager's settings, as ever; no password is set here, and SSH stays off.
set -euo pipefail
stop() { echo "$1" >&2; exit 1; }
[ $# = 3 ] || stop "usage: cross/image.sh RASPIOS.img[.xz] HOMARD_arm64.deb OUT.img"
image=$1 package=$2 out=$3
[ "$(id -u)" = 0 ] || stop "this needs root, to mount the image"
for tool in sfdisk losetup dpkg-deb; do
    command -v "$tool" >/dev/null || stop "\`$tool\` is missing (apt install fdisk mount dpkg)"
done
arch=$(dpkg-deb --field "$package" Architecture)
[ "$arch" = arm64 ] || [ "${HOMARD_IMAGE_ARCH:-}" = "$arch" ] || stop "$package is for $arch, not for the board (arm64)"

work=$(mktemp -d)
leave() {
    umount "$work/boot" "$work/system" 2>/dev/null || true
    [ ! -s "$work/loops" ] || while read -r loop; do losetup --detach "$loop" 2>/dev/null || true; done <"$work/loops"
    rm -rf --one-file-system "$work"
}
trap leave EXIT
mkdir "$work/boot" "$work/system"
case $image in
*.xz) xz --decompress --stdout "$image" >"$out.part" ;;
*) cp --sparse=always "$image" "$out.part" ;;
esac

# The first partition is the firmware's, the second the system's: what sfdisk says, in sectors of 512 bytes.
partition() {
    local start size
    read -r start size < <(sfdisk --dump "$out.part" | sed -n 's/.*start= *\([0-9]*\), *size= *\([0-9]*\),.*/\1 \2/p' | sed -n "$1p")
    [ -n "${size:-}" ] || stop "$image has no partition $1: it is no image of Raspberry Pi OS"
    losetup --find --show --offset $((start * 512)) --sizelimit $((size * 512)) "$out.part" | tee -a "$work/loops"
}
mount "$(partition 1)" "$work/boot"
mount "$(partition 2)" "$work/system"
root=$work/system
[ -e "$root/etc/os-release" ] && [ -d "$root/usr/lib/systemd/system" ] || stop "the second partition has no Debian on it"

install -D -m 644 "$package" "$root/opt/homard/homard.deb"
cat >"$root/etc/systemd/system/homard-first.service" <<'UNIT'
# Installs Homard at the first start, and then removes itself.
[Unit]
Description=Homard is installed
ConditionPathExists=/opt/homard/homard.deb
After=local-fs.target systemd-sysusers.service
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
Environment=DEBIAN_FRONTEND=noninteractive
ExecStart=/opt/homard/install
TimeoutStartSec=20min

[Install]
WantedBy=multi-user.target
UNIT
cat >"$root/opt/homard/install" <<'INSTALL'
#!/bin/sh
# With what is on the card, else with the network. Where neither works out the next start tries again.
set -e
dpkg --install --force-confold /opt/homard/homard.deb ||
    { apt-get update && apt-get --yes --fix-broken --no-install-recommends install; }
dpkg --status homard | grep -q '^Status: install ok installed$'
systemctl disable homard-first.service || true
rm -f /opt/homard/homard.deb
INSTALL
chmod 755 "$root/opt/homard/install"
install -d "$root/etc/systemd/system/multi-user.target.wants"
ln -sf ../homard-first.service "$root/etc/systemd/system/multi-user.target.wants/homard-first.service"

# It is found as homard.local.
was=$(cat "$root/etc/hostname" 2>/dev/null || echo raspberrypi)
echo homard >"$root/etc/hostname"
sed -i "s/^\(127\.0\.1\.1[[:space:]]*\).*$was.*/\1homard/" "$root/etc/hosts" 2>/dev/null || true
grep -q '^127\.0\.1\.1' "$root/etc/hosts" 2>/dev/null || printf '127.0.1.1\thomard\n' >>"$root/etc/hosts"

# One line, which Raspberry Pi's firmware hands to the kernel: memory limits, and how much programs wait for memory.
if [ -e "$work/boot/cmdline.txt" ]; then
    grep -q cgroup_enable=memory "$work/boot/cmdline.txt" || sed -i '1s/$/ cgroup_enable=memory psi=1/' "$work/boot/cmdline.txt"
else
    echo "note: the first partition has no cmdline.txt, so memory limits stay as they are" >&2
fi
sync
umount "$work/boot" "$work/system"
mv "$out.part" "$out"
echo "$out"
