#!/bin/sh
# Installs the units and their supporting files, after `npm install --global`, and enables the daemon's
# socket. Run it again after an upgrade; existing configuration, that of logrotate too, is kept.
#   install.sh [--gateway]     also enables the gateway's socket
set -eu
cd "$(dirname "$0")"
gateway=$*
case $gateway in
'' | --gateway) ;;
*) echo "install.sh: unknown argument: $gateway; there is only --gateway" >&2; exit 64 ;;
esac
command -v entropyd >/dev/null || { echo 'install.sh: entropyd is not on the PATH' >&2; exit 1; }
install -D -m 644 -t /etc/systemd/system ./*.service ./*.socket ./*.target ./*.timer
install -D -m 644 -t /etc/sysusers.d sysusers.d/entropyd.conf
install -D -m 644 -t /etc/tmpfiles.d tmpfiles.d/entropyd.conf
install -D -m 644 -t /etc/udev/rules.d udev/90-entropyd.rules
[ -e /etc/logrotate.d/entropyd ] || install -D -m 644 -t /etc/logrotate.d logrotate.d/entropyd
[ -e /etc/entropyd/entropyd.toml ] || install -D -m 644 -t /etc/entropyd entropyd.toml
systemd-sysusers entropyd.conf
systemd-tmpfiles --create entropyd.conf
if command -v udevadm >/dev/null; then udevadm control --reload || true; fi
systemctl daemon-reload
systemctl enable --now entropyd.socket
if [ -n "$gateway" ]; then systemctl enable --now entropyd-gateway.socket; fi
# Restarts running services with the new programs, without losing a request.
systemctl try-restart entropyd.service entropyd-gateway.service
