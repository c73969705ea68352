//! Lines with a secret in them, such as a password: which lines these are, and what may be seen of one.
//!
//! The editor, the input row, the history, the notices and the log ask here, so that they agree. A line counts
//! as one from its first word on, before anything stands behind it, and also where the word is a slip of the
//! fingers: the server would not understand it, but the secret would stand in the log.
//!
//! Pure.

use std::borrow::Cow;
use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

use crate::protocol::suggestion::is_one_slip;
use crate::protocol::text::{from_first_shown, make_safe};

/// Commands behind which a secret stands, without their slashes. A server of ours knows the first three; people
/// type the others, which they know from elsewhere.
const COMMANDS: [&str; 13] = [
    "login", "register", "pass", "reg", "password", "passwd", "identify", "auth", "oper", "logon",
    "signin", "signup", "enroll",
];

/// How many of these are ours.
const OURS: usize = 3;

/// The command behind which a name stands before the secret.
const WITH_NAME: &str = "login";

/// How many letters of one of our commands are enough to be taken for its beginning.
const BEGINNING: usize = 4;

/// Stands in the input row for each character of a secret.
const DOT: &str = "•";

/// Stands for a secret in what the user is told, however long the secret is.
pub(super) const DOTS: &str = "•••";

/// Stands for a secret in the log, however long the secret is.
pub(super) const STARS: &str = "***";

/// The parts of a line with a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Parts {
    /// Where its first word ends, in bytes from its beginning.
    command: usize,
    /// Where the secret begins, or will begin.
    secret: usize,
}

/// Whether there is a secret in a line, or will be one.
pub(super) fn is_in(line: &str) -> bool {
    parts(line).is_some()
}

/// Whether there is a secret in one of the lines, or will be one.
pub(super) fn is_in_any(text: &str) -> bool {
    text.split('\n').any(is_in)
}

/// The line with `mark` in the secret's place; as it is, if it has none.
pub(super) fn censored<'a>(line: &'a str, mark: &str) -> Cow<'a, str> {
    let Some(Parts { command, secret }) = parts(line) else { return Cow::Borrowed(line) };
    if line[command..].trim().is_empty() {
        return Cow::Borrowed(line);
    }
    Cow::Owned(match line.len() > secret {
        true => format!("{}{mark}", &line[..secret]),
        // A word alone behind `/login` may be a password whose name was forgotten.
        false => format!("{} {mark}", &line[..command]),
    })
}

/// The text as the input row shows it, and where its cursor stands there: a dot stands for each character of a
/// secret. Both positions are in bytes.
pub(super) fn dotted(text: &str, cursor: usize) -> (Cow<'_, str>, usize) {
    if !is_in_any(text) {
        return (Cow::Borrowed(text), cursor);
    }
    let (mut shown, mut shown_cursor, mut at) = (String::new(), 0, 0);
    for line in text.split_inclusive('\n') {
        let content = line.strip_suffix('\n').unwrap_or(line);
        let secret = parts(content).map_or(content.len(), |parts| parts.secret);
        for (start, character) in content.grapheme_indices(true) {
            // A mark may join the secret's first character with the blank before it.
            let is_secret = start + character.len() > secret;
            shown.push_str(if is_secret { DOT } else { character });
            if at + start + character.len() <= cursor {
                shown_cursor = shown.len();
            }
        }
        shown.push_str(&line[content.len()..]);
        at += line.len();
        if at <= cursor {
            shown_cursor = shown.len();
        }
    }
    (Cow::Owned(shown), shown_cursor)
}

/// As many dots as the text has characters, and where its cursor stands among them, in bytes.
pub(super) fn all_dotted(text: &str, cursor: usize) -> (String, usize) {
    let dots = |text: &str| DOT.repeat(text.graphemes(true).count());
    let before = dots(&text[..cursor]);
    (format!("{before}{}", dots(&text[cursor..])), before.len())
}

/// Whether a part of `range` belongs to the secret of a row.
pub(super) fn is_hidden(row: &str, range: &Range<usize>) -> bool {
    start_in_row(row).is_some_and(|secret| range.end > secret)
}

/// Whether `range` has a part of a row's secret, and a part of what stands before it.
pub(super) fn begins_within(row: &str, range: &Range<usize>) -> bool {
    start_in_row(row).is_some_and(|secret| range.start < secret && secret < range.end)
}

