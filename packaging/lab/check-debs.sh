#!/bin/bash
# Show what lintian has to say about the packages; its words don't fail the build.
# usage: check-debs.sh BUILD DEBS   (root, inside the namespaces of isolated() in roots.sh)
set -euo pipefail

build=$1 debs=$2

mount -t proc proc "$build/proc"
mount --bind "$debs" "$build/mnt"
chroot "$build" unshare --net setpriv --reuid=1000 --regid=1000 --clear-groups \
    env -i HOME=/nonexistent PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 \
    sh -euc 'lintian --tag-display-limit 0 --fail-on none /mnt/*.changes'
