//! Our own line, as we see it in the conversation. Pure.

use super::handshake::Server;
use super::typed::{Asks, Typed};

/// Who we are while nobody has told us our name.
const UNNAMED: &str = "you";

/// What is shown for a line that we send: what the others see of it. `None` for a command, which the
/// server answers.
pub(super) fn echo(server: Server, name: Option<&str>, line: &Typed) -> Option<String> {
    let name = name.unwrap_or(UNNAMED);
    match (server, line.asks()) {
        (Server::Foreign, _) => Some(format!("<{name}> {}", line.for_notice())),
        (Server::Ours, Asks::Say(words)) => Some(format!("<{name}> {}", line.words(words))),
        (Server::Ours, Asks::Act(words)) => Some(format!("* {name} {}", line.words(words))),
        (Server::Ours, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_line_looks_as_it_does_to_the_others() {
        let cases = [
            (Server::Ours, Some("alice"), "hi", Some("<alice> hi")),
            (Server::Ours, Some("alice"), "//x y", Some("<alice> /x y")),
            (Server::Ours, Some("alice"), "/me waits", Some("* alice waits")),
            (Server::Ours, Some("alice"), " /msg bob psst", None),
            (Server::Ours, Some("alice"), "  hi", Some("<alice>   hi")),
            (Server::Ours, Some("alice"), "/who", None),
            (Server::Ours, Some("alice"), "/frob", None),
            (Server::Ours, Some("alice"), "\u{1b}[31mhi", Some("<alice> hi")),
            (Server::Ours, Some("alice"), "\u{202e}", None),
            (Server::Ours, None, "hi", Some("<you> hi")),
            (Server::Foreign, None, "/who", Some("<you> /who")),
            (Server::Foreign, None, "//x", Some("<you> //x")),
            (Server::Foreign, None, "/pass hunter2", Some("<you> /pass •••")),
            (Server::Ours, Some("alice"), "/pass hunter2", None),
        ];
        for (server, name, line, expected) in cases {
            assert_eq!(
                echo(server, name, &Typed::new(line)).as_deref(),
                expected,
                "{server:?} {line}"
            );
        }
    }
}
