//! What Tab may put in the place of the word before the cursor. Pure.
//!
//! Commands at the line's beginning, what they take after them, emoji by their names, and names of members anywhere
//! else. All is
//! compared without regard to case; of names, whoever spoke last comes first.

use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};

use super::command::Command as Ours;
use super::ignored::Ignored;
use super::roster::{Roster, Who};
use crate::client::editor::Candidates;
use crate::client::emoji;
use crate::protocol::name::Likeness;
use crate::protocol::request::Command as Theirs;

/// What stands in the place of the word that the cursor is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// A command's word.
    Command,
    /// The member whom a private line is for, or what an operator does, before more.
    Recipient,
    /// A member, with whom the line is at its end.
    Member,
    /// A name to be called by.
    NewName,
    /// The name that is one's own, before its password.
    OwnName,
    /// A member to ignore.
    ToIgnore,
    /// One who is ignored.
    ToUnignore,
    /// The first word of what is said, where a name says for whom it is.
    Address,
    /// Any other word of a text.
    Text,
    /// Nothing that could be known.
    Unknown,
}

/// What may be put in at the end of `before_cursor`.
pub(super) fn candidates(before_cursor: &str, roster: &Roster, ignored: &Ignored) -> Candidates {
    let start = word_start(before_cursor);
    let (place, start) = match before_cursor.strip_prefix('/') {
        Some(rest) if !rest.starts_with('/') => in_command(before_cursor, start),
        Some(_) => (Place::Text, start),
        None if start == 0 => (Place::Address, start),
        None => (Place::Text, start),
    };
    if matches!(place, Place::Address | Place::Text)
        && let Some(emoji) = emoji::candidates(before_cursor)
    {
        return emoji;
    }
    let word = &before_cursor[start..];
    let options = match place {
        Place::Command => commands(word),
        // Nothing is said of whom it is for: the blank may be only a blank.
        Place::Text if word.is_empty() && !before_cursor.ends_with('@') => Vec::new(),
        Place::Address if word.is_empty() => names(roster.names(Who::Speakers), word, ": "),
        Place::Address => names(roster.names(Who::Others), word, ": "),
        Place::Recipient | Place::Text => names(roster.names(Who::Others), word, " "),
        Place::Member => names(roster.names(Who::Others), word, ""),
        Place::NewName => names(roster.me().into_iter().collect(), word, ""),
        Place::OwnName => names(roster.me().into_iter().collect(), word, " "),
        Place::ToIgnore => names(heeded(roster, ignored), word, ""),
        Place::ToUnignore => names(ignored.names().collect(), word, ""),
        Place::Unknown => Vec::new(),
    };
    Candidates { start, options }
}

/// The place in a line that begins like a command, and where it starts.
fn in_command(before_cursor: &str, start: usize) -> (Place, usize) {
    let Some(end) = before_cursor.find(char::is_whitespace) else { return (Place::Command, 0) };
    let (word, arguments) = before_cursor.split_at(end);
    let is_first = !arguments.trim_start().contains(char::is_whitespace);
    let theirs = Theirs::all().find(|c| c.word().eq_ignore_ascii_case(word));
    let ours = Ours::ALL.into_iter().find(|c| c.word().eq_ignore_ascii_case(word));
    let place = match (theirs, ours, is_first) {
        (
            Some(Theirs::Msg | Theirs::Kick | Theirs::Mute | Theirs::Ban | Theirs::Erase),
            _,
            true,
        ) => Place::Recipient,
        (Some(Theirs::Unmute | Theirs::Op | Theirs::Deop | Theirs::Allow), _, true) => {
            Place::Member
        }
        (Some(Theirs::Msg | Theirs::Kick | Theirs::Mute | Theirs::Ban), _, false)
        | (Some(Theirs::Me | Theirs::Search | Theirs::Quit | Theirs::Topic), _, _)
        | (_, Some(Ours::Reply), _) => Place::Text,
        (Some(Theirs::Nick), _, true) => Place::NewName,
        (Some(Theirs::Login), _, true) => Place::OwnName,
        (_, Some(Ours::Ignore), true) => Place::ToIgnore,
        (_, Some(Ours::Unignore), true) => Place::ToUnignore,
        (Some(_), _, _) | (_, Some(_), _) | (None, None, _) => Place::Unknown,
    };
    (place, start)
}

/// Where the name begins that the text ends in: after the last character that no name has in it,
/// so that it may be behind an `@` or a bracket.
fn word_start(text: &str) -> usize {
    let name = text.trim_end_matches(is_of_name).len();
    text.len() - text[name..].trim_start_matches(['-', '.']).len()
}

fn is_of_name(c: char) -> bool {
    matches!(c, '_' | '-' | '.')
        || matches!(
            c.general_category_group(),
            GeneralCategoryGroup::Letter | GeneralCategoryGroup::Mark
        )
        || c.general_category() == GeneralCategory::DecimalNumber
}

/// A blank stands after a command that takes something.
fn commands(beginning: &str) -> Vec<String> {
    let theirs = Theirs::for_people().map(|command| (command.word(), command.usage()));
    let ours = Ours::ALL.into_iter().map(|command| (command.word(), command.usage()));
    let fits = |word: &str| {
        word.get(..beginning.len()).is_some_and(|head| head.eq_ignore_ascii_case(beginning))
    };
    let found = theirs.chain(ours).filter(|(word, _)| fits(word));
    found
        .map(|(word, usage)| if word == usage { word.to_owned() } else { format!("{word} ") })
        .collect()
}

fn names(names: Vec<&str>, beginning: &str, after: &str) -> Vec<String> {
    let beginning = Likeness::of(beginning);
    let fits = |name: &&str| Likeness::of(name).folded().starts_with(beginning.folded());
    names.into_iter().filter(fits).map(|name| format!("{name}{after}")).collect()
}

