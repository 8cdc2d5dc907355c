# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154  # names are shared among the files that are sourced together
# What the lab asks of the host: a voice, root, and a few Debian packages. Sourced by the commands.

cache=${INCIDENTOPS_LAB_CACHE:-/var/cache/incidentops-lab}
top=$(realpath "$here/../..")
desktop_variables=()

# What the lab builds and keeps is read by other users: the machine's own, apt's, whoever asks for its status.
umask 022

# Whatever ends a script before its time is said, never silent; once, by the outermost shell.
set -E
trap '[ "$BASH_SUBSHELL" -gt 0 ] || say "cannot go on: \"$BASH_COMMAND\" failed (${BASH_SOURCE[0]##*/}, line $LINENO)"' ERR

say() { printf 'lab: %s\n' "$*" >&2; }

# A sentence for a person; the caller words it "cannot ...".
die() {
    say "$*"
    exit 1
}

# need_value OPTION COUNT: stop unless an option that takes a value has one.
need_value() { [ "$2" -ge 2 ] || usage_error "$1 needs a value"; }

usage_error() {
    say "$*; see ./lab --help"
    exit 2
}

# become_root SCRIPT ARGS...: go on as root, asking sudo if need be. The lab's variables, and those of
# the desktop where window.sh names them, go along by hand, since sudo clears the environment.
become_root() {
    [ "$(id -u)" -ne 0 ] || return 0
    command -v sudo >/dev/null ||
        die "cannot go on: this needs root (it mounts, boots and filters), and there is no sudo here"
    local name vars=()
    for name in ${!INCIDENTOPS_LAB_@} "${desktop_variables[@]}"; do
        [ -z "${!name:-}" ] || vars+=("$name=${!name}")
    done
    exec sudo env "${vars[@]}" "$@"
}

# host_packages PACKAGE:FILE...: install the packages whose FILE (a path, or a program's name) is
# missing. Works as root and through sudo.
host_packages() {
    local entry missing=() sudo=()
    for entry; do
        [ -e "${entry#*:}" ] || command -v "${entry#*:}" >/dev/null || missing+=("${entry%%:*}")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    command -v apt-get >/dev/null ||
        die "cannot go on without ${missing[*]}: no apt-get here to install them with"
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null ||
            die "cannot install ${missing[*]}: this needs root, and there is no sudo here"
        sudo=(sudo)
    fi
    say "installing on this host: ${missing[*]}"
    local log
    log=$(mktemp)
    if ! "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive sh -c \
        'apt-get update -q && apt-get install -q -y --no-install-recommends "$@"' sh \
        "${missing[@]}" </dev/null >"$log" 2>&1; then
        tail -n 15 "$log" >&2
        rm -f "$log"
        die "cannot install ${missing[*]}: apt-get failed, its last lines are above"
    fi
    rm -f "$log"
}
