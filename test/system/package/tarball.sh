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
# A change of the tests, or of the role, does not change the package.
key=$(files . ':!test' ':!bench' ':!ansible' ':!.ci' | xargs -0 sha256sum | sha256sum | cut -c 1-16)
made=$store/$key
if [ ! -d "$made" ]; then
  rm -rf "${store:?}"/*/
  # Below this folder, so that a path of this machine in the package would be found.
  TMPDIR=$store packaging/pack.sh "$store/packed" >/dev/null 9>&-
  mv "$store/packed" "$made"
fi
echo "$made"/*.tgz
