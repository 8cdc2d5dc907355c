# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154  # names are shared among the files that are sourced together
# The host's TCP door to a machine's agent: systemd's own socket-activate and socket-proxyd, behind
# a filter in the kernel. Sourced after machine.sh.
#
# Behind a proxy every local user looks like the proxy, so who may connect is decided before it: a
# table of our own refuses new connections to the port from all but root and the user who asked for
# the lab. The unix socket needs none of this: there the agent sees the peer itself.

# port_holder PORT: who listens on PORT on loopback, for 127.0.0.1 or [::1] or all addresses;
# empty when nobody does. Needs no tool: /proc/net/tcp, proc(5).
port_holder() {
    local hex inode fd
    hex=$(printf '%04X' "$1")
    inode=$(awk -v port=":$hex" '
        BEGIN {
            wanted["0100007F" port]; wanted["00000000" port]
            wanted["00000000000000000000000001000000" port]
            wanted["00000000000000000000000000000000" port]
            wanted["0000000000000000FFFF00000100007F" port]
        }
        $4 == "0A" && $2 in wanted { print $10; exit }
    ' /proc/net/tcp /proc/net/tcp6 2>/dev/null)
    [ -n "$inode" ] || return 0
    for fd in /proc/[0-9]*/fd/*; do
        [ "$(readlink "$fd" 2>/dev/null)" = "socket:[$inode]" ] || continue
        fd=${fd#/proc/}
        holder_name "${fd%%/*}"
        return
    done
    echo "a process that this system does not show"
}

# holder_name PID: the lab machine that PID forwards for, or else its name and pid.
holder_name() {
    local other
    for other in "$machines"/*/state; do
        if grep -qs "^forward=$1 " "$other"; then
            basename "$(dirname "$other")" | sed 's/^/the lab machine /'
            return
        fi
    done
    echo "$(cat "/proc/$1/comm" 2>/dev/null) (pid $1)"
}

# check_port PORT: stop with a sentence if it can't be had.
check_port() {
    local holder
    [[ $1 =~ ^[1-9][0-9]{0,4}$ && $1 -le 65535 ]] ||
        usage_error "'$1' is no port: a number from 1 to 65535 is wanted"
    holder=$(port_holder "$1")
    [ -z "$holder" ] ||
        die "cannot use port $1: $holder listens on it; choose another with --port or INCIDENTOPS_LAB_PORT"
}

# filter PORT UID: let only root and UID open connections to the port over loopback.
filter() {
    nft -f - <<NFT
table inet $table {
    chain output {
        type filter hook output priority 0; policy accept;
        oifname "lo" tcp dport $1 tcp flags & (syn | ack) == syn jump opening
    }
    chain opening {
        meta skuid { 0, $2 } accept
        reject with tcp reset
    }
}
NFT
}

# forward PORT UID GID: hold the port on both loopback addresses (holding one only, another user could
# take the other) and carry what comes to the agent, as UID: no more rights than who connects.
# Returns 1, having said why, if the filter can't be had: then nothing is held.
forward() {
    local port=$1 uid=$2 gid=$3 proxyd reason listen=("--listen=127.0.0.1:$1")
    if ! reason=$(filter "$port" "$uid" 2>&1); then
        say "no TCP door on port $port: nftables does not work on this host, and without it any" \
            "local user could steer the lab (${reason%%$'\n'*}); the unix socket works"
        return 1
    fi
    for proxyd in /usr/lib/systemd/systemd-socket-proxyd /lib/systemd/systemd-socket-proxyd; do
        [ ! -x "$proxyd" ] || break
    done
    ! grep -qs '^0*1 ' /proc/net/if_inet6 || listen+=("--listen=[::1]:$port")
    setsid systemd-socket-activate "${listen[@]}" \
        setpriv "--reuid=$uid" "--regid=$gid" --clear-groups "$proxyd" "$socket" \
        </dev/null >"$keep/forward.log" 2>&1 9>&- &
    remember forward $!
    wait_for 5 holds_port "$port" ||
        die "cannot hold port $port: $(tail -n 1 "$keep/forward.log")"
    state_set port "$port"
}

holds_port() { lives forward && [ -n "$(port_holder "$1")" ]; }
