#!/bin/sh
# After the files are there: the user, the data folder, and a running server gets the new program. A folder that is there keeps all that
# is in it. DPKG_ROOT is where dpkg installs to when that is not /.
set -e
root="${DPKG_ROOT:-}"

if ! grep -q '^accord:' "$root/etc/passwd"; then
    useradd ${root:+--prefix "$root"} --system --user-group --home-dir /var/lib/accord --no-create-home --shell /usr/sbin/nologin accord
fi
owner=$(awk -F: '$1 == "accord" {print $3 ":" $4}' "$root/etc/passwd")
if [ ! -d "$root/var/lib/accord" ]; then
    mkdir -p "$root/var/lib/accord"
    chmod 0700 "$root/var/lib/accord"
    chown "$owner" "$root/var/lib/accord"
fi
chgrp "${owner#*:}" "$root/etc/default/accord"

if [ -z "$root" ] && [ -d /run/systemd/system ]; then
    systemctl daemon-reload
    systemctl try-restart accord.service
fi
exit 0
