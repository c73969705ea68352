_chatclient() {
    local i cur prev opts cmd
    COMPREPLY=()
    if [[ "${BASH_VERSINFO[0]}" -ge 4 ]]; then
        cur="$2"
    else
        cur="${COMP_WORDS[COMP_CWORD]}"
    fi
    prev="$3"
    cmd=""
    opts=""

    for i in "${COMP_WORDS[@]:0:COMP_CWORD}"
    do
        case "${cmd},${i}" in
            ",$1")
                cmd="chatclient"
                ;;
            *)
                ;;
        esac
    done

    case "${cmd}" in
        chatclient)
            opts="-q -h -V --name --tls --plain --fingerprint --password-file --identity --no-identity --config --no-config --print-config --find --forget --known --color --bell --highlight --notify --no-notify --wrap --joins --time --no-history --history --reconnect --no-reconnect --commands --quiet --listen --json --log-file --log-level --help --version"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 1 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --name)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --fingerprint)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --password-file)
                    local oldifs
                    if [ -n "${IFS+x}" ]; then
                        oldifs="$IFS"
                    fi
                    IFS=$'\n'
                    COMPREPLY=($(compgen -f "${cur}"))
                    if [ -n "${oldifs+x}" ]; then
                        IFS="$oldifs"
                    fi
                    if [[ "${BASH_VERSINFO[0]}" -ge 4 ]]; then
                        compopt -o filenames
                    fi
                    return 0
                    ;;
                --identity)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --config)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --color)
                    COMPREPLY=($(compgen -W "auto always never" -- "${cur}"))
                    return 0
                    ;;
                --bell)
                    COMPREPLY=($(compgen -W "off mentions all" -- "${cur}"))
                    return 0
                    ;;
                --highlight)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --wrap)
                    COMPREPLY=($(compgen -W "words terminal" -- "${cur}"))
                    return 0
                    ;;
                --joins)
                    COMPREPLY=($(compgen -W "all spoken none" -- "${cur}"))
                    return 0
                    ;;
                --time)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --log-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --log-level)
                    COMPREPLY=($(compgen -W "off error warn info debug trace" -- "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
    esac
}

_chatclient_and_servers() {
    _chatclient "$@"
    local cur="${COMP_WORDS[COMP_CWORD]}"
    case "${COMP_WORDS[COMP_CWORD-1]}" in
        --name|--fingerprint|--password-file|--identity|--config|--color|--bell|--highlight|--wrap|--joins|--time|--log-file|--log-level|:|=) return 0 ;;
    esac
    if [[ "$cur" != -* && "$cur" != : && "$cur" != = ]]; then
        COMPREPLY=( $(compgen -W "$(cat "${XDG_STATE_HOME:-$HOME/.local/state}/chatroom/servers" 2>/dev/null)" -- "$cur") $(compgen -A hostname -- "$cur") )
    fi
}

if [[ "${BASH_VERSINFO[0]}" -eq 4 && "${BASH_VERSINFO[1]}" -ge 4 || "${BASH_VERSINFO[0]}" -gt 4 ]]; then
    complete -F _chatclient_and_servers -o nosort -o bashdefault -o default chatclient
else
    complete -F _chatclient_and_servers -o bashdefault -o default chatclient
fi
