#!/usr/bin/env bash
# Makes the Debian package of release 0.1.0 from its commit, little compressed, for this machine's processor
# alone. Prints its path; it is built once. Ends with 77 if this clone is too shallow to have that commit.
#   previous.sh
set -euo pipefail
cd "$(dirname "$0")/../../.."
root=$PWD
# It has no tag.
commit=4f8ec96c494d52112a8e43cc2fe388146a37b9b0
git cat-file -e "$commit^{commit}" 2>/dev/null ||
  { echo "this clone lacks the commit of 0.1.0, $commit: git fetch --unshallow" >&2; exit 77; }
cache=/var/cache/entropyd-test
made=$cache/entropyd-0.1.0
mkdir -p -m 700 "$cache"
exec 9>"$made.lock"
flock 9
if [ ! -d "$made" ]; then
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  git clone --quiet --shared --no-checkout "$root" "$work/tree"
  cd "$work/tree"
  git checkout --quiet --detach "$commit"
  sed -i '/^  arm64: /d' native/prebuilt/make.mjs
  sed -i 's| prebuilds/linux-arm64/\*.node||' native/prebuilt/check.sh
  unset NODE_OPTIONS NODE_V8_COVERAGE
  {
    npm ci --ignore-scripts --no-audit --no-fund --prefer-offline
    DEB_BUILD_OPTIONS=quick debian/build.sh "$work/made"
  } >"$work/log" 2>&1 9>&- || { cat "$work/log" >&2; exit 1; }
  mv "$work/made" "$made"
fi
echo "$made"/entropyd_*.deb
