#!/bin/sh
# The data folder stays, whatever is removed: it may be the only record of what was shared.
set -e
if [ -z "${DPKG_ROOT:-}" ] && [ -d /run/systemd/system ]; then
    systemctl daemon-reload
fi
case "$1" in
purge|0)
    if [ -d "${DPKG_ROOT:-}/var/lib/accord" ]; then
        echo "accord: the data folder /var/lib/accord is kept; remove it yourself if nothing in it is needed"
    fi ;;
esac
exit 0
