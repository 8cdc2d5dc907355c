#!/bin/bash
# ./lab down: end a lab machine and leave nothing of it. Doing it twice is fine.
set -euo pipefail

here=$(dirname "$(realpath "$0")")
# shellcheck source-path=SCRIPTDIR
. "$here/host.sh"
# shellcheck source-path=SCRIPTDIR
. "$here/machine.sh"

name='' all=
while [ $# -gt 0 ]; do
    case $1 in
    --name) need_value "$1" $#; name=$2; shift ;;
    --all) all=yes ;;
    *) usage_error "down: unknown argument '$1'" ;;
    esac
    shift
done
name_machine "$name"
become_root "$here/down.sh" ${name:+--name "$name"} ${all:+--all}

down() {
    name_machine "$1"
    lock_machine
    local was="was not running"
    ! running || was="is down"
    teardown || die "cannot remove all of $machine: look at $keep, $scratch and $cgroup"
    say "$machine $was"
}

if [ -z "$all" ]; then
    down "$name"
else
    for folder in "$machines"/*/ "$cache/run"/*/; do
        [ -d "$folder" ] || continue
        name=$(basename "$folder")
        name=${name#incidentops-lab}
        down "${name#-}"
    done
fi
