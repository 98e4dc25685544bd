#!/bin/sh
# Before the files go: stop the server, unless a new version takes their place. dpkg says "upgrade" then, rpm 1.
set -e
case "$1" in
upgrade|1) exit 0 ;;
esac
if [ -z "${DPKG_ROOT:-}" ] && [ -d /run/systemd/system ]; then
    systemctl --no-reload disable --now accord.service accord-backup.timer || true
fi
exit 0
