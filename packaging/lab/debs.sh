#!/bin/bash
# ./lab debs: build the Debian packages in a clean root and copy them to dist/.
set -euo pipefail

here=$(dirname "$(realpath "$0")")
# shellcheck source-path=SCRIPTDIR
. "$here/host.sh"
# shellcheck source-path=SCRIPTDIR
. "$here/roots.sh"

[ $# -eq 0 ] || usage_error "debs takes no arguments"
become_root "$here/debs.sh"
trap 'stop_builder; rm -f "${source:-}"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
host_packages mmdebstrap:mmdebstrap \
    debian-archive-keyring:/usr/share/keyrings/debian-archive-keyring.gpg
ensure_debs
rm -rf "$top/dist"
mkdir "$top/dist"
cp "$debs"/* "$top/dist"
chown -R --reference="$top" "$top/dist"
ensure_build
(isolated "$here/check-debs.sh" "$build" "$debs") || die "cannot check the packages with lintian"
say "dist/: $(cd "$top/dist" && echo *.deb)"
