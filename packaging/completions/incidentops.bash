# Bash completion for incidentops(1). Installed as /usr/share/bash-completion/completions/incidentops.

# What the agent says that the words so far speak of; nothing when it does not answer at once.
_incidentops_ask() {
    local socket=() i
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        --socket | --url) socket=("${COMP_WORDS[i]}" "${COMP_WORDS[i + 1]-}") ;;
        esac
    done
    # A shell leaves a URL in pieces at its colons; over TCP there is nothing to complete then.
    [[ ${socket[0]-} != --url ]] || return 0
    "${COMP_WORDS[0]/#\~/$HOME}" "$@" --json --timeout 1 "${socket[@]/#\~/$HOME}" 2>/dev/null
}

_incidentops_services() {
    _incidentops_ask status |
        grep -oE '"[a-z][a-z0-9-]*": \{"status": "(up|down)"' | cut -d '"' -f 2
}

# The incidents that are remembered, newest first.
_incidentops_incidents() {
    _incidentops_ask incidents | grep -oE '"id": "[0-9a-f]{8}", "state"' | cut -d '"' -f 4
}

# The kinds of faults, as they are installed here.
_incidentops_faults() {
    grep -oE '"kind": "[a-z-]+"' /usr/share/incidentops/faults.json 2>/dev/null | cut -d '"' -f 4
}

_incidentops() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command='' part='' i
    local commands='status ping start stop restart remediate incident resolve logs journal events system audit fault chaos maintenance recovery incidents health'
    local options='--json --socket --url --timeout --version --help'
    COMPREPLY=()
    case $before in
    --socket | --file | --output)
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        return
        ;;
    --service)
        mapfile -t COMPREPLY < <(compgen -W "$(_incidentops_services)" -- "$word")
        return
        ;;
    --state)
        mapfile -t COMPREPLY < <(compgen -W 'open recovered closed' -- "$word")
        return
        ;;
    --period)
        mapfile -t COMPREPLY < <(compgen -W '1h 24h 7d 30d' -- "$word")
        return
        ;;
    --kinds | --services)
        # One after the other, with commas between them.
        local before_it='' names
        [[ $word != *,* ]] || before_it=${word%,*},
        if [[ $before == --kinds ]]; then names=$(_incidentops_faults); else names=$(_incidentops_services); fi
        mapfile -t COMPREPLY < <(compgen -P "$before_it" -W "$names" -- "${word##*,}")
        return
        ;;
    --seed | --interval | --jitter | --duration | --concurrency | --quiet) return ;;
    --for)
        mapfile -t COMPREPLY < <(compgen -W '30m 1h 4h 1d' -- "$word")
        return
        ;;
    --url | --timeout | --plan-id | --limit | --lines | -n | --reason | --parameter | -p | --user) return ;;
    --action | --incident | --note) return ;;
    --since | --until | --before | --head) return ;;
    esac
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        --socket | --url | --timeout | :) ((i++)) ;; # bash leaves a URL in pieces, each after a colon
        -*) ;;
        *)
            command=${COMP_WORDS[i]}
            break
            ;;
        esac
    done
    for ((i++; i < COMP_CWORD; i++)); do
        case $command:${COMP_WORDS[i]} in
        audit:list | audit:verify | audit:export | audit:checkpoint) part=${COMP_WORDS[i]} ;;
        incident:list | incident:show | incident:ack | incident:report | incident:stats | \
            incidents:list | incidents:show | incidents:ack | incidents:report | incidents:stats)
            command=incidents part=${COMP_WORDS[i]}
            ;;
        chaos:status | chaos:plan | chaos:arm | chaos:disarm) part=${COMP_WORDS[i]} ;;
        fault:list | fault:catalogue | fault:preview | fault:inject | fault:revert | fault:panic) part=${COMP_WORDS[i]} ;;
        esac
    done
    if [[ $word == -* ]]; then
        case $command in
        stop) options+=' --yes' ;;
        remediate) options+=' --plan --plan-id' ;;
        audit)
            case $part in
            verify) options+=' --head --file' ;;
            checkpoint) options+=' --before --yes' ;;
            *) options+=' --service --user --action --incident --since --until' ;;&
            export) options+=' --output' ;;
            *) options+=' --limit' ;;
            esac
            ;;
        fault)
            case $part in
            preview | inject) options+=' --for --parameter' ;;&
            inject) options+=' --yes' ;;
            esac
            ;;
        chaos)
            case $part in
            plan | arm) options+=' --seed --for --interval --jitter --duration --concurrency' ;;&
            plan | arm) options+=' --kinds --services --quiet --pause-on-incident' ;;&
            arm) options+=' --yes' ;;
            esac
            ;;
        incidents)
            case $part in
            '' | list) options+=' --state --service --limit' ;;
            ack) options+=' --note' ;;
            report) options+=' --html --output' ;;
            stats) options+=' --period' ;;
            esac
            ;;
        journal) options+=' --follow --lines' ;;
        maintenance) options+=' --for --reason --end' ;;
        recovery) options+=' --for' ;;
        esac
        mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word")
        return
    fi
    case $command in
    '') mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$word") ;;
    status | ping | start | stop | restart)
        mapfile -t COMPREPLY < <(compgen -W "$(_incidentops_services)" -- "$word")
        ;;
    audit) [[ $part ]] || mapfile -t COMPREPLY < <(compgen -W 'list verify export checkpoint' -- "$word") ;;
    fault)
        case $part in
        '') mapfile -t COMPREPLY < <(compgen -W 'list catalogue preview inject revert panic' -- "$word") ;;
        revert) mapfile -t COMPREPLY < <(compgen -W "$(_incidentops_services)" -- "$word") ;;
        catalogue | preview | inject)
            if [[ $before == "$part" ]]; then
                mapfile -t COMPREPLY < <(compgen -W "$(_incidentops_faults)" -- "$word")
            elif [[ $part != catalogue && ${COMP_WORDS[COMP_CWORD - 2]} == "$part" ]]; then
                mapfile -t COMPREPLY < <(compgen -W "$(_incidentops_services)" -- "$word")
            fi
            ;;
        esac
        ;;
    chaos) [[ $part ]] || mapfile -t COMPREPLY < <(compgen -W 'status plan arm disarm' -- "$word") ;;
    incidents)
        case $part in
        '') mapfile -t COMPREPLY < <(compgen -W 'list show ack report stats' -- "$word") ;;
        show | ack | report) mapfile -t COMPREPLY < <(compgen -W "$(_incidentops_incidents)" -- "$word") ;;
        esac
        ;;
    incident)
        # A service to break, or what is done with incidents.
        if [[ $before == "$command" || $before == -* ]]; then
            mapfile -t COMPREPLY < <(compgen -W "list show ack report stats $(_incidentops_services)" -- "$word")
        fi
        ;;
    recovery)
        if [[ $before == "$command" || $before == -* ]]; then
            mapfile -t COMPREPLY < <(compgen -W "$(_incidentops_services)" -- "$word")
        elif [[ ${COMP_WORDS[COMP_CWORD - 2]} == "$command" ]]; then
            mapfile -t COMPREPLY < <(compgen -W 'auto manual reset' -- "$word")
        fi
        ;;
    resolve | logs | journal | maintenance)
        # One service: nothing more once it is there.
        if [[ $before == "$command" || $before == -* ]]; then
            mapfile -t COMPREPLY < <(compgen -W "$(_incidentops_services)" -- "$word")
        fi
        ;;
    esac
}

complete -F _incidentops incidentops
