#!/bin/bash
# ./lab up: build what is missing, boot a disposable lab machine, wait until every service answers.
set -euo pipefail

here=$(dirname "$(realpath "$0")")
# shellcheck source-path=SCRIPTDIR
. "$here/host.sh"
# shellcheck source-path=SCRIPTDIR
. "$here/roots.sh"
# shellcheck source-path=SCRIPTDIR
. "$here/machine.sh"
# shellcheck source-path=SCRIPTDIR
. "$here/forward.sh"
# shellcheck source-path=SCRIPTDIR
. "$here/venv.sh"
# shellcheck source-path=SCRIPTDIR
. "$here/window.sh"

deadline=60      # seconds from boot until every service must answer

parse() {
    local name=
    port='' keep_failed=''
    while [ $# -gt 0 ]; do
        case $1 in
        --name) need_value "$1" $#; name=$2; shift ;;
        --port) need_value "$1" $#; port=$2; shift ;;
        --keep-failed) keep_failed=yes ;;
        *) usage_error "up: unknown argument '$1'" ;;
        esac
        shift
    done
    name_machine "$name"
    # A second machine must not fight for the port of the first.
    [ -n "$port" ] || [ -n "$name" ] || port=${INCIDENTOPS_LAB_PORT:-8000}
    user=${SUDO_UID:-0} user_group=${SUDO_GID:-0}
}

cleanup() {
    local status=$?
    trap - EXIT INT TERM HUP
    stop_builder
    rm -f "${source:-}"
    if [ -n "${booting:-}" ]; then
        if [ -n "$keep_failed" ]; then
            say "$machine is left as it is; ./lab down$option removes it"
        else
            say "removing the unfinished machine"
            teardown || true
        fi
    fi
    exit "$status"
}

# identify: give the throw-away root a name, an identity and, if a user came through sudo, that
# user of the host as an operator; who has the same number inside is somebody else.
identify() {
    echo "$machine" >"$root/etc/hostname"
    printf '127.0.0.1 localhost %s\n::1 localhost\n' "$machine" >"$root/etc/hosts"
    tr -d - </proc/sys/kernel/random/uuid >"$root/etc/machine-id"
    if [ "$user" -ne 0 ]; then
        mkdir -p "$root/etc/incidentops"
        printf 'operators:\n  outside_uids: [%s]\nchaos:\n  outside_uids: [%s]\n' "$user" "$user" >"$root/etc/incidentops/agent.yaml"
    fi
}

# await_services: until every service is up, telling each change.
await_services() {
    local until=$((SECONDS + deadline)) seen='' now=''
    while [ "$SECONDS" -lt "$until" ]; do
        running || die "cannot keep $machine up: $(tail -n 5 "$keep/console.log")"
        if now=$(services 2>/dev/null) && [ -n "$now" ]; then
            [ "$now" = "$seen" ] || say "$(listed <<<"$now")"
            seen=$now
            ! grep -qv ' up$' <<<"$now" && return
        fi
        sleep 0.2
    done
    return 1
}

explain_failure() {
    say "not every service answered within $deadline s: ${1:-the agent does not answer}"
    enter systemctl list-units --failed --no-legend --plain >&2 || true
    enter systemctl list-jobs --no-legend >&2 || true
    enter journalctl --boot --no-pager --lines=50 --output=short-monotonic >&2 || true
    die "cannot bring the lab up; the machine's journal is above"
}

main() {
    parse "$@"
    become_root "$here/up.sh" "$@"
    host_packages mmdebstrap:mmdebstrap systemd-container:systemd-nspawn nftables:nft curl:curl \
        debian-archive-keyring:/usr/share/keyrings/debian-archive-keyring.gpg
    lock_machine
    if running; then
        say "$machine is already running; ./lab status$option tells more, ./lab gui$option opens its" \
            "window, ./lab down$option ends it"
        exit 0
    fi
    trap cleanup EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    # what a crash may have left
    teardown || empty_cgroup ||
        die "cannot boot $machine: processes that this ./lab did not start are in $cgroup"
    [ -z "$port" ] || check_port "$port"
    ensure_lab

    booting=yes
    local began=$EPOCHREALTIME
    mkdir -p "$keep" "$runtime"
    state_set machine "$machine"
    state_set since "$(date --utc +%Y-%m-%dT%H:%M:%SZ)"
    [ -z "$port" ] || forward "$port" "$user" "$user_group" || port=
    mount_root "$base" "$lab"
    identify
    boot
    say "$machine boots"
    await_services || explain_failure "$(services | grep -v ' up$' | listed)"
    say "up after $(awk "BEGIN { printf \"%.1f\", $EPOCHREALTIME - $began }") s"
    booting=
    open_window
    next_steps
}

# open_window: the desktop application in the background, where there is a display; without one, or
# when it can't be had, the machine is up all the same.
open_window() {
    local python
    how_to_see="There is no display here for its window; where there is one, ./lab gui$option opens it."
    has_display || return 0
    how_to_see="./lab gui$option opens its window."
    [ "${INCIDENTOPS_LAB_WINDOW:-yes}" != no ] || return 0
    python=$(window_python) || return 0
    window_words "$python"
    setsid "${words[@]}" </dev/null >"$keep/window.log" 2>&1 9>&- &
    remember window $!
    how_to_see="Its window opens (log: $keep/window.log); ./lab gui$option opens it again."
}

next_steps() {
    cat <<TEXT
The lab machine $machine is up: PostgreSQL, Redis, RabbitMQ, a worker and a chaos service.
$how_to_see

TEXT
    [ -z "$port" ] || cat <<TEXT
  curl http://localhost:$port/services
  curl -X POST http://localhost:$port/stop/redis
TEXT
    cat <<TEXT
  curl --unix-socket $socket http://localhost/services
  ./lab gui$option                  the window, on a desktop
  ./lab shell$option -- incidentops status
  ./lab shell$option                a root shell inside
  ./lab status$option
  ./lab down$option                 end it and remove every trace
TEXT
}

main "$@"
