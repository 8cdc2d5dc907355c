#!/bin/bash
# Build the debs in a clean root, offline and as an ordinary user.
# usage: make-debs.sh BUILD SOURCE.tar TARGET   (root, inside the namespaces of isolated())
set -euo pipefail

build=$1 source=$2 target=$3

# Everything happens in memory on top of the clean root, which stays as it is. A copy instead of
# an overlay where the kernel has none.
scratch=$target/scratch
mkdir -p "$scratch"
mount -t tmpfs tmpfs "$scratch"
root=$scratch/root
mkdir "$root" "$scratch/upper" "$scratch/work"
mount -t overlay overlay -o "lowerdir=$build,upperdir=$scratch/upper,workdir=$scratch/work" "$root" ||
    cp -a "$build/." "$root"
mount -t proc proc "$root/proc"

tree=$root/build/incidentops
mkdir -p "$tree"
tar --extract --file="$source" --directory="$tree" --no-same-owner
# packaging/ is where people look for it; dpkg wants debian/ at the top.
mv "$tree/packaging/debian" "$tree/debian"
find "$tree" -exec touch --no-dereference --date="$(
    chroot "$root" dpkg-parsechangelog -l /build/incidentops/debian/changelog -S Date)" {} +
chown -R 1000:1000 "$root/build"

chroot "$root" unshare --net setpriv --reuid=1000 --regid=1000 --clear-groups \
    env -i HOME=/nonexistent PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 sh -euc '
        cd /build/incidentops
        dpkg-buildpackage --no-sign'

find "$root/build" -maxdepth 1 -type f -exec cp {} "$target" \;
umount --recursive "$scratch"
rmdir "$scratch"
# apt reads local debs as its own user.
chmod -R a+rX "$target"
