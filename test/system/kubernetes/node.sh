#!/usr/bin/env bash
# Podman as a node of a cluster, with its own storage, mounts and containers below a folder.
#   node.sh possible               exits with 1 and prints the reason if there can be none
#   node.sh start FOLDER
#   node.sh stop FOLDER            ends everything that runs there
#   node.sh base FOLDER            makes localhost/base, like a slim Debian image, of this system's packages
#   node.sh podman FOLDER ARG...   podman
#   node.sh run FOLDER COMMAND...  a command outside the containers, as a kubelet runs them
set -euo pipefail
action=$1 folder=${2:-}
self=$(readlink -f "$0")

# What our package needs; their dependencies are added. A slim image has more.
packages=(bash coreutils dash dpkg libstdc++6)

possible() {
  [ "$(id -u)" -eq 0 ] || { echo 'needs root'; return 1; }
  for name in podman crun dpkg-deb kubectl nsenter; do
    command -v "$name" >/dev/null || { echo "$name is not installed"; return 1; }
  done
  [ -x /usr/bin/catatonit ] || [ -x /usr/libexec/podman/catatonit ] ||
    { echo 'catatonit is not installed'; return 1; }
  unshare --mount --net true 2>/dev/null || { echo 'namespaces are not allowed here'; return 1; }
}

# Limits below those of any host: podman's defaults may exceed what is allowed here.
configuration() {
  cat <<'EOF'
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "crun"
EOF
}

start() {
  configuration >"$folder/containers.conf"
  mkdir -p "$folder/kubelet"
  # When the first process of the namespace ends, all others end too.
  setsid unshare --mount --pid --fork --kill-child=KILL --mount-proc --propagation private \
    "$self" hold "$folder" </dev/null >"$folder/console" 2>&1 &
  echo $! >"$folder/outside"
  for _ in $(seq 100); do
    if [ -e "$folder/ready" ]; then
      tr -d ' ' <"/proc/$!/task/$!/children" >"$folder/inside"
      return
    fi
    sleep 0.1
  done
  cat "$folder/console" >&2
  return 1
}

hold() {
  # crun handles cgroup v1 or v2, but not both at once.
  if mountpoint -q /sys/fs/cgroup/unified; then umount /sys/fs/cgroup/unified; fi
  mount -t tmpfs -o mode=755,size=16m kubelet "$folder/kubelet"
  touch "$folder/ready"
  exec sleep infinity
}

inside() {
  # The caller's environment is dropped: test runners set variables for every child.
  exec nsenter --target "$(cat "$folder/inside")" --mount --pid -- env -i \
    PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
    CONTAINERS_CONF="$folder/containers.conf" "$@"
}

base() {
  local tree=$folder/base
  mkdir -p "$tree"/usr/{bin,sbin,lib,lib64} "$tree"/{etc,tmp,run,var}
  for name in bin sbin lib lib64; do ln -s "usr/$name" "$tree/$name"; done
  apt-cache depends --recurse --installed --no-{recommends,suggests,conflicts,breaks,replaces,enhances} \
    "${packages[@]}" | grep '^[a-z0-9]' | sort -u | xargs dpkg -L |
    grep -E '^/(usr/)?(s?bin|lib|lib64)/' | sort -u | while read -r file; do
    [ -d "$file" ] && [ ! -L "$file" ] || echo ".$(realpath -s "$(dirname "$file")")/$(basename "$file")"
  done | tar -C / --ignore-failed-read -cf - -T - 2>/dev/null | tar -C "$tree" --keep-directory-symlink -xf -
  tar -C "$tree" -cf "$folder/base.tar" .
  "$self" podman "$folder" import --quiet "$folder/base.tar" localhost/base
}

case $action in
  possible) possible ;;
  start) start ;;
  stop) kill -KILL "$(cat "$folder/outside")" ;;
  hold) hold ;;
  base) base ;;
  run) shift 2; inside "$@" ;;
  podman)
    shift 2
    inside podman --root "$folder/storage" --runroot "$folder/run" --tmpdir "$folder/tmp" \
      --storage-driver vfs "$@"
    ;;
esac
