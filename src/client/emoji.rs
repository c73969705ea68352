//! Emoji by their names: what `:tada:` stands for, and what `:ta` may become. Pure.
//!
//! The names are those that GitHub, Slack and others have (gemoji's).

use super::editor::Candidates;

/// With fewer letters than this there are too many ways to go on.
const BEGINNING: usize = 2;

/// What may be put in at the end of `before_cursor`, if a name stands there or the beginning of one.
pub(super) fn candidates(before_cursor: &str) -> Option<Candidates> {
    let (name, is_whole) = match before_cursor.strip_suffix(':') {
        Some(name) => (name, true),
        None => (before_cursor, false),
    };
    let before = name.trim_end_matches(is_of_name);
    let name = name[before.len()..].to_ascii_lowercase();
    let before = before.strip_suffix(':')?;
    // As in the time, 12:30:45.
    if name.is_empty() || before.ends_with(char::is_alphanumeric) {
        return None;
    }
    let options = if is_whole { whole(&name) } else { begun(&name) };
    (!options.is_empty()).then_some(Candidates { start: before.len(), options })
}

fn whole(name: &str) -> Vec<String> {
    emojis::get_by_shortcode(name).map(ToString::to_string).into_iter().collect()
}

/// Those whose names begin so, the shortest name first.
fn begun(name: &str) -> Vec<String> {
    if name.len() < BEGINNING {
        return Vec::new();
    }
    let rest = |emoji: &emojis::Emoji| {
        emoji.shortcodes().filter_map(|code| Some(code.strip_prefix(name)?.len())).min()
    };
    let mut found: Vec<_> = emojis::iter().filter_map(|it| Some((rest(it)?, it))).collect();
    found.sort_by_key(|(rest, _)| *rest);
    found.into_iter().map(|(_, emoji)| emoji.to_string()).collect()
}

fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '+' | '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_an_emoji_and_its_beginning_are_several() {
        let first = |text: &str| {
            candidates(text)
                .map(|found| (found.start, found.options[0].clone(), found.options.len()))
        };
        let one = |start, emoji: &str| Some((start, emoji.to_owned(), 1));
        assert_eq!(first(":tada:"), one(0, "🎉"));
        assert_eq!(first("hi (:Tada:"), one(4, "🎉"));
        assert_eq!(first(":+1:"), one(0, "👍"));
        assert_eq!(first(":x:"), one(0, "❌"));
        assert_eq!(first("🎉:tad"), one(4, "🎉"));
        let smiles = candidates("well :smi").expect("there are some");
        assert_eq!((smiles.start, &smiles.options[0][..]), (5, "😄"));
        assert!(smiles.options.contains(&"😏".to_owned()) && smiles.options.len() < 20);
        for text in [
            "", ":", "::", ":t", "12:30", "12:30:", "note:ta", ":tada", "tada:", ": ta", ":nosuch:",
        ] {
            assert_eq!(candidates(text).is_some(), text == ":tada", "{text}");
        }
    }
}
