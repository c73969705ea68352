//! What somebody may mean who types a command that there is not. Pure.

use std::fmt;

use super::request::Command;

/// What our commands are called elsewhere, in IRC and in other chats.
const ELSEWHERE: [(Command, &[&str]); 10] = [
    (Command::Me, &["action", "do", "emote"]),
    (
        Command::Msg,
        &[
            "dm", "m", "message", "pm", "privmsg", "query", "r", "reply", "t", "tell", "w",
            "whisper",
        ],
    ),
    (Command::Nick, &["name", "nickname", "rename"]),
    (Command::Who, &["list", "members", "names", "online", "users", "whois"]),
    (Command::History, &["backlog", "last", "log", "recall", "replay", "scrollback"]),
    (Command::Search, &["find", "grep", "lastlog"]),
    (Command::Register, &["enroll", "signup"]),
    (Command::Login, &["auth", "identify", "logon", "oper", "signin"]),
    (Command::Help, &["?", "commands", "h", "man", "usage"]),
    (
        Command::Quit,
        &["bye", "close", "disconnect", "exit", "leave", "logout", "part", "q", "signoff"],
    ),
];

/// The fewest letters in which one may be wrong: of fewer, most words are one letter from another.
const LEAST_LETTERS: usize = 3;

/// What to do instead of an unknown command, to be put behind it.
pub(super) struct Hint<'a>(pub(super) &'a str);

impl fmt::Display for Hint<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_word = |word: &str| word.chars().all(char::is_alphabetic);
        match suggestion(self.0) {
            Some(command) => write!(f, "; did you mean {}?", command.word()),
            // A path, or a smiley: nobody looks for a command of that name.
            None if !self.0.strip_prefix('/').is_some_and(is_word) => {
                write!(f, "; to say it, begin with //")
            }
            None => write!(f, "; /help lists them; to say it, begin with //"),
        }
    }
}

/// The command that is meant by `word`, which is none: it is called so elsewhere, or begins so and no
/// other does, or differs in one slip of the fingers and no other does.
fn suggestion(word: &str) -> Option<Command> {
    const LONGEST: usize = 16;
    let word = word.strip_prefix('/').filter(|word| (1..=LONGEST).contains(&word.len()))?;
    let typed = word.to_ascii_lowercase();
    let is_called_so = |(_, names): &&(_, &[&str])| names.contains(&typed.as_str());
    let words = Command::FOR_EVERYBODY.into_iter().map(|command| (command, &command.word()[1..]));
    let elsewhere = ELSEWHERE.iter().find(is_called_so).map(|(command, _)| *command);
    elsewhere.or_else(|| nearest(&typed, words))
}

/// What is meant by `typed`, in small letters: the one whose word begins so, or else the one whose word differs in one
/// slip of the fingers; `None` if that is no one's or more than one's.
pub(crate) fn nearest<'w, T>(
    typed: &str,
    words: impl Iterator<Item = (T, &'w str)> + Clone,
) -> Option<T> {
    let may_slip = typed.len() >= LEAST_LETTERS;
    let is_slip = |word: &str| may_slip && is_one_slip(typed.as_bytes(), word.as_bytes());
    only_one(words.clone(), |word| word.starts_with(typed)).or_else(|| only_one(words, is_slip))
}

/// The one whose word fits, if no other's does.
fn only_one<'w, T>(
    words: impl Iterator<Item = (T, &'w str)>,
    fits: impl Fn(&str) -> bool,
) -> Option<T> {
    let mut fitting = words.filter(|(_, word)| fits(word)).map(|(meant, _)| meant);
    fitting.next().filter(|_| fitting.next().is_none())
}

/// Whether the two differ in one letter that is another, missing or too many, or in two that have
/// changed places.
pub(crate) fn is_one_slip(typed: &[u8], meant: &[u8]) -> bool {
    let same = typed.iter().zip(meant).take_while(|(typed, meant)| typed == meant).count();
    let (typed, meant) = (&typed[same..], &meant[same..]);
    let swapped = match (typed, meant) {
        ([a, b, typed @ ..], [c, d, meant @ ..]) => (a, b, typed) == (d, c, meant),
        _ => false,
    };
    let [typed_on, meant_on] = [typed, meant].map(|word| word.get(1..).unwrap_or_default());
    swapped || typed_on == meant_on || typed_on == meant || typed == meant_on
}

