#!/bin/bash
# Install our debs into the lab machine's root, offline, as an administrator would.
# usage: make-lab.sh overlay|copy BASE DEBS TARGET   (root, inside the namespaces of isolated())
# With overlay TARGET/upper holds only what differs from BASE; with copy TARGET/root holds all.
set -euo pipefail

how=$1 base=$2 debs=$3 target=$4

if [ "$how" = overlay ]; then
    root=$target/merged
    mkdir -p "$root" "$target/upper" "$target/work"
    mount -t overlay overlay -o "lowerdir=$base,upperdir=$target/upper,workdir=$target/work" "$root"
else
    root=$target/root
    mkdir -p "$target"
    cp -a --reflink=auto "$base" "$root"
fi

mount -t proc proc "$root/proc"
mount --bind "$debs" "$root/mnt"
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"
chroot "$root" env LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive sh -euc \
    'apt-get install -y --no-install-recommends /mnt/*.deb && apt-get clean' || {
    echo "A dependency that apt calls not installable belongs into packaging/lab/base.packages."
    exit 1
}
rm "$root/usr/sbin/policy-rc.d"
umount "$root/mnt" "$root/proc"

if [ "$how" = overlay ]; then
    umount "$root"
    rm -rf "$target/work" "$root"
fi
