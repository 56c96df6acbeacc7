#!/usr/bin/env bash
# Makes what a virtual machine boots that reads its /dev/hwrng, from virtio-rng, and prints each 16 bytes
# as a line. Nothing is installed. Prints the folder of vmlinuz and initrd.
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
cat >"$root/init" <<'END'
#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t devtmpfs none /dev
for name in virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio-rng; do
  [ ! -e /modules/$name.ko ] || insmod /modules/$name.ko
done
echo ready
# A descriptor that stays open: each read is a request to the device.
exec </dev/hwrng
while dd bs=16 count=1 2>/dev/null | od -An -v -tx1; do :; done
END
chmod +x "$root/init"
(cd "$root" && find . | busybox cpio -o -H newc -R 0:0 2>/dev/null) >"$build/initrd"
echo "$build"
