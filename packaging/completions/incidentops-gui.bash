# Bash completion for incidentops-gui(1). Installed as /usr/share/bash-completion/completions/incidentops-gui.

_incidentops_gui() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
    COMPREPLY=()
    case $before in
    --socket)
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        ;;
    --ssh)
        # bash-completion's own list of hosts, where it is loaded; else those that bash knows
        if declare -F _comp_compgen_known_hosts >/dev/null; then
            _comp_compgen_known_hosts -a -- "$word"
        elif declare -F _known_hosts_real >/dev/null; then
            _known_hosts_real -a -- "$word"
        else
            mapfile -t COMPREPLY < <(compgen -A hostname -- "$word")
        fi
        ;;
    --url) ;;
    --theme) mapfile -t COMPREPLY < <(compgen -W 'system light dark' -- "$word") ;;
    --log-level) mapfile -t COMPREPLY < <(compgen -W 'debug info warning error' -- "$word") ;;
    *)
        mapfile -t COMPREPLY < <(compgen -W '--socket --url --ssh --read-only --theme --log-level --version
            --help' -- "$word")
        ;;
    esac
}

complete -F _incidentops_gui incidentops-gui
