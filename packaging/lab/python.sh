#!/bin/bash
# ./lab test, lint, bench: run them in a Python environment of our own, made once for each set of
# development packages (pyproject.toml) and kept in the cache, never in the work tree.
set -euo pipefail

here=$(dirname "$(realpath "$0")")
# shellcheck source-path=SCRIPTDIR
. "$here/host.sh"

# development_packages: the names in pyproject.toml, one a line.
development_packages() {
    python3 - "$top/pyproject.toml" <<'PY'
import sys, tomllib
with open(sys.argv[1], "rb") as file:
    print("\n".join(tomllib.load(file)["project"]["optional-dependencies"]["dev"]))
PY
}

# ensure_venv: set venv to a folder with everything in it. A venv can't be renamed, so a stamp
# says that it is complete.
ensure_venv() {
    local packages rooms=$cache lock log
    [ "$(id -u)" -eq 0 ] || rooms=${XDG_CACHE_HOME:-$HOME/.cache}/incidentops-lab
    packages=$(development_packages)
    venv=$rooms/venv-$( (python3 -VV && realpath "$(command -v python3)" && echo "$packages") |
        sha256sum | cut -c1-16)
    [ ! -e "$venv/complete" ] || return 0
    mkdir -p "$rooms"
    exec {lock}>"$venv.lock"
    flock "$lock"
    if [ ! -e "$venv/complete" ]; then
        log=$venv.log
        say "Python environment with the development packages (once) ..."
        rm -rf "$venv"
        if ! { python3 -m venv "$venv" &&
            mapfile -t packages <<<"$packages" &&
            "$venv/bin/pip" install --quiet --disable-pip-version-check "${packages[@]}"; } \
            </dev/null >"$log" 2>&1; then
            tail -n 15 "$log" >&2
            rm -rf "$venv"
            die "cannot make the Python environment (the log is $log)"
        fi
        touch "$venv/complete"
        # shellcheck disable=SC2012  # our own names: no blanks, no newlines
        ls -dt "$rooms"/venv-*/ | tail -n +4 | xargs -r rm -rf
    fi
    exec {lock}>&-
}

word=$1
shift
host_packages python3:python3
host_packages "python3-venv:$(python3 -c 'import ensurepip; print(ensurepip.__file__)' 2>/dev/null ||
    echo /no/ensurepip)"
python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    die "cannot run the tests: they need Python 3.11 or newer, and python3 here is $(python3 -V)"
ensure_venv
cd "$top"
# Programs of the environment (ruff, mypy) are found by the tests through the path.
export PATH="$venv/bin:$PATH" VIRTUAL_ENV=$venv

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
