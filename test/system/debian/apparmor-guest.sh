#!/usr/bin/env bash
# Makes what a virtual machine boots: a Debian kernel, which has AppArmor, and the disk of a Debian machine on
# which the package of this tree is installed. Prints the folder of vmlinuz and disk.
set -euo pipefail
cd "$(dirname "$0")/../../.."
test/system/clone/guest.sh kernel
tree=$(test/system/debian/tree.sh)
deb=$(test/system/debian/deb.sh)
build=$PWD/test/system/debian/build
root=$build/root
rm -rf "$build"
mkdir "$build"
cp test/system/clone/build/vmlinuz "$build"
cp -a "$tree" "$root"
install -m 644 test/system/debian/apparmor-agent.py "$root/opt/agent.py"
cp "$(dirname "$deb")"/{entropyd,openssl-provider-entropyd}_*.deb "$root/opt"
echo apparmor >"$root/etc/hostname"
cat >"$root/etc/systemd/system/agent.service" <<'UNIT'
[Service]
ExecStart=/usr/bin/python3 /opt/agent.py
[Install]
WantedBy=multi-user.target
UNIT
chroot "$root" sh -c "dpkg --install /opt/*.deb" >"$build/log" 2>&1 || { cat "$build/log" >&2; exit 1; }
chroot "$root" systemctl enable agent.service 2>>"$build/log"
chroot "$root" systemctl mask getty.target serial-getty@ttyS0.service 2>>"$build/log"
# The guest's processor is emulated, on a host that may be busy.
for unit in entropyd entropyd-gateway; do
  mkdir "$root/etc/systemd/system/$unit.service.d"
  printf '[Service]\nTimeoutStartSec=300\nTimeoutStopSec=300\nWatchdogSec=300\n' \
    >"$root/etc/systemd/system/$unit.service.d/slow.conf"
done
mke2fs -q -F -t ext4 -O ^has_journal -d "$root" "$build/disk" 1200M >>"$build/log"
rm -rf "$root"
echo "$build"
