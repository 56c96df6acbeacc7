#!/usr/bin/env bash
# Makes the release of this tree, little compressed, once per commit and state of the tree. Prints its folder;
# beside it, with .log at the end, is what the command said.
#   release.sh
set -euo pipefail
cd "$(dirname "$0")/../../.."
tarball=$(test/system/package/tarball.sh)
# Times and provenance are of the commit.
release=$(dirname "$tarball")/release-$(git rev-parse --short HEAD)
[ -z "$(git status --porcelain)" ] || release+=-changed
exec 9>"$release.lock"
flock 9
[ -e "$release/SHA256SUMS" ] ||
  DEB_BUILD_OPTIONS=quick node packaging/release.mjs --out "$release" --tarball "$tarball" \
    >"$release.log" 2>&1 9>&- || { cat "$release.log" >&2; exit 1; }
echo "$release"
