#!/bin/bash
# ./lab test, lint, bench: run them in a Python environment of our own.
set -euo pipefail

here=$(dirname "$(realpath "$0")")
# shellcheck source-path=SCRIPTDIR
. "$here/host.sh"
# shellcheck source-path=SCRIPTDIR
. "$here/venv.sh"
# shellcheck source-path=SCRIPTDIR
. "$here/window.sh"

word=$1
shift
need_python "run the tests"
ensure_venv dev venv
if [ "$word" != lint ]; then
    # the window on no screen and on a virtual one, and what validates the files that desktops read
    host_packages "${qt_packages[@]}" "${screen_packages[@]}" xvfb:Xvfb \
        desktop-file-utils:desktop-file-validate appstream:appstreamcli
fi
cd "$top"
# Programs of the environment (ruff, mypy) are found by the tests through the path.
export PATH="$venv/bin:$PATH" VIRTUAL_ENV=$venv
# Nobody wants a window for each machine that a test boots.
export INCIDENTOPS_LAB_WINDOW=no

case $word in
lint) exec python -m pytest tests/lint "$@" ;;
bench) exec python tests/bench "$@" ;;
test)
    if [ "${1:-}" = --fast ]; then
        shift
        exec python -m pytest -m "not lab" "$@"
    fi
    exec python -m pytest "$@"
    ;;
esac
