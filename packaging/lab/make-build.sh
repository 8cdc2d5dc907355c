#!/bin/bash
# Make the clean Debian 13 root in which the debs are built.
# usage: make-build.sh TARGET     (root, inside the namespaces of isolated() in roots.sh)
set -euo pipefail

here=$(dirname "$(realpath "$0")")
packages=$(sed 's/#.*//' "$here/build.packages" | xargs | tr ' ' ',')
mmdebstrap --mode=root --variant=minbase --format=directory \
    --aptopt='Acquire::Languages "none"' --dpkgopt=force-unsafe-io \
    --include="$packages" trixie "$1" \
    ${INCIDENTOPS_LAB_MIRROR:+"$INCIDENTOPS_LAB_MIRROR"}
