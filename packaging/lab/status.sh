#!/bin/bash
# ./lab status: what runs. Exit code 0 when the machine runs, 3 when not. Needs no root.
set -euo pipefail

here=$(dirname "$(realpath "$0")")
# shellcheck source-path=SCRIPTDIR
. "$here/host.sh"
# shellcheck source-path=SCRIPTDIR
. "$here/machine.sh"

name=
while [ $# -gt 0 ]; do
    case $1 in
    --name) need_value "$1" $#; name=$2; shift ;;
    *) usage_error "status: unknown argument '$1'" ;;
    esac
    shift
done
name_machine "$name"

others() {
    local folder
    for folder in "$machines"/*/; do
        folder=$(basename "$folder")
        [ "$folder" = "$machine" ] || [ "$folder" = '*' ] || echo "also there: $folder"
    done
}

if ! running; then
    echo "$machine: not running"
    others
    exit 3
fi
echo "$machine: running since $(state_get since)"
echo "services:   $(services | listed || echo 'the agent does not answer')"
echo "socket:     $socket"
port=$(state_get port)
echo "port:       ${port:-none}"
echo "leader:     pid $leader"
! lives window || echo "window:     pid $pid"
others
