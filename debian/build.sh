#!/usr/bin/env bash
# Builds the Debian packages from the npm package, the Node pinned in debian/node, the sources in
# native/client, the clients, and the files in this directory. Prints their paths.
#   build.sh [DIRECTORY [TARBALL [ARCHITECTURE]]]
#                       default: build-deb, the output of `npm pack`, this machine's architecture
# Another architecture needs its compiler's tools, such as g++-aarch64-linux-gnu.
# DEBFULLNAME and DEBEMAIL name the maintainer; the default is the author of the last commit.
set -euo pipefail
umask 022
output=$(readlink -m "${1:-build-deb}")
tarball=${2:+$(readlink -e "$2")}
cd "$(dirname "$(readlink -f "$0")")/.."

cross=()
architecture=${3:-$(dpkg --print-architecture)}
case $architecture in
  amd64) cpu=x64 ;;
  arm64) cpu=arm64 ;;
  *) echo "build.sh: no Node is pinned for $architecture" >&2; exit 1 ;;
esac

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
stage=$work/entropyd
mkdir -p "$stage" "$output"

[ -n "$tarball" ] || tarball=$work/$(npm pack --silent --pack-destination "$work" | tail -n 1)
tar -xzf "$tarball" -C "$stage"
find "$stage/package/prebuilds" -mindepth 1 -maxdepth 1 ! -name "linux-$cpu" -exec rm -r {} +

mkdir "$stage/host"
cp -r --parents native/client man/entropyd_get.3 package.json "$stage/host"

# npm verifies the download against the digest in the lock file.
cp -r debian "$stage"
npm ci --prefix "$stage/debian/node" --cpu "$cpu" --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
mv "$stage/debian/node/node_modules/node-linux-$cpu" "$stage/node"

# What pip and importlib.metadata read of an installed package.
mkdir "$stage/python"
git ls-files -z --cached --others --exclude-standard clients/python/src | xargs -0 cp --parents -t "$stage"
mv "$stage/clients/python/src" "$stage/python"
python=$(sed -n 's/^version = "\(.*\)"$/\1/p' clients/python/pyproject.toml)
info=$stage/python/src/entropyd-$python.dist-info
mkdir "$info"
printf 'Metadata-Version: 2.1\nName: entropyd\nVersion: %s\n' "$python" >"$info/METADATA"
echo debian >"$info/INSTALLER"

field() { node -p "require('$1').$2"; }
node=$(field "$stage/node/package.json" version)
upstream=$(field "$stage/package/package.json" version)
# A pre-release sorts before its release; a new Node alone makes a newer package.
version=${upstream/-/\~}+node$node-1
maintainer=${DEBEMAIL:+${DEBFULLNAME:-$DEBEMAIL} <$DEBEMAIL>}
maintainer=${maintainer:-$(git log -1 --format='%an <%ae>')}
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH

cd "$stage"
control=$(<debian/control)
control=${control//@MAINTAINER@/"$maintainer"}
printf '%s\n' "${control//@NODE@/"$node"}" >debian/control
cat >debian/changelog <<END
entropyd ($version) stable; urgency=medium

  * entropyd $upstream with Node $node.
  * For changes see changelog.gz in this directory.

 -- $maintainer  $(date -R -u -d "@$SOURCE_DATE_EPOCH")
END
# The packages in C have nothing of third parties.
for package in libentropyd0 libentropyd-dev openssl-provider-entropyd; do
  sed '/^Files: [^*]/,/^$/d' debian/copyright >"debian/$package.copyright"
done
# Third-party licenses, unchanged.
license() { printf '\nLicense: %s\n' "$1"; sed 's/[[:space:]]*$//; s/^$/./; s/^/ /' "$2"; }
{
  license Node node/LICENSE
  license Bundled package/dist/third-party-licenses.txt
  license node-gyp-build package/node_modules/node-gyp-build/LICENSE
  license node-addon-api package/node_modules/node-addon-api/LICENSE.md
} >>debian/copyright
# What is compiled is in the tarball, so a cross build needs no other build dependency.
[ "$architecture" = "$(dpkg --print-architecture)" ] || cross=(--host-arch "$architecture" --no-check-builddeps)
dpkg-buildpackage --build=binary --no-sign "${cross[@]}" >"$work/log" 2>&1 ||
  { cat "$work/log" >&2; exit 1; }
cp "$work"/*.deb "$output"
for deb in "$work"/*.deb; do echo "$output/$(basename "$deb")"; done