#[cfg(test)]
mod tests {
    use proptest::char::range;
    use proptest::collection::vec;
    use proptest::prelude::{any, prop_assert, proptest};
    use proptest::sample::Index;

    use super::*;

    #[test]
    fn a_command_is_found_by_its_other_names_its_beginning_and_after_a_slip() {
        use Command::{Help, History, Login, Me, Msg, Nick, Quit, Register, Search, Who};
        let cases = [
            ("/exit", Some(Quit)),
            ("/EXIT", Some(Quit)),
            ("/bye", Some(Quit)),
            ("/leave", Some(Quit)),
            ("/part", Some(Quit)),
            ("/q", Some(Quit)),
            ("/names", Some(Who)),
            ("/users", Some(Who)),
            ("/list", Some(Who)),
            ("/whois", Some(Who)),
            ("/query", Some(Msg)),
            ("/w", Some(Msg)),
            ("/tell", Some(Msg)),
            ("/name", Some(Nick)),
            ("/identify", Some(Login)),
            ("/signup", Some(Register)),
            ("/reg", Some(Register)),
            ("/lgoin", Some(Login)),
            ("/?", Some(Help)),
            // Beginnings.
            ("/hist", Some(History)),
            ("/se", Some(Search)),
            ("/wh", Some(Who)),
            // Slips.
            ("/hsitory", Some(History)),
            ("/histroy", Some(History)),
            ("/historyy", Some(History)),
            ("/helo", Some(Help)),
            ("/hellp", Some(Help)),
            ("/quiet", Some(Quit)),
            ("/nikc", Some(Nick)),
            ("/mmsg", Some(Msg)),
            ("/mee", Some(Me)),
            ("/howx", None),
            ("/xyz", None),
            ("/nosuch", None),
            ("/etc/passwd", None),
            ("/", None),
            ("/he/", None),
        ];
        for (word, command) in cases {
            assert_eq!(suggestion(word), command, "{word}");
        }
    }

    #[test]
    fn each_hint_is_as_the_protocol_spells_it() {
        let cases = [
            ("/exit", "; did you mean /quit?"),
            ("/nosuch", "; /help lists them; to say it, begin with //"),
            ("/такой", "; /help lists them; to say it, begin with //"),
            ("/etc/passwd", "; to say it, begin with //"),
            ("/dev/null:", "; to say it, begin with //"),
            ("/8", "; to say it, begin with //"),
            ("/", "; /help lists them; to say it, begin with //"),
        ];
        for (word, hint) in cases {
            assert_eq!(Hint(word).to_string(), hint, "{word}");
        }
    }

    #[test]
    fn what_a_command_is_called_elsewhere_is_no_command_here() {
        for (_, names) in ELSEWHERE {
            for name in names {
                let line = format!("/{name}");
                let unknown = super::super::request::Misuse::Unknown(&line);
                assert_eq!(super::super::request::parse(&line), Err(unknown));
            }
        }
    }

    proptest! {
        #[test]
        fn each_slip_in_a_word_is_one(
            letters in vec(range('a', 'z'), 3..8),
            at in any::<Index>(),
            letter in range('a', 'z'),
        ) {
            let (word, at) = (letters.iter().collect::<String>(), at.index(letters.len()));
            let put = |end: usize| {
                let mut slip: String = letters[..at].iter().collect();
                slip.push(letter);
                slip.extend(&letters[end..]);
                slip
            };
            let mut missing = letters.clone();
            missing.remove(at);
            let mut swapped = letters.clone();
            swapped.swap(at, (at + 1).min(letters.len() - 1));
            let swapped = swapped.iter().collect();
            for slip in [put(at), put(at + 1), missing.iter().collect(), swapped] {
                let is_slip = is_one_slip(slip.as_bytes(), word.as_bytes());
                prop_assert!(is_slip || slip == word, "{slip} for {word}");
            }
        }
    }
}
