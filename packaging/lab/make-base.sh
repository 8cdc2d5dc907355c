#!/bin/bash
# Make the lab machine's root: Debian 13 with systemd and the three servers, none of ours.
# usage: make-base.sh TARGET     (root, inside the namespaces of isolated() in roots.sh)
set -euo pipefail

here=$(dirname "$(realpath "$0")")
target=$1
packages=$(sed 's/#.*//' "$here/base.packages" | xargs | tr ' ' ',')

# Without a mirror mmdebstrap uses its own default. unsafe-io: a half-written root is thrown away
# anyway (build_once), so dpkg need not sync every file.
mmdebstrap --mode=root --variant=minbase --format=directory \
    --aptopt='Acquire::Languages "none"' --dpkgopt=force-unsafe-io \
    --include="$packages" trixie "$target" \
    ${INCIDENTOPS_LAB_MIRROR:+"$INCIDENTOPS_LAB_MIRROR"}

# Nothing may wake up in the middle of a drill or reach for a network that is not there, and the
# console is a log file, not a terminal.
for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer \
    fstrim.timer logrotate.timer systemd-tmpfiles-clean.timer \
    console-getty.service getty@tty1.service; do
    ln -sf /dev/null "$target/etc/systemd/system/$unit"
done

# An ssh server that nobody asked for is a door; a test that needs it starts it.
systemctl --quiet --root="$target" disable ssh.service ssh.socket

# Debian orders rabbitmq-server after epmd.socket only: at shutdown epmd goes first, and rabbitmqctl
# then searches for the node for 5 s.
mkdir "$target/etc/systemd/system/rabbitmq-server.service.d"
printf '[Unit]\nAfter=epmd.service\n' \
    >"$target/etc/systemd/system/rabbitmq-server.service.d/lab-epmd.conf"

# The identity is given at each boot; an empty machine-id would make systemd think of a first boot
# and enable and disable units by its presets.
rm -f "$target/etc/machine-id" "$target/var/lib/dbus/machine-id" "$target/etc/hostname"
