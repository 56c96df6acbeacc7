#!/usr/bin/env bash
# Makes what a virtual machine boots whose /dev/hwrng is read at the host's word. Nothing is installed.
# Prints the folder of vmlinuz and initrd.
set -euo pipefail
cd "$(dirname "$0")/../../.."
test/system/clone/guest.sh kernel
clone=$PWD/test/system/clone/build
build=$PWD/test/system/host/build
root=$build/root
rm -rf "$build"
mkdir -p "$root/bin" "$root/dev" "$root/modules"
cp "$clone/vmlinuz" "$build/vmlinuz"
cp "$clone/modules/"*.ko "$root/modules"
cp "$(command -v busybox)" "$root/bin/busybox"
# The first serial port is the kernel's. For each line of the second, a number of bytes, it prints so many.
cat >"$root/init" <<'END'
#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t devtmpfs none /dev
# Some kernels have all but the last built in.
for name in virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio-rng; do
  [ ! -e /modules/$name.ko ] || insmod /modules/$name.ko
done
stty -F /dev/ttyS1 raw -echo
exec </dev/ttyS1 >/dev/ttyS1
exec 3</dev/hwrng
echo ready
while read -r count; do
  # A guest that is restarted has nothing left of what the driver asked for before.
  echo "got $(dd bs="$count" count=1 iflag=fullblock <&3 2>/dev/null | hexdump -v -e '/1 "%02x"')"
done
END
chmod +x "$root/init"
(cd "$root" && find . | busybox cpio -o -H newc -R 0:0 2>/dev/null) >"$build/initrd"
echo "$build"
