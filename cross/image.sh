#!/usr/bin/env bash
# Makes an image to flash out of the official one of Raspberry Pi OS Lite (64-bit), or the one that `cross/debian.sh` makes, and
# Homard's package for ARM: the card goes into the board, and a few minutes later the first steps are at
# http://homard.local:8466. The code that they ask for is on the board's screen, and in `homard-code.txt` on the card's first
# partition, which any computer reads; who writes that file before the first start chooses the code.
#
#   cross/image.sh RASPIOS.img[.xz] HOMARD_arm64.deb OUT.img
#
# Nothing of the official image runs here, so no emulator is needed: the package is put into it with a unit that installs it
# at the first start, from the card alone where its dependencies are there, else with the network. Needs root (it mounts).
# Users, keys and Wi-Fi are for Raspberry Pi Imager's settings, as ever; no password is set here, and SSH stays off.
set -euo pipefail
image=$(readlink -m "${1:-}") package=$(readlink -m "${2:-}") out=$(readlink -m "${3:-}")
cd "$(dirname "$0")/.."
. tests/tools/packages.sh
[ $# = 3 ] || stop "usage: cross/image.sh RASPIOS.img[.xz] HOMARD_arm64.deb OUT.img"
[ -f "$image" ] || stop "there is no $image"
[ "$(id -u)" = 0 ] || stop "this needs root, to mount the image"
want 'has sfdisk' fdisk
want 'has losetup' mount
want 'has mcopy' mtools
want 'has xz' xz-utils
install_packages
arch=$(dpkg-deb --field "$package" Architecture)
[ "$arch" = arm64 ] || [ "${HOMARD_IMAGE_ARCH:-}" = "$arch" ] || stop "$package is for $arch, not for the board (arm64)"

work=$(mktemp -d)
leave() {
    umount "$work/system" 2>/dev/null || true
    [ -z "${loop:-}" ] || losetup --detach "$loop" 2>/dev/null || true
    rm -rf --one-file-system "$work"
}
trap leave EXIT
mkdir "$work/system"
case $image in
*.xz) xz --decompress --stdout "$image" >"$out.part" ;;
*) cp --sparse=always "$image" "$out.part" ;;
esac

# The first partition is the firmware's, the second the system's: what sfdisk says, in bytes.
partition() {
    local start size
    read -r start size < <(sfdisk --dump "$out.part" | sed -n 's/.*start= *\([0-9]*\), *size= *\([0-9]*\),.*/\1 \2/p' | sed -n "$1p")
    [ -n "${size:-}" ] || stop "$image has no partition $1: it is no image of Raspberry Pi OS"
    echo $((start * 512)) $((size * 512))
}
read -r firmware _ < <(partition 1)
read -r start size < <(partition 2)
[ -n "$firmware" ] && [ -n "$size" ] || exit 1
loop=$(losetup --find --show --offset "$start" --sizelimit "$size" "$out.part")
mount "$loop" "$work/system" || stop "the second partition of $image cannot be read"
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
code=/boot/firmware/homard-code.txt
[ -d /boot/firmware ] || code=/boot/homard-code.txt
[ -s $code ] || tr -dc 0-9 </dev/urandom | head -c 8 >$code
# The house may become a backup's, and this machine somebody else's: the sentence says for how long it is of use.
mkdir -p /etc/issue.d
cat >/etc/issue.d/homard.issue <<ISSUE
Homard: http://homard.local:8466 or http://\\4:8466
As long as nobody runs this house: the code is $(head -n 1 $code)

ISSUE
agetty --reload || true
mkdir -p /etc/systemd/system/homard.service.d
printf '[Service]\nEnvironment=HOMARD_SETUP_CODE_FILE=%s\n' $code >/etc/systemd/system/homard.service.d/code.conf
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
readonly LINE=::cmdline.txt
if mtype -i "$out.part@@$firmware" $LINE >"$work/line" 2>/dev/null && [ -s "$work/line" ]; then
    if ! grep -q cgroup_enable=memory "$work/line"; then
        sed -i '1s/$/ cgroup_enable=memory psi=1/' "$work/line"
        mcopy -o -i "$out.part@@$firmware" "$work/line" $LINE
    fi
else
    say "the first partition has no cmdline.txt, so memory limits stay as they are"
fi
sync
umount "$work/system"
mv "$out.part" "$out"
echo "$out"
