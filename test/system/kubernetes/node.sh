#!/usr/bin/env bash
# Podman as a node of a cluster, with its own storage, mounts, network and containers, below a folder.
#   node.sh possible               exits with 1 and prints the reason if there can be none
#   node.sh start FOLDER
#   node.sh stop FOLDER            ends everything that runs there
#   node.sh podman FOLDER ARG...   podman
#   node.sh run FOLDER COMMAND...  a command outside the containers, in the node's network
set -euo pipefail
action=$1 folder=${2:-}
self=$(readlink -f "$0")

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
  echo "tmp_dir = \"$folder/tmp\""
}

storage() {
  printf '[storage]\ndriver = "vfs"\ngraphroot = "%s"\nrunroot = "%s"\n' "$folder/storage" "$folder/run"
}

start() {
  configuration >"$folder/containers.conf"
  storage >"$folder/storage.conf"
  mkdir -p "$folder/kubelet"
  # When the first process of the namespace ends, all others end too.
  setsid unshare --mount --net --pid --fork --kill-child=KILL --mount-proc --propagation private \
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
  ip link set lo up
  mount -t tmpfs -o mode=755,size=16m kubelet "$folder/kubelet"
  touch "$folder/ready"
  exec sleep infinity
}

inside() {
  # The caller's environment is dropped: test runners set variables for every child.
  exec nsenter --target "$(cat "$folder/inside")" --mount --net --pid -- env -i \
    PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
    CONTAINERS_CONF="$folder/containers.conf" CONTAINERS_STORAGE_CONF="$folder/storage.conf" "$@"
}

case $action in
  possible) possible ;;
  start) start ;;
  stop) kill -KILL "$(cat "$folder/outside")" ;;
  hold) hold ;;
  run) shift 2; inside "$@" ;;
  podman) shift 2; inside podman "$@" ;;
esac
