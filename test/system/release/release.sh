#!/usr/bin/env bash
# Makes the release of this tree, little compressed, once per state of the tree. Prints its folder.
#   release.sh
set -euo pipefail
cd "$(dirname "$0")/../../.."
tarball=$(test/system/package/tarball.sh)
folder=$(dirname "$tarball")
exec 9>"$folder/release.lock"
flock 9
[ -e "$folder/release/SHA256SUMS" ] ||
  DEB_BUILD_OPTIONS=quick node packaging/release.mjs --out "$folder/release" --tarball "$tarball" \
    >"$folder/release.log" 2>&1 9>&- || { cat "$folder/release.log" >&2; exit 1; }
echo "$folder/release"
