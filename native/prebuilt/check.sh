#!/bin/sh
# Checks with objdump what the prebuilt addons need: no newer glibc than Node's own binaries, no other
# library, and symbols bound at load (native/core.gypi). Prints a line for each addon, or its faults.
#   check.sh [FILE...]
set -eu
# What the binaries of Node 20 to 26 need; RHEL 8 and Debian 10 have it.
floor=2.28
if [ $# -eq 0 ]; then
  cd "$(dirname "$0")/../.."
  set -- prebuilds/*/*.node
fi
LC_ALL=C
export LC_ALL

not_above_floor() { [ "$(printf '%s\n' "$1" "$floor" | sort -V | tail -n 1)" = "$floor" ]; }

faults=0
fault() { echo "$file: $*"; faults=$((faults + 1)); }

for file; do
  symbols=$(objdump -T "$file")
  dynamic=$(objdump -p "$file")
  versions=$(printf '%s\n' "$symbols" | sed -n 's/.*(GLIBC_\([0-9.]*\)).*/\1/p' | sort -uV)
  [ -n "$versions" ] || fault 'no glibc version found'
  for version in $versions; do
    not_above_floor "$version" ||
      fault "needs glibc $version: $(printf '%s\n' "$symbols" | sed -n "s/.*(GLIBC_$version) *//p" | xargs)"
  done
  for library in $(printf '%s\n' "$dynamic" | awk '$1 == "NEEDED" { print $2 }'); do
    # Node itself needs libm.
    case $library in libc.so.6 | libm.so.6 | ld-linux-*) ;; *) fault "needs $library" ;; esac
  done
  # DF_BIND_NOW, and DF_1_NOW with DF_1_NODELETE.
  printf '%s\n' "$dynamic" | grep -Eq '^ *FLAGS +0x0*8$' || fault 'is bound lazily'
  printf '%s\n' "$dynamic" | grep -Eq '^ *FLAGS_1 +0x0*9$' || fault 'can be unloaded'
  echo "$file: glibc $(printf '%s\n' "$versions" | tail -n 1)"
done
[ "$faults" -eq 0 ]
