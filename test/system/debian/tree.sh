#!/usr/bin/env bash
# Makes the files of a new Debian machine with systemd, AppArmor, Python, its binding to apt and nothing else: this
# system's release, from its own mirror. Prints their folder. Nobody changes it; it is kept for a week, then made again.
set -euo pipefail
packages=systemd,systemd-sysv,dbus,python3,python3-apt,apparmor
. /etc/os-release
cache=/var/cache/entropyd-test
tree=$cache/$VERSION_CODENAME-minbase-${packages//,/-}
mkdir -p -m 700 "$cache"
exec 9>"$cache/lock"
flock 9
find "$cache" -mindepth 1 -maxdepth 1 -type d -mtime +7 -exec rm -rf {} +
if [ ! -d "$tree" ]; then
  # shellcheck disable=SC2016 # placeholders of apt
  mirror=$(apt-get indextargets --format '$(REPO_URI)' \
    'Created-By: Packages' 'Origin: Debian' "Codename: $VERSION_CODENAME" 'Component: main' | head -n 1)
  [ -n "$mirror" ] || { echo "no mirror of $VERSION_CODENAME is configured: apt-get update?" >&2; exit 1; }
  rm -rf "$tree.new"
  debootstrap --force-check-gpg --variant=minbase --include="$packages" "$VERSION_CODENAME" "$tree.new" "$mirror" \
    >"$cache/log" 2>&1 || { tail -n 20 "$cache/log" >&2; exit 1; }
  touch "$tree.new"
  mv "$tree.new" "$tree"
fi
echo "$tree"
