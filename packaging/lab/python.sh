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
if [ "$word" = test ] && [ "${1:-}" != --fast ] && [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null ||
        die "cannot run the tests that boot lab machines: they need root, and there is no sudo here;" \
            "./lab test --fast runs the others"
    become_root "$here/python.sh" "$word" "$@"
fi
if [ "$word" = test ] && [ "${SUDO_UID:-0}" -ne 0 ]; then
    # The tests boot machines for root, whoever asked for them; and root leaves no file of its own in
    # the work tree of a user, who could not remove it.
    unset SUDO_UID SUDO_GID SUDO_USER SUDO_COMMAND
    export PYTHONDONTWRITEBYTECODE=1 MYPY_CACHE_DIR=$cache/caches/mypy \
        HYPOTHESIS_STORAGE_DIRECTORY=$cache/caches/hypothesis \
        PYTEST_ADDOPTS="${PYTEST_ADDOPTS:-} -o cache_dir=$cache/caches/pytest"
fi
need_python "run the tests"
host_packages git:git # which files are the project's own
ensure_venv dev venv
if [ "$word" != lint ]; then
    # the window on no screen and on a virtual one, its way to another machine, and what validates the files that
    # desktops read
    host_packages "${qt_packages[@]}" "${screen_packages[@]}" xvfb:Xvfb openssh-client:ssh \
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
