#!/usr/bin/env bash
# Makes the npm package of a copy of this tree, with `npm pack`: only what a commit of everything here
# would have is in it, nothing that earlier builds left. Prints its path.
#   pack.sh DIRECTORY
set -euo pipefail
umask 022
mkdir -p "$1"
out=$(readlink -e "$1")
cd "$(dirname "$(readlink -f "$0")")/.."
root=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/tree
mkdir "$tree"
git ls-files -z --cached --others --exclude-standard |
  while IFS= read -r -d '' file; do [ ! -f "$file" ] || printf '%s\0' "$file"; done |
  xargs -0 cp --parents --no-preserve=mode,ownership -t "$tree"
# Git keeps of a mode only whether it may be run.
git ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' file; do
  [ ! -x "$file" ] || [ ! -f "$tree/$file" ] || chmod +x "$tree/$file"
done
ln -s "$root/node_modules" "$tree/node_modules"
# Test runners set options for every child.
name=$(cd "$tree" && env -u NODE_OPTIONS -u NODE_V8_COVERAGE npm pack --silent --pack-destination "$out" 2>"$work/log") ||
  { cat "$work/log" >&2; echo "$name" >&2; exit 1; }
echo "$out/$(tail -n 1 <<<"$name")"
