# Bash completion for incidentops-agent(8). Installed as /usr/share/bash-completion/completions/incidentops-agent.

_incidentops_agent() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
    COMPREPLY=()
    case $before in
    --config | --write-polkit-rules | --verify-audit | --listen)
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        ;;
    --catalogue | --state)
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -d -- "$word")
        ;;
    --log-level) mapfile -t COMPREPLY < <(compgen -W 'debug info warning error' -- "$word") ;;
    *)
        mapfile -t COMPREPLY < <(compgen -W '--check-config --write-polkit-rules --verify-audit --config --catalogue
            --state --listen --log-level --version --help' -- "$word")
        ;;
    esac
}

complete -F _incidentops_agent incidentops-agent