/// The others who are not ignored.
fn heeded<'a>(roster: &'a Roster, ignored: &Ignored) -> Vec<&'a str> {
    let mut names = roster.names(Who::Others);
    names.retain(|name| !ignored.contains(&Likeness::of(name)));
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::name::Name;
    use crate::protocol::reply;

    /// A room where alice is we, Bob has spoken last and bert before him.
    fn room() -> (Roster, Ignored) {
        let mut roster = Roster::default();
        for line in
            ["-- you are alice, with 5 others here", "-- 5 here: alice, bert, Bob, eve, 李雷"]
        {
            roster.learn(reply::parse(line).notice().expect("a notice"));
        }
        ["bert", "Bob"].iter().for_each(|name| roster.spoke(name));
        let mut ignored = Ignored::default();
        ignored.add(Name::parse("eve").expect("a good name"));
        (roster, ignored)
    }

    /// The lines that Tab may make of `picture`, where `|` is the cursor.
    fn completed(picture: &str) -> Vec<String> {
        let (roster, ignored) = room();
        let (before, after) = picture.split_once('|').expect("a cursor in the picture");
        let Candidates { start, options } = candidates(before, &roster, &ignored);
        options.iter().map(|option| format!("{}{option}|{after}", &before[..start])).collect()
    }

    #[test]
    fn tab_completes_what_can_stand_there() {
        let cases: &[(&str, &[&str])] = &[
            // Commands.
            ("/m|", &["/me |", "/msg |", "/mute |"]),
            ("/MS|", &["/msg |"]),
            ("/w|", &["/who|"]),
            ("/q|", &["/quit |"]),
            ("/he|", &["/help|"]),
            ("/r|", &["/register |", "/r |"]),
            ("/i|", &["/invite |", "/ignore |"]),
            ("/c|", &["/clear|"]),
            ("/me|", &["/me |"]),
            ("/frob|", &[]),
            ("/日本|", &[]),
            (" /m|", &[]),
            ("/m| x", &["/me | x", "/msg | x", "/mute | x"]),
            // What they take.
            ("/msg |", &["/msg Bob |", "/msg bert |", "/msg eve |", "/msg 李雷 |"]),
            ("/msg b|", &["/msg Bob |", "/msg bert |"]),
            ("/MSG  BE|", &["/MSG  bert |"]),
            ("/msg a|", &[]),
            ("/msg bert bo|", &["/msg bert Bob |"]),
            ("/msg bert |", &[]),
            ("/nick |", &["/nick alice|"]),
            ("/nick A|", &["/nick alice|"]),
            ("/nick b|", &[]),
            ("/nick a b|", &[]),
            ("/ignore |", &["/ignore Bob|", "/ignore bert|", "/ignore 李雷|"]),
            ("/ignore e|", &[]),
            ("/ignore x b|", &[]),
            ("/unignore |", &["/unignore eve|"]),
            ("/unignore b|", &[]),
            ("/me greets b|", &["/me greets Bob |", "/me greets bert |"]),
            ("/me b|", &["/me Bob |", "/me bert |"]),
            ("/me |", &[]),
            ("/r ask bo|", &["/r ask Bob |"]),
            ("/quit bye bo|", &["/quit bye Bob |"]),
            ("/who b|", &[]),
            ("/frob b|", &[]),
            ("/clear b|", &[]),
            ("/log|", &["/login |"]),
            ("/pa|", &["/pass |"]),
            ("/un|", &["/unregister|", "/unmute |", "/unban |", "/unignore |"]),
            ("/login |", &["/login alice |"]),
            ("/login b|", &[]),
            ("/login bob b|", &[]),
            ("/register b|", &[]),
            ("/pass b|", &[]),
            ("/kick b|", &["/kick Bob |", "/kick bert |"]),
            ("/kick bert as Bo|", &["/kick bert as Bob |"]),
            ("/ban ev|", &["/ban eve |"]),
            ("/erase ev|", &["/erase eve |"]),
            ("/erase eve b|", &[]),
            ("/op b|", &["/op Bob|", "/op bert|"]),
            ("/op bob b|", &[]),
            ("/topic ask bo|", &["/topic ask Bob |"]),
            // Names.
            ("|", &["Bob: |", "bert: |"]),
            ("b|", &["Bob: |", "bert: |"]),
            ("b|x", &["Bob: |x", "bert: |x"]),
            ("BE|", &["bert: |"]),
            ("李|", &["李雷: |"]),
            ("al|", &[]),
            ("x|", &[]),
            ("ask b|", &["ask Bob |", "ask bert |"]),
            ("ask |", &[]),
            (" b|", &[" Bob |", " bert |"]),
            ("@bo|", &["@Bob |"]),
            ("ask @bo|", &["ask @Bob |"]),
            ("@|", &["@Bob |", "@bert |", "@eve |", "@李雷 |"]),
            ("(bo|", &["(Bob |"]),
            ("well...bo|", &[]),
            ("...bo|", &["...Bob |"]),
            ("//bo|", &["//Bob |"]),
            ("日本，be|", &["日本，bert |"]),
        ];
        for (picture, expected) in cases {
            assert_eq!(completed(picture), *expected, "{picture}");
        }
    }

    #[test]
    fn without_anybody_there_is_nothing_to_complete() {
        let (roster, ignored) = (Roster::default(), Ignored::default());
        for before in ["", "b", "/msg ", "/nick ", "/unignore ", "@"] {
            assert!(candidates(before, &roster, &ignored).options.is_empty(), "{before}");
        }
    }
}
