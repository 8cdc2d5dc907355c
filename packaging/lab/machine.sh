# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154  # names are shared among the files that are sourced together
# A lab machine: its names, its state, its cgroup and how to get into it and end it.
# Sourced after host.sh.

machines=/run/incidentops-machines

# name_machine [NAME]: set all names of a machine. Everything of a machine carries its name, so
# two never touch each other.
name_machine() {
    local name=${1:-}
    if [ -n "$name" ] && ! [[ $name =~ ^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$ ]]; then
        usage_error "'$name' is no machine name: at most 32 of a-z, 0-9 and -"
    fi
    machine=incidentops-lab${name:+-$name}
    option=${name:+ --name $name}      # what ./lab needs to mean this machine
    keep=$machines/$machine            # state, log, mount point
    root=$keep/root
    runtime=/run/$machine              # the machine's /run/incidentops
    socket=$runtime/agent.sock
    scratch=$cache/run/$machine        # what the machine writes
    table=${machine//-/_}              # nftables
}

# lock_machine: one up or down of a machine at a time; held on descriptor 9 until we end.
lock_machine() {
    mkdir -p "$cache/lock"
    exec 9>"$cache/lock/$machine"
    flock -n 9 || {
        say "waiting for another ./lab that works on $machine"
        flock -w 300 9 || die "cannot go on: another ./lab has been working on $machine for 5 minutes"
    }
}

# state_set KEY VALUE, state_get KEY: the machine's state file, readable by all.
state_set() { printf '%s=%s\n' "$1" "$2" >>"$keep/state"; }
state_get() { [ ! -r "$keep/state" ] || sed -n "s/^$1=//p" "$keep/state" | tail -n 1; }

# start_time PID: when it started, in clock ticks since boot (proc(5), field 22); with the pid it
# names a process for good.
start_time() {
    local stat
    read -r stat <"/proc/$1/stat" || return
    # shellcheck disable=SC2086  # the words after the name in brackets are wanted one by one
    set -- ${stat##*) }
    echo "${20}"
} 2>/dev/null

# remember KEY PID, and lives KEY: is that very process still there (and not a zombie)? sets pid.
remember() { state_set "$1" "$2 $(start_time "$2")"; }
lives() {
    local start
    read -r pid start <<<"$(state_get "$1")"
    [ -n "$pid" ] && [ "$(start_time "$pid")" = "$start" ] &&
        ! grep -qs '^State:.Z' "/proc/$pid/status"
}

# wait_for SECONDS COMMAND...: poll until it succeeds.
wait_for() {
    local until=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$until" ] || return 1
        sleep 0.1
    done
}

systemd_host() { [ -d /run/systemd/system ]; }

# set_cgroup: set group to the machine's own control group and cgroup to its folder. Without one of its own,
# the systemd of one machine would kill the processes of another.
set_cgroup() {
    local hierarchy
    for hierarchy in /sys/fs/cgroup/unified /sys/fs/cgroup; do
        if [ "$(stat -f -c %T "$hierarchy" 2>/dev/null)" = cgroup2fs ]; then
            group=/$machine
            ! systemd_host || group=/system.slice/$machine.service
            cgroup=$hierarchy$group
            return
        fi
    done
    die "cannot boot a machine: no cgroup2 filesystem at /sys/fs/cgroup or /sys/fs/cgroup/unified"
}

# mount_root BASE LAB: put together a throw-away root at $root.
mount_root() {
    local base=$1 lab=$2
    mkdir -p "$root" "$scratch"
    if [ ! -d "$lab/upper" ]; then
        # next to the cache: /run is memory on most hosts
        cp -a --reflink=auto "$lab/root" "$scratch"
        mount --bind "$scratch/root" "$root"
        return
    fi
    mkdir -p "$scratch/upper" "$scratch/work"
    overlay_root && return
    # An overlay can't write onto another overlay (the host is a container itself): use memory.
    mount -t tmpfs "$machine" "$scratch"
    mkdir -p "$scratch/upper" "$scratch/work"
    overlay_root || die "cannot mount the machine's root: overlayfs refused (see dmesg)"
}

overlay_root() {
    mount -t overlay "$machine" "$root" 2>"$keep/mount.log" \
        -o "lowerdir=$lab/upper:$base,upperdir=$scratch/upper,workdir=$scratch/work"
}

# boot: start the machine in its own cgroup and set leader to its PID 1.
boot() {
    local nspawn=(env SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 systemd-nspawn --quiet --boot
        "--directory=$root" "--machine=$machine" --private-network --register=no --keep-unit
        --settings=no --link-journal=no --resolv-conf=off --timezone=off --console=pipe
        "--bind=$runtime:/run/incidentops")
    if systemd_host; then
        # A unit, and not a scope of the calling session, which would end with it.
        systemd-run --quiet --collect --unit="$machine" --property=Delegate=yes \
            --property=KillMode=mixed --property="StandardOutput=file:$keep/console.log" \
            --property=StandardError=inherit "${nspawn[@]}" 9>&-
        remember nspawn "$(systemctl show --property=MainPID --value "$machine")"
    else
        mkdir "$cgroup"
        # shellcheck disable=SC2016  # for the inner shell
        setsid sh -c 'echo $$ >"$1" && shift && exec "$@"' sh "$cgroup/cgroup.procs" \
            "${nspawn[@]}" </dev/null >"$keep/console.log" 2>&1 9>&- &
        remember nspawn $!
    fi
    wait_for 20 find_leader || {
        cat "$keep/console.log" >&2
        die "cannot boot $machine: systemd-nspawn did not start it"
    }
    remember leader "$leader"
    grep -q "^0::$group/" "/proc/$leader/cgroup" ||
        die "cannot go on: $machine is in a foreign cgroup ($(grep ^0:: "/proc/$leader/cgroup"))"
}

# find_leader: set leader to the child of our own nspawn that is PID 1 in a namespace of its own.
# Fails at once, for good, when nspawn is gone.
find_leader() {
    lives nspawn || die "cannot boot $machine: $(tail -n 3 "$keep/console.log" 2>/dev/null)"
    leader=$(awk -v parent="$pid" '
        FNR == 1 { ours = 0; number = FILENAME; gsub(/[^0-9]/, "", number) }
        $1 == "PPid:" { ours = $2 == parent }
        $1 == "NSpid:" && ours && NF > 2 && $NF == 1 { print number }
    ' /proc/[0-9]*/status 2>/dev/null || true)
    # its own cgroup and the exec of init are the last steps of nspawn's child
    [ -n "$leader" ] && [ "$(cat "/proc/$leader/comm" 2>/dev/null)" = systemd ]
}

# enter COMMAND...: run it as root inside the machine whose leader is alive, as a login would.
enter() {
    nsenter --target "$leader" --mount --pid --net --uts --ipc --cgroup \
        env -i HOME=/root USER=root LOGNAME=root SHELL=/bin/bash LANG=C.UTF-8 \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        "TERM=${TERM:-dumb}" sh -c 'cd /root && exec "$@"' sh "$@"
}

# services: what the agent says of its services, one "NAME up" or "NAME STATE" a line; fails while it
# does not answer. Status and state of the public contract stand in this order in each object.
services() {
    local answer
    answer=$(curl --silent --fail --max-time 3 --unix-socket "$socket" http://localhost/services) || return
    grep -oE '"[a-z0-9_.@-]+": *\{ *"status": *"[a-z]+"|"state": *"[a-z-]+"' <<<"$answer" | tr -d '"{:,' |
        awk '$2 == "status" { name = $1; status = $3 }
             $1 == "state" && name { print name, status == "up" ? "up" : $2; name = "" }'
}

# listed: lines as one line, with commas.
listed() { paste -sd, | sed 's/,/, /g'; }

# running: is the machine there? sets leader.
running() { lives leader && leader=$pid; }

gone() { ! lives "$1"; }

# end_process KEY SIGNAL SECONDS: ask a remembered process to end, then make it.
end_process() {
    lives "$1" || return 0
    kill -s "$2" "$pid" 2>/dev/null || true
    wait_for "$3" gone "$1" && return
    kill -s KILL "$pid" 2>/dev/null || true
    wait_for 5 gone "$1" || true
}

# end_visitors: end the ./lab shell processes of the machine. Its shutdown stops (SIGSTOP) what it is
# about to kill, nsenter then stops itself likewise, never reaps its child, and PID 1 can't exit.
end_visitors() {
    local process inside
    inside=$(readlink "/proc/$leader/ns/pid")
    for process in /proc/[0-9]*; do
        [ "$(readlink "$process/ns/pid_for_children" 2>/dev/null)" = "$inside" ] || continue
        [ "$(readlink "$process/ns/pid" 2>/dev/null)" = "$inside" ] ||
            kill -s TERM "${process#/proc/}" 2>/dev/null || true
    done
}

# teardown: end the machine and remove every trace of it, whatever state it is in. Says nothing
# about what is not there; returns 1 if something stays. Processes in a cgroup of that name are only
# ended if the machine is one of ours: a container that shares the cgroup filesystem with others sees
# their machines' groups too.
teardown() {
    end_process window TERM 3
    end_process forward TERM 3
    nft delete table inet "$table" 2>/dev/null || true
    # nspawn hands SIGTERM on to the machine as an orderly shutdown
    ! running || end_visitors
    end_process nspawn TERM 20
    end_process leader KILL 5
    # nspawn removes these itself unless it was killed
    [ ! -d "$root" ] || rm -f "/run/systemd/nspawn/locks/inode-$(stat -c %d:%i "$root")"
    rmdir "/run/systemd/nspawn/propagate/$machine" 2>/dev/null || true
    set_cgroup
    if [ -d "$cgroup" ]; then
        [ ! -d "$keep" ] || echo 1 2>/dev/null >"$cgroup/cgroup.kill" || true
        wait_for 5 empty_cgroup || true
        ! systemd_host || systemctl stop "$machine.service" 2>/dev/null || true
        find "$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null || true
    fi
    wait_for 5 unmounted "$root" || umount --lazy "$root" 2>/dev/null || true
    wait_for 5 unmounted "$scratch" || true
    rm -rf --one-file-system "$scratch" "$runtime" "$keep"
    rmdir "$machines" "$cache/run" 2>/dev/null || true
    [ ! -e "$keep" ] && [ ! -d "$cgroup" ] && [ ! -e "$scratch" ]
}

empty_cgroup() { ! grep -qs . "$cgroup/cgroup.procs" "$cgroup"/*/cgroup.procs; }

unmounted() {
    grep -qF " $1 " /proc/self/mounts || return 0
    umount --recursive "$1" 2>/dev/null
}
