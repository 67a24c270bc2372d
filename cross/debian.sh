#!/usr/bin/env bash
# Makes an image of Debian 12 for 64-bit ARM boards out of Debian's archive alone, in the form of the official one of
# Raspberry Pi OS: a firmware's partition and a system's. `cross/image.sh` puts Homard on it.
#
#   cross/debian.sh OUT.img
#
# It starts on a Raspberry Pi 3 and 4 (Debian's kernel 6.1 with Raspberry Pi's firmware; a Pi 5 needs the official image) and in
# qemu. The network comes by cable: who needs Wi-Fi takes the official image, which Raspberry Pi Imager prepares. Nobody can
# sign in on it: what there is to do, is done in the panel. Needs root; what is for ARM runs in qemu.
set -euo pipefail
out=$(readlink -m "${1:-}")
cd "$(dirname "$0")/.."
. tests/tools/packages.sh

[ $# = 1 ] || stop "usage: cross/debian.sh OUT.img"
[ "$(id -u)" = 0 ] || stop "this needs root, for debootstrap and chroot"
want 'has debootstrap' debootstrap
want 'has qemu-aarch64-static' qemu-user-static
want 'has mkfs.vfat' dosfstools
want 'has mcopy' mtools
want 'has sfdisk' fdisk
want 'has mkfs.ext4' e2fsprogs
install_packages

# The kernel starts programs for ARM by qemu, here and below every root. Debian's package says so to systemd, which a
# container has not.
if [ "$(dpkg --print-architecture)" != arm64 ]; then
    readonly KNOWN=/proc/sys/fs/binfmt_misc
    [ -e $KNOWN/register ] || mount -t binfmt_misc binfmt_misc $KNOWN || stop "this kernel cannot be told of programs for ARM (binfmt_misc)"
    [ -e $KNOWN/qemu-aarch64 ] || tr -d '\n' </usr/lib/binfmt.d/qemu-aarch64.conf >$KNOWN/register
fi

sources=$(cat /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null || true)
mirror=$(printf '%s\n' "$sources" | sed -n 's/^URIs: *\([^ ]*\).*/\1/p; s/^deb \(\[[^]]*\] \)\?\([^ ]*\) .*/\2/p' | head -n 1)
[ -n "$mirror" ] || stop "this machine's package sources name no Debian archive"

work=$(mktemp -d "$PWD/$CACHE/debian-arm64.XXXXXX")
root=$work/root
leave() {
    umount "$root/proc" 2>/dev/null || true
    umount "$root" 2>/dev/null || true
    rm -rf --one-file-system "$work"
}
trap leave EXIT
mkdir "$root"
# In memory where there is enough: dpkg makes sure of each file on a disk.
available=$(sed -n 's/^MemAvailable: *\([0-9]*\) kB$/\1/p' /proc/meminfo)
[ "${available:-0}" -lt 6000000 ] || mount -t tmpfs -o size=3g,mode=755 tmpfs "$root" || true

# What the first start would else fetch is there: libraries that Homard's package wants, the voice, mDNS.
system=systemd-sysv,udev,dbus,kmod,init-system-helpers,systemd-timesyncd,systemd-resolved,iproute2,netbase,e2fsprogs
house=libasound2,libstdc++6,libgcc-s1,ca-certificates,tzdata,espeak-ng,avahi-daemon,avahi-utils,libnss-mdns,python3-pip
say "making a Debian 12 for ARM (a quarter of an hour, and more than half of one on two busy cores)"
quietly debootstrap --arch=arm64 --variant=minbase --components=main,non-free-firmware \
    --include="$system,$house,cloud-guest-utils,fdisk,initramfs-tools,zstd,linux-image-arm64,raspi-firmware" \
    bookworm "$root" "$mirror" || stop "debootstrap failed (whole output: $LOG)"
mount -t proc proc "$root/proc"
inside() { quietly chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive LC_ALL=C "$@"; }

# What Raspberry Pi's firmware finds on its partition is written with the kernel's first files; what stands on its one line:
mkdir -p "$root/boot/firmware"
cat >"$root/etc/default/raspi-firmware" <<'END'
ROOTPART=LABEL=system
CONSOLES="tty0"
END
echo 'cgroup_enable=memory psi=1' >"$root/etc/default/raspi-extra-cmdline"
cat >"$root/etc/fstab" <<'END'
LABEL=system    /              ext4  defaults,noatime,commit=30  0  1
LABEL=FIRMWARE  /boot/firmware vfat  defaults,noatime,umask=0022 0  2
END
inside update-initramfs -u || stop "no kernel (whole output: $LOG)"
inside apt-get clean
umount "$root/proc"
[ -s "$root/boot/firmware/cmdline.txt" ] || stop "the kernel's package wrote no cmdline.txt for the firmware"

cat >"$root/etc/systemd/network/80-cable.network" <<'END'
[Match]
Type=ether

[Network]
DHCP=yes
END
# The card's own size is taken at the first start; later there is nothing to do.
cat >"$root/etc/systemd/system/grow-system.service" <<'END'
[Unit]
Description=The system takes the whole card
DefaultDependencies=no
After=systemd-remount-fs.service
Before=local-fs.target shutdown.target
ConditionFirstBoot=yes

[Service]
Type=oneshot
ExecStart=/bin/sh -c 'at=$(findmnt --noheadings --output SOURCE /) && disk=/dev/$(lsblk --noheadings --output PKNAME "$at") && growpart "$disk" 2 && resize2fs "$at"'

[Install]
WantedBy=local-fs.target
END
mkdir -p "$root/etc/systemd/journald.conf.d"
printf '[Journal]\n# On a card, so not for ever.\nSystemMaxUse=64M\n' >"$root/etc/systemd/journald.conf.d/card.conf"
inside systemctl enable systemd-networkd systemd-resolved systemd-timesyncd grow-system || stop "a unit is missing (whole output: $LOG)"
inside passwd --lock root
echo raspberrypi >"$root/etc/hostname"
printf '127.0.0.1\tlocalhost\n127.0.1.1\traspberrypi\n::1\tlocalhost ip6-localhost\n' >"$root/etc/hosts"
ln -sf ../run/systemd/resolve/stub-resolv.conf "$root/etc/resolv.conf"
# Each board gets its own at the first start, which it is known by.
echo uninitialized >"$root/etc/machine-id"
# Where it is updated from is where this machine is.
if [ -s /etc/apt/sources.list.d/debian.sources ]; then
    sed 's/^Components:.*/Components: main non-free-firmware/; /^#/d' /etc/apt/sources.list.d/debian.sources >"$root/etc/apt/sources.list.d/debian.sources"
    : >"$root/etc/apt/sources.list"
fi
rm -rf "$root"/var/lib/apt/lists/* "$root"/var/log/* "$root/var/lib/dbus/machine-id"

# The two partitions, made without mounting anything.
readonly FIRMWARE=$((512 * 2048)) START=8192
mkfs.vfat -C -F 32 -n FIRMWARE "$work/firmware" $((FIRMWARE / 2)) >/dev/null
mcopy -s -i "$work/firmware" "$root"/boot/firmware/* ::
rm -rf "$root"/boot/firmware/*
mib=$(($(du --summarize --block-size=1M "$root" | cut -f 1) * 5 / 4 + 256))
quietly mkfs.ext4 -q -L system -d "$root" "$work/system" "${mib}M" || stop "no file system (whole output: $LOG)"
truncate -s $(((START + FIRMWARE) * 512 + mib * 1048576)) "$work/image"
printf 'label: dos\nstart=%d, size=%d, type=c\nstart=%d, type=83\n' $START $FIRMWARE $((START + FIRMWARE)) | sfdisk --quiet "$work/image"
dd if="$work/firmware" of="$work/image" bs=1M seek=$((START / 2048)) conv=notrunc,sparse status=none
dd if="$work/system" of="$work/image" bs=1M seek=$(((START + FIRMWARE) / 2048)) conv=notrunc,sparse status=none
mv "$work/image" "$out"
say "$out"
