#!/usr/bin/env bash
# A machine for the tests of the units: a real systemd as process 1 of private namespaces, on a
# temporary overlay over this system's files, or over those of another folder.
#   machine.sh possible                 exits with 1 and prints the reason if there can be none
#   machine.sh start FOLDER [ROOT]      FOLDER/tree is laid over ROOT's files; prints systemd's state
#   machine.sh exec FOLDER COMMAND...   inside, as root
#   machine.sh stop FOLDER
set -euo pipefail
action=$1 folder=${2:-} root=${3:-/}
self=$(readlink -f "$0")
cgroups=$(findmnt -nt cgroup2 -o TARGET | head -n 1)

# Units for real hardware or other namespaces, which would only fail.
masked=(
  systemd-{hwdb-update,logind,machine-id-commit,modules-load,pstore,random-seed,remount-fs,sysctl,timesyncd,udevd,udev-trigger}.service
  systemd-udevd-{control,kernel}.socket kmod.service procps.service e2scrub_reap.service
  dev-{hugepages,mqueue}.mount sys-fs-fuse-connections.mount sys-kernel-{config,debug,tracing}.mount
  proc-sys-fs-binfmt_misc.automount getty.target
)
# Capabilities that the machine's root lacks: nothing reaches the hardware or the real clock.
without=-sys_boot,-sys_module,-sys_time,-sys_rawio,-syslog

possible() {
  [ "$(id -u)" -eq 0 ] || { echo 'needs root'; return 1; }
  [ -x /lib/systemd/systemd ] || { echo 'systemd is not installed'; return 1; }
  [ -n "$cgroups" ] || { echo 'no cgroup2 is mounted'; return 1; }
  unshare --mount --pid --fork --cgroup --ipc --uts --net sh -c '
    mount -t tmpfs none /mnt && mkdir /mnt/upper /mnt/work /mnt/root &&
    mount -t overlay none -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work /mnt/root' \
    2>/dev/null || { echo 'namespaces or overlay mounts are not allowed here'; return 1; }
}

start() {
  local group=$cgroups/entropyd-test.$$ inside state
  mkdir "$group"
  echo "$group" >"$folder/cgroup"
  (
    echo "$BASHPID" >"$group/cgroup.procs"
    exec setsid unshare --cgroup --mount --uts --ipc --net --pid --fork --kill-child=KILL \
      --propagation private "$self" boot "$folder" "$root" </dev/null >"$folder/console" 2>&1
  ) &
  local outside=$!
  echo "$outside" >"$folder/outside"
  for _ in $(seq 300); do
    inside=$(tr -d ' ' 2>/dev/null <"/proc/$outside/task/$outside/children" || true)
    if [ -n "$inside" ]; then
      echo "$inside" >"$folder/inside"
      state=$("$self" exec "$folder" systemctl is-system-running 2>/dev/null || true)
      case $state in running | degraded) echo "$state"; return ;; esac
    fi
    kill -0 "$outside" 2>/dev/null || break
    sleep 0.1
  done
  cat "$folder/console" >&2
  return 1
}

boot() {
  hostname entropyd-test
  ip link set lo up
  mkdir -p "$folder/disk"
  mount -t tmpfs -o size=1g,mode=755 disk "$folder/disk"
  cd "$folder/disk"
  mkdir upper work root
  mount -t overlay root -o "lowerdir=$root,upperdir=$PWD/upper,workdir=$PWD/work" root
  cd root
  rm -rf etc/systemd/system
  mkdir -p etc/systemd/system etc/systemd/journald.conf.d
  for unit in "${masked[@]}"; do ln -s /dev/null "etc/systemd/system/$unit"; done
  : >etc/fstab
  echo entropyd-test >etc/hostname
  printf '%032d\n' 1 >etc/machine-id
  printf '[Journal]\nStorage=volatile\nReadKMsg=no\nAudit=no\n' >etc/systemd/journald.conf.d/test.conf
  cp -a "$folder/tree/." .
  mount -t proc -o nosuid,nodev,noexec proc proc
  mount -t sysfs -o ro,nosuid,nodev,noexec sys sys
  mount -t cgroup2 -o nosuid,nodev,noexec cgroup sys/fs/cgroup
  mount -t tmpfs -o mode=755,nosuid dev dev
  mkdir dev/pts dev/shm
  local node
  for node in null:1:3 zero:1:5 full:1:7 random:1:8 urandom:1:9 tty:5:0; do
    IFS=: read -r name major minor <<<"$node"
    mknod -m 666 "dev/$name" c "$major" "$minor"
  done
  mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 pts dev/pts
  mount -t tmpfs -o mode=1777 shm dev/shm
  ln -s pts/ptmx dev/ptmx
  ln -s /proc/self/fd dev/fd
  ln -s fd/0 dev/stdin
  ln -s fd/1 dev/stdout
  ln -s fd/2 dev/stderr
  mount -t tmpfs -o mode=755,nosuid,nodev run run
  mount -t tmpfs -o mode=1777,nosuid,nodev tmp tmp
  mount --bind proc/sys proc/sys
  mount -o remount,ro,bind proc/sys
  mkdir .old
  pivot_root . .old
  cd /
  umount -l /.old
  # As systemd does on a machine and nspawn in a container: credentials are mounts that must propagate.
  mount --make-rshared /
  exec env -i container=entropyd-test PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
    setpriv --bounding-set "$without" --inh-caps "$without" \
    /lib/systemd/systemd --system --unit=multi-user.target --log-target=journal --show-status=no
}

case $action in
  possible) possible ;;
  start) start ;;
  boot) boot ;;
  exec)
    shift 2
    echo $$ >"$(cat "$folder/cgroup")/init.scope/cgroup.procs"
    # The caller's environment is dropped: test runners set variables for every child.
    exec nsenter -t "$(cat "$folder/inside")" -m -u -i -n -p -C -r -w -- \
      env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 "$@"
    ;;
  stop)
    kill -KILL "$(cat "$folder/outside")" 2>/dev/null || true
    group=$(cat "$folder/cgroup")
    for _ in $(seq 50); do
      find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || true
      [ -d "$group" ] || break
      sleep 0.1
    done
    ;;
esac
