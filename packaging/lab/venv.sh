# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154  # names are shared among the files that are sourced together
# Python environments of our own, made once for each set of packages (the optional dependencies in
# pyproject.toml) and kept in the cache, never in the work tree. Sourced after host.sh.

# new_enough PYTHON: can it run our programs?
new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

# need_python PURPOSE: stop unless python3 is there and new enough.
need_python() {
    host_packages python3:python3
    new_enough python3 ||
        die "cannot $1: it needs Python 3.11 or newer, and python3 here is $(python3 -V)"
}

# optional_packages SET: the names in pyproject.toml, one a line.
optional_packages() {
    python3 - "$top/pyproject.toml" "$1" <<'PY'
import sys, tomllib
with open(sys.argv[1], "rb") as file:
    print("\n".join(tomllib.load(file)["project"]["optional-dependencies"][sys.argv[2]]))
PY
}

# ensure_venv SET PREFIX: set venv to an environment with that set of packages, in a folder whose name
# begins with PREFIX. What root has made serves everybody. A venv can't be renamed, so a stamp says that
# it is complete.
ensure_venv() {
    local packages rooms=$cache key lock log
    packages=$(optional_packages "$1") || die "cannot read pyproject.toml"
    key=$2-$( (python3 -VV && realpath "$(command -v python3)" && echo "$packages") |
        sha256sum | cut -c1-16)
    [ "$(id -u)" -eq 0 ] || [ -e "$cache/$key/complete" ] ||
        rooms=${XDG_CACHE_HOME:-$HOME/.cache}/incidentops-lab
    venv=$rooms/$key
    [ ! -e "$venv/complete" ] || return 0
    host_packages "python3-venv:$(python3 -c 'import ensurepip; print(ensurepip.__file__)' 2>/dev/null ||
        echo /no/ensurepip)"
    mkdir -p "$rooms" || die "cannot make the Python environment: no folder $rooms"
    exec {lock}>"$venv.lock"
    flock "$lock"
    if [ ! -e "$venv/complete" ]; then
        log=$venv.log
        say "Python environment with the packages of '$1' (once) ..."
        rm -rf "$venv"
        mapfile -t packages <<<"$packages"
        if ! (umask 022 && python3 -m venv "$venv" &&
            "$venv/bin/pip" install --quiet --disable-pip-version-check "${packages[@]}") \
            </dev/null >"$log" 2>&1; then
            tail -n 15 "$log" >&2
            rm -rf "$venv"
            die "cannot make the Python environment (the log is $log)"
        fi
        touch "$venv/complete"
        # shellcheck disable=SC2012  # our own names: no blanks, no newlines
        ls -dt "$rooms/$2"-*/ | tail -n +4 | xargs -r rm -rf
    fi
    exec {lock}>&-
}