/// Whether something of a row's secret could be seen once `with` stands in the place of `range`.
pub(super) fn would_show(row: &str, range: &Range<usize>, with: &str) -> bool {
    let Some(secret) = start_in_row(row) else { return false };
    // The first byte of the secret that stays, and where it will be.
    let (kept, moved) = if range.start > secret {
        (secret, secret)
    } else {
        let kept = secret.max(range.end);
        (kept, kept - range.len() + with.len())
    };
    let changed = || [&row[..range.start], with, &row[range.end..]].concat();
    kept < row.len() && start_in_row(&changed()).is_none_or(|secret| secret > moved)
}

/// Where the secret begins in a row. Several lines are text, whatever they begin with.
fn start_in_row(row: &str) -> Option<usize> {
    let parts = parts(row)?;
    (!row.contains('\n')).then_some(parts.secret)
}

fn parts(line: &str) -> Option<Parts> {
    let shown = from_first_shown(line);
    if !shown.starts_with('/') {
        return None;
    }
    let (word, arguments) = split_word(shown);
    let has_name = takes_name(&make_safe(word.as_bytes())[1..])?;
    let mut secret = arguments.trim_start();
    if has_name {
        secret = split_word(secret).1.trim_start();
    }
    let command = line.len() - arguments.len();
    Some(Parts { command, secret: line.len() - secret.len() })
}

/// Whether a name stands before the secret behind this word, or behind the one that it is a slip for; `None` if
/// it is no word with a secret behind it.
fn takes_name(word: &str) -> Option<bool> {
    let word = word.to_ascii_lowercase();
    let is_slip = |meant: &str| {
        let is_beginning = word.len() >= BEGINNING && meant.starts_with(&word);
        is_beginning || is_one_slip(word.as_bytes(), meant.as_bytes())
    };
    let exact = COMMANDS.into_iter().find(|command| *command == word);
    let is_word = word.bytes().all(|byte| byte.is_ascii_alphabetic());
    let slip = || COMMANDS[..OURS].iter().copied().find(|meant| is_word && is_slip(meant));
    exact.or_else(slip).map(|command| command == WITH_NAME)
}

