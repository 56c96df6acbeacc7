#!/usr/bin/env bash
# Makes the Debian packages of the tarball, little compressed, once per state of the tree. Prints the path of
# entropyd's; the others are beside it.
#   deb.sh
set -euo pipefail
cd "$(dirname "$0")/../../.."
tarball=$(test/system/package/tarball.sh)
folder=$(dirname "$tarball")
exec 9>"$folder/lock"
flock 9
[ -n "$(find "$folder" -maxdepth 1 -name '*.deb')" ] ||
  DEB_BUILD_OPTIONS=quick debian/build.sh "$folder" "$tarball" 9>&- >/dev/null
echo "$folder"/entropyd_*.deb
