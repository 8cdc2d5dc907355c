#!/bin/bash
# ./lab gui: open the desktop application on a lab machine. What follows -- goes to it.
set -euo pipefail

here=$(dirname "$(realpath "$0")")
# shellcheck source-path=SCRIPTDIR
. "$here/host.sh"
# shellcheck source-path=SCRIPTDIR
. "$here/machine.sh"
# shellcheck source-path=SCRIPTDIR
. "$here/venv.sh"
# shellcheck source-path=SCRIPTDIR
. "$here/window.sh"

name=
while [ $# -gt 0 ]; do
    case $1 in
    --name) need_value "$1" $#; name=$2; shift ;;
    --) shift; break ;;
    *) usage_error "gui: unknown argument '$1' (options of incidentops-gui go after --)" ;;
    esac
    shift
done
name_machine "$name"
has_display || die "cannot open a window: there is no display here (DISPLAY and WAYLAND_DISPLAY are not set);" \
    "./lab shell$option -- incidentops status shows the same as text"
running || die "cannot show $machine: it is not running (./lab up$option starts it)"
python=$(window_python) || exit
window_words "$python"
exec "${words[@]}" "$@"
