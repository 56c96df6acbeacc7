#!/usr/bin/env bash
# Makes what the virtual machine boots: a Debian kernel with the driver of the VM generation ID, and
# an initial file system of busybox and test/native/clone_guest.cc. Nothing is installed.
#   guest.sh kernel    only downloads the kernel with its drivers for virtio, unless they are there
#   guest.sh           prints the folder of vmlinuz and initrd
set -euo pipefail
cd "$(dirname "$0")/../../.."
build=$PWD/test/system/clone/build
mkdir -p "$build"
exec 9>"$build/lock"
flock 9

# In order of preference. Debian 12's own cloud kernel, 6.1, is built without CONFIG_VMGENID.
kernels=(linux-image-6.12-cloud-amd64 linux-image-cloud-amd64)

fetch_kernel() {
  local name package=
  for name in "${kernels[@]}"; do
    package=$(apt-cache depends "$name" 2>/dev/null |
      sed -n 's/^ *Depends: \(linux-image-.*\)/\1/p')
    [ -z "$package" ] || break
  done
  [ -n "$package" ] || { echo 'apt knows no cloud kernel: apt-get update?' >&2; return 1; }
  rm -rf "$build/kernel"
  mkdir "$build/kernel"
  cd "$build/kernel"
  apt-get download -qq "$package" >log 2>&1 || { cat log >&2; return 1; }
  dpkg-deb --fsys-tarfile ./*.deb | tar -x --strip-components=2 ./boot
  mkdir modules
  dpkg-deb --fsys-tarfile ./*.deb | tar -x -C modules --transform 's,.*/,,' --wildcards \
    './lib/modules/*/drivers/virtio/virtio*.ko*' './lib/modules/*/hw_random/virtio-rng.ko*'
  if compgen -G 'modules/*.xz' >/dev/null; then busybox unxz modules/*.xz; fi
  rm ./*.deb
  grep -q '^CONFIG_VMGENID=y$' config-* || { echo "$package lacks CONFIG_VMGENID" >&2; return 1; }
  rm -rf "$build/modules"
  mv modules "$build/modules"
  mv vmlinuz-* "$build/vmlinuz"
}
if [ ! -e "$build/vmlinuz" ] || [ ! -e "$build/modules" ]; then (fetch_kernel); fi
[ "${1:-}" != kernel ] || exit 0

# The product's own list; a .gypi file is a Python literal.
mapfile -t core < <(python3 - <<'END'
import ast
variables = ast.literal_eval(open('native/core.gypi').read())['variables']
print('\n'.join(path.replace('<(native)', 'native') for path in variables['core_sources']))
END
)
root=$build/root objects=$build/objects
rm -rf "$root" "$objects"
mkdir -p "$objects" "$root/bin" "$root/dev"
printf '%s\n' test/native/clone_guest.cc "${core[@]}" |
  FOLDER=$objects xargs -P "$(nproc)" -I{} sh -c \
    'exec "$@" -c "$0" -o "$FOLDER/$(basename "$0" .cc).o"' {} \
    g++ -std=c++20 -O1 -Wall -Wextra -Werror -Inative
# The linker warns that libcrypto's name look-ups need shared libraries; nothing here calls them.
g++ -static -Wl,--no-warnings "$objects"/*.o -o "$root/bin/clone_guest" -lcrypto

cp "$(command -v busybox)" "$root/bin/busybox"
# The first serial port is the kernel's, the second the program's.
cat >"$root/init" <<'END'
#!/bin/busybox sh
busybox mount -t devtmpfs none /dev
busybox stty -F /dev/ttyS1 raw -echo
exec clone_guest </dev/ttyS1 >/dev/ttyS1 2>/dev/ttyS0
END
chmod +x "$root/init"
(cd "$root" && find . | busybox cpio -o -H newc -R 0:0 2>/dev/null) >"$build/initrd"
echo "$build"
