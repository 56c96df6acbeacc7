#!/usr/bin/env bash
# The Debian package of the tarball, but for its compression; once for what the tree holds. Prints its path.
#   deb.sh
set -euo pipefail
cd "$(dirname "$0")/../../.."
tarball=$(test/system/package/tarball.sh)
folder=$(dirname "$tarball")
exec 9>"$folder/lock"
flock 9
[ -n "$(find "$folder" -name '*.deb')" ] ||
  DEB_BUILD_OPTIONS=quick debian/build.sh "$folder" "$tarball" 9>&- >/dev/null
echo "$folder"/*.deb
