#!/usr/bin/env bash
# Makes the package's tarball with `npm pack` in a clean tree, once per state of the tree. Prints its path.
#   tarball.sh
set -euo pipefail
cd "$(dirname "$0")/../../.."
root=$PWD
store=$root/test/system/package/build
mkdir -p "$store"
exec 9>"$store/lock"
flock 9

# The files that a commit of everything here would have.
files() {
  git ls-files -z --cached --others --exclude-standard -- "$@" |
    while IFS= read -r -d '' file; do [ ! -f "$file" ] || printf '%s\0' "$file"; done
}
# A change of the tests does not change the package.
key=$(files . ':!test' ':!bench' ':!.ci' | xargs -0 sha256sum | sha256sum | cut -c 1-16)
made=$store/$key
if [ ! -d "$made" ]; then
  tree=$store/tree
  rm -rf "${store:?}"/*/
  mkdir -p "$tree" "$store/packed"
  files . | xargs -0 cp --parents -t "$tree"
  ln -s "$root/node_modules" "$tree/node_modules"
  # Test runners set options for every child.
  (cd "$tree" && env -u NODE_OPTIONS -u NODE_V8_COVERAGE npm pack --pack-destination ../packed) \
    >"$store/log" 2>&1 9>&- || { cat "$store/log" >&2; exit 1; }
  rm -rf "$tree"
  mv "$store/packed" "$made"
fi
echo "$made"/*.tgz
