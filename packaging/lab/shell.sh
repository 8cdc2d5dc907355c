#!/bin/bash
# ./lab shell: a root shell inside a lab machine, or one command, whose exit code is passed on.
set -euo pipefail

here=$(dirname "$(realpath "$0")")
# shellcheck source-path=SCRIPTDIR
. "$here/host.sh"
# shellcheck source-path=SCRIPTDIR
. "$here/machine.sh"

name=
arguments=("$@")
while [ $# -gt 0 ]; do
    case $1 in
    --name) need_value "$1" $#; name=$2; shift ;;
    --) shift; break ;;
    *) usage_error "shell: unknown argument '$1' (a command goes after --)" ;;
    esac
    shift
done
name_machine "$name"
become_root "$here/shell.sh" "${arguments[@]}"
running || die "cannot enter $machine: it is not running (./lab up$option starts it)"
[ $# -gt 0 ] || set -- bash --login
enter "$@" || exit
