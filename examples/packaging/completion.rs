//! A shell's completions: what the program's arguments are, and for `chatclient` besides the servers that
//! were joined before, which it keeps in a file.

use clap::Command;
use clap_complete::{Generator, Shell};

/// The shells that completions are made for.
pub(crate) const SHELLS: [Shell; 4] = [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::PowerShell];

/// Prints the servers that were joined before, in a shell of Unix.
const SERVERS: &str = r#"cat "${XDG_STATE_HOME:-$HOME/.local/state}/chatroom/servers" 2>/dev/null"#;

/// The file's name, and its text.
pub(crate) fn completion(shell: Shell, command: &Command) -> (String, String) {
    let mut bytes = Vec::new();
    clap_complete::generate(shell, &mut command.clone(), command.get_name(), &mut bytes);
    let made = String::from_utf8_lossy(&bytes).into_owned();
    let text = match command.get_name() {
        "chatclient" => with_servers(shell, command, &made),
        _ => made,
    };
    (shell.file_name(command.get_name()), text)
}

fn with_servers(shell: Shell, command: &Command, made: &str) -> String {
    match shell {
        Shell::Bash => with_servers_in_bash(command, made),
        Shell::Zsh => with_servers_in_zsh(made),
        Shell::Fish => format!(
            "{made}complete -c chatclient -f -a '(set -q XDG_STATE_HOME; or set -l XDG_STATE_HOME \
             ~/.local/state; cat $XDG_STATE_HOME/chatroom/servers 2>/dev/null)' -d 'joined before'\n"
        ),
        // No Windows is at hand to try it on.
        _ => made.to_owned(),
    }
}

/// The words that stand by themselves are the server and its port. A name with a port is several words
/// to bash, of which the last is asked for.
fn with_servers_in_bash(command: &Command, made: &str) -> String {
    let with_values = command.get_opts().filter(|option| option.get_action().takes_values());
    let with_values: Vec<_> =
        with_values.filter_map(|option| Some(format!("--{}", option.get_long()?))).collect();
    let with_values = with_values.join("|");
    let function = format!(
        r#"
_chatclient_and_servers() {{
    _chatclient "$@"
    local cur="${{COMP_WORDS[COMP_CWORD]}}"
    case "${{COMP_WORDS[COMP_CWORD-1]}}" in
        {with_values}|:|=) return 0 ;;
    esac
    if [[ "$cur" != -* && "$cur" != : && "$cur" != = ]]; then
        COMPREPLY=( $(compgen -W "$({SERVERS})" -- "$cur") $(compgen -A hostname -- "$cur") )
    fi
}}
"#
    );
    let [before, after] = parts(made, "\nif [[ \"${BASH_VERSINFO[0]}\"");
    [before, &function, &after.replace("-F _chatclient ", "-F _chatclient_and_servers ")].concat()
}

fn with_servers_in_zsh(made: &str) -> String {
    let function = format!(
        r#"(( $+functions[_chatclient_servers] )) ||
_chatclient_servers() {{
    local -a servers
    servers=(${{(f)"$({SERVERS})"}})
    _alternative 'servers:joined before:compadd -a servers' 'hosts:host:_hosts'
}}

"#
    );
    let [before, after] = parts(made, "(( $+functions[_chatclient_commands] ))");
    let before = before.replace("as HOST\\:PORT:_hosts'", "as HOST\\:PORT:_chatclient_servers'");
    [&before, function.as_str(), after].concat()
}

/// What stands before the text, and what begins with it.
fn parts<'a>(made: &'a str, text: &str) -> [&'a str; 2] {
    let at = made.find(text).unwrap_or_else(|| panic!("no {text} in:\n{made}"));
    made.split_at(at).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::{Path, PathBuf};
    use std::process::Command as Process;

    use clap::CommandFactory;

    use crate::{chatclient, chatserver};

    #[test]
    fn each_shells_completions_offer_levels() {
        for command in [chatclient::Arguments::command(), chatserver::Arguments::command()] {
            for shell in SHELLS {
                // PowerShell's know no values.
                let (name, text) = completion(shell, &command);
                assert!(shell == Shell::PowerShell || text.contains("trace"), "{name}:\n{text}");
            }
        }
    }

    /// A home with three servers in it, for that shell's test alone.
    #[cfg(unix)]
    fn home(shell: Shell) -> PathBuf {
        let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tmp/completion");
        let home = home.join(shell.to_string());
        let state = home.join(".local/state/chatroom");
        fs::create_dir_all(&state).expect("target can be written");
        fs::write(state.join("servers"), "chat.lan\n10.1.2.3:6000\nchess.lan\n")
            .expect("so it can");
        home
    }

    /// What a shell says to a script with the completions in it; nothing if there is no such shell.
    #[cfg(unix)]
    fn said(shell: Shell, script: &str) -> Option<String> {
        let (name, text) = completion(shell, &chatclient::Arguments::command());
        let home = home(shell);
        let path = home.join(name);
        fs::write(&path, text).expect("target can be written");
        let script = script.replace("FILE", &path.to_string_lossy());
        let run = Process::new(shell.to_string())
            .args(["-c", &script])
            .env("HOME", &home)
            .env_remove("XDG_STATE_HOME")
            .output()
            .ok()?;
        assert!(run.status.success(), "{shell}: {}", String::from_utf8_lossy(&run.stderr));
        Some(String::from_utf8_lossy(&run.stdout).into_owned())
    }

    #[cfg(unix)]
    #[test]
    fn bash_offers_the_servers_that_were_joined_before() {
        let asked = |line: &str| {
            let script = format!(
                "source FILE; COMP_WORDS=({line}); COMP_CWORD=$((${{#COMP_WORDS[@]}}-1)); \
                 _chatclient_and_servers chatclient \"${{COMP_WORDS[COMP_CWORD]}}\" \
                 \"${{COMP_WORDS[COMP_CWORD-1]}}\"; echo ${{COMPREPLY[*]}}"
            );
            said(Shell::Bash, &script)
        };
        for (line, expected) in [
            ("chatclient ch", "chat.lan chess.lan\n"),
            ("chatclient --quiet 10", "10.1.2.3:6000\n"),
            ("chatclient --log-level d", "debug\n"),
            ("chatclient --wr", "--wrap\n"),
        ] {
            let got = asked(line);
            assert!(got.as_deref().is_none_or(|got| got == expected), "{line}: {got:?}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn fish_offers_the_servers_that_were_joined_before() {
        for (line, expected) in [
            ("chatclient ch", "chat.lan\tjoined before\nchess.lan\tjoined before\n"),
            ("chatclient --log-level d", "debug\n"),
        ] {
            let got = said(Shell::Fish, &format!("source FILE; complete -C '{line}'"));
            assert!(got.as_deref().is_none_or(|got| got == expected), "{line}: {got:?}");
        }
    }

    /// In a shell that completes nothing, as one without a terminal is, the function is all there is.
    #[cfg(unix)]
    #[test]
    fn zsh_offers_the_servers_that_were_joined_before() {
        let script = "autoload -Uz compinit; compinit -D; source FILE 2>/dev/null; \
                      _alternative() { print -l $servers; }; _chatclient_servers";
        let got = said(Shell::Zsh, script);
        let expected = "chat.lan\n10.1.2.3:6000\nchess.lan\n";
        assert!(got.as_deref().is_none_or(|got| got == expected), "{got:?}");
    }
}
