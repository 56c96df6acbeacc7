#!/usr/bin/env bash
# Makes the image of the Debian package, once per commit and state of the tree: its times are the commit's. Prints
# its path.
#   image.sh
set -euo pipefail
cd "$(dirname "$0")/../../.."
deb=$(test/system/debian/deb.sh)
folder=$(dirname "$deb")/image-$(git rev-parse --short HEAD)
mkdir -p "$folder"
exec 9>"$folder/lock"
flock 9
[ -n "$(find "$folder" -maxdepth 1 -name 'entropyd-oci-*.tar.gz')" ] ||
  node container/image.mjs --deb "$deb" --out "$folder" 9>&- >/dev/null
echo "$folder"/entropyd-oci-*.tar.gz