fn split_word(text: &str) -> (&str, &str) {
    text.split_at(text.find(char::is_whitespace).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Strategy, any, prop_assert, prop_assert_eq, proptest};
    use proptest::sample::Index;

    use super::*;
    use crate::client::commands;
    use crate::protocol::arbitrary::text;
    use crate::protocol::request::Command;

    #[test]
    fn a_secret_is_known_by_the_first_word_and_by_what_is_a_slip_for_it() {
        let cases = [
            ("/pass hunter2", Some("/pass ***")),
            ("/register hunter2", Some("/register ***")),
            ("/login alice hunter2", Some("/login alice ***")),
            ("/login alice hunter2 ", Some("/login alice ***")),
            ("/LOGIN alice hunter2", Some("/LOGIN alice ***")),
            ("  /login alice correct horse", Some("  /login alice ***")),
            ("\u{2800}/pass hunter2", Some("\u{2800}/pass ***")),
            ("/login hunter2", Some("/login ***")),
            ("/login  hunter2 ", Some("/login ***")),
            ("/login", Some("/login")),
            ("/pass ", Some("/pass ")),
            ("/pa\u{202e}ss hunter2", Some("/pa\u{202e}ss ***")),
            ("/oper root hunter2", Some("/oper ***")),
            ("/auth hunter2", Some("/auth ***")),
            // Slips and beginnings.
            ("/lgoin alice hunter2", Some("/lgoin alice ***")),
            ("/logn alice hunter2", Some("/logn alice ***")),
            ("/passs hunter2", Some("/passs ***")),
            ("/pas hunter2", Some("/pas ***")),
            ("/regsiter hunter2", Some("/regsiter ***")),
            ("/regi hunter2", Some("/regi ***")),
            ("/reg hunter2", Some("/reg ***")),
            // None.
            ("//login alice hunter2", None),
            ("/part hunter2", None),
            ("/log 20", None),
            ("/unregister", None),
            ("login alice hunter2", None),
            ("see /login alice hunter2", None),
            ("/ pass hunter2", None),
            ("/pass:hunter2", None),
            ("", None),
        ];
        for (line, expected) in cases {
            assert_eq!(is_in(line), expected.is_some(), "{line:?}");
            assert_eq!(censored(line, STARS), expected.unwrap_or(line), "{line:?}");
        }
    }

    #[test]
    fn no_other_command_is_taken_for_one_with_a_secret() {
        let usages = Command::all().map(Command::usage);
        let ours = commands().map(|(usage, _)| usage);
        for usage in usages.chain(ours) {
            let has_secret = ["PASSWORD", "SECRET", "CODE"].iter().any(|it| usage.contains(it));
            assert_eq!(is_in(usage), has_secret, "{usage}");
        }
    }

    #[test]
    fn a_dot_stands_for_each_character_and_the_cursor_stays_between_the_same_two() {
        let cases = [
            ("/pass|", "/pass|"),
            ("/pass |", "/pass |"),
            ("/pass a|b", "/pass •|•"),
            ("|/pass ab", "|/pass ••"),
            ("/pass a b|", "/pass •••|"),
            ("/login al|ice", "/login al|ice"),
            ("/login alice |", "/login alice |"),
            ("/login alice x日|e\u{301}", "/login alice ••|•"),
            ("/pass \u{301}a|", "/pass••|"),
            ("/who|", "/who|"),
            ("a\n/pass x|y\nb", "a\n/pass •|•\nb"),
            ("/pass x\nb|", "/pass •\nb|"),
            ("/pass x\n|b", "/pass •\n|b"),
        ];
        for (text, expected) in cases {
            let cursor = text.find('|').expect("a cursor in the picture");
            let text = text.replace('|', "");
            let (shown, at) = dotted(&text, cursor);
            assert_eq!(format!("{}|{}", &shown[..at], &shown[at..]), expected, "{text}");
        }
    }

    #[test]
    fn what_is_hidden_is_not_shown_by_a_change() {
        // Square brackets stand around what gives way.
        let cases = [
            ("[/]pass ab", "", true),
            ("/pass[] ab", "word", false),
            ("/pa[ss] ab", "", true),
            ("/pass[ ]ab", "", true),
            ("[]/pass ab", "x", true),
            ("[]/pass ab", " ", false),
            ("[/pass ab]", "", false),
            ("[/pass a]b", "", true),
            ("[/pass ab]", "x", false),
            ("/pass [ab]", "", false),
            ("/pass a[]b", "x", false),
            ("/pass a[]b", "\n", true),
            ("/pass[] ab", " x", false),
            ("/login [alice ]ab", "", true),
            ("/login [alice] ab", "bob", false),
            ("/login [alice] ab", "bob x", false),
            ("/login[ alice] ab", "", true),
            ("/[login] alice ab", "pass", false),
            ("/[pass] alice ab", "login", true),
            ("/wh[]o", "x", false),
            ("x\n[/]pass ab", "", false),
        ];
        for (picture, with, expected) in cases {
            let (start, end) = (picture.find('['), picture.find(']'));
            let (start, end) = (start.expect("a bracket"), end.expect("a bracket") - 1);
            let row = picture.replace(['[', ']'], "");
            assert_eq!(would_show(&row, &(start..end), with), expected, "{picture} {with}");
        }
    }

    /// A change of a row, somewhere.
    fn change() -> impl Strategy<Value = (String, Index, Index, String)> {
        const ROWS: [&str; 5] = ["/pass ", "/login a ", "/register ", " /PASS ", "/who "];
        let row =
            (proptest::sample::select(&ROWS[..]), text()).prop_map(|(a, b)| format!("{a}{b}"));
        (row, any::<Index>(), any::<Index>(), text())
    }

    proptest! {
        #[test]
        fn what_stays_of_a_secret_stays_hidden((row, a, b, with) in change()) {
            let row = row.replace('\n', "");
            let places: Vec<usize> = row.char_indices().map(|(at, _)| at).chain([row.len()]).collect();
            let (a, b) = (places[a.index(places.len())], places[b.index(places.len())]);
            let range = a.min(b)..a.max(b);
            if let Some(secret) = start_in_row(&row) && !would_show(&row, &range, &with) {
                let changed = [&row[..range.start], &with, &row[range.end..]].concat();
                let kept = secret.max(range.end);
                let behind = row.len() - kept;
                let hidden = start_in_row(&changed).map_or(0, |start| changed.len() - start);
                prop_assert!(behind == 0 || hidden >= behind, "{row:?} {range:?} {with:?}");
            }
        }

        #[test]
        fn a_row_has_as_many_characters_as_its_text(row in text(), secret in text()) {
            for text in [row.clone(), format!("/pass {secret}"), format!("/login {row} {secret}")] {
                let boundaries = text.grapheme_indices(true).map(|(at, _)| at).chain([text.len()]);
                for cursor in boundaries {
                    let (shown, at) = dotted(&text, cursor);
                    let count = |text: &str| text.graphemes(true).count();
                    prop_assert_eq!(count(&shown[..at]), count(&text[..cursor]));
                    prop_assert_eq!(count(&shown[at..]), count(&text[cursor..]));
                }
            }
        }
    }
}
