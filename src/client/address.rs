//! Addresses of pages in a text: where they stand, for the terminal to open on a click, and for `/open`. Pure.
//!
//! An address is taken for one if it is certain where it ends, so that what is opened is what is read: it has
//! characters of RFC 3986 alone, and no letter of another script stands right behind it. Punctuation at its end belongs
//! to the sentence.

use std::ops::Range;

use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};

/// What an address begins with, before `://`.
const SCHEMES: [&str; 2] = ["https", "http"];

/// What stands behind that.
const AFTER_SCHEME: &str = "://";

/// The longest address, in bytes. Some browsers open no longer ones, and some terminals no links to them.
const LONGEST: usize = 2048;

/// What ends a sentence, a quotation or a part of one behind an address, and not the address.
const BEHIND: [char; 8] = ['.', ',', ';', ':', '!', '?', '\'', '*'];

/// Brackets that belong to an address if both do.
const BRACKETS: [(char, char); 2] = [('(', ')'), ('[', ']')];

/// Where the addresses stand in a text, from its beginning on.
pub(super) fn addresses(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut from = 0;
    std::iter::from_fn(move || {
        loop {
            let colon = from + text[from..].find(AFTER_SCHEME)?;
            let start = scheme_start(&text[from..colon]).map(|start| from + start);
            let behind = colon + AFTER_SCHEME.len();
            let end = behind + text[behind..].find(|c| !is_safe(c)).unwrap_or(text.len() - behind);
            from = end;
            if let Some(start) = start.filter(|_| may_end(&text[end..])) {
                let address = trimmed(&text[start..end]);
                let host = address.get(behind - start..).unwrap_or_default();
                if host.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[')
                    && address.len() <= LONGEST
                {
                    return Some(start..start + address.len());
                }
            }
        }
    })
}

/// Adds the text, with the sequences (OSC 8) by which a terminal makes links of the addresses that stand at `links`.
/// The text is a part of a longer one, from the byte at `at` on, and has each of them whole or not at all.
pub(super) fn write_linked(text: &str, at: usize, links: &[Range<usize>], out: &mut String) {
    let mut written = 0;
    let first = links.partition_point(|link| link.start < at);
    for link in links[first..].iter().take_while(|link| link.end <= at + text.len()) {
        let (start, end) = (link.start - at, link.end - at);
        let address = &text[start..end];
        out.extend([
            &text[written..start],
            "\x1b]8;;",
            address,
            "\x1b\\",
            address,
            "\x1b]8;;\x1b\\",
        ]);
        written = end;
    }
    out.push_str(&text[written..]);
}

/// Where the scheme begins that the text ends with, if it does and is a word of its own.
fn scheme_start(text: &str) -> Option<usize> {
    let ends_with = |scheme: &&&str| {
        let tail = text.len().checked_sub(scheme.len()).and_then(|start| text.get(start..));
        tail.is_some_and(|tail| tail.eq_ignore_ascii_case(scheme))
    };
    let start = text.len() - SCHEMES.iter().find(ends_with)?.len();
    (!text[..start].ends_with(char::is_alphanumeric)).then_some(start)
}

/// Whether a character stands for itself in an address, or for another one as `%` does.
fn is_safe(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-._~:/?#[]@!$&'()*+,;=%".contains(c)
}

/// Whether an address is seen to end before this.
fn may_end(rest: &str) -> bool {
    rest.chars().next().is_none_or(|c| match c {
        '<' | '>' | '"' | '`' => true,
        c if c.is_ascii() => c == ' ' || c.is_ascii_control(),
        c => c.is_whitespace() || c.general_category_group() == GeneralCategoryGroup::Punctuation,
    })
}

/// The address without what belongs to the sentence.
fn trimmed(mut address: &str) -> &str {
    while let Some(last) = address.chars().next_back() {
        let count = |bracket| address.matches(bracket).count();
        let closes_nothing =
            BRACKETS.iter().any(|&(open, close)| last == close && count(close) > count(open));
        if !closes_nothing && !BEHIND.contains(&last) {
            break;
        }
        address = &address[..address.len() - 1];
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<&str> {
        addresses(text).map(|at| &text[at]).collect()
    }

    #[test]
    fn an_address_is_found_where_it_is_certain_what_it_is() {
        let long = format!("https://a.b/{}", "x".repeat(LONGEST));
        let cases: &[(&str, &[&str])] = &[
            ("see https://example.org/a?b=c&d#e now", &["https://example.org/a?b=c&d#e"]),
            ("HTTP://A.B https://a.b:80", &["HTTP://A.B", "https://a.b:80"]),
            ("<https://a.b/c>, (https://a.b/d).", &["https://a.b/c", "https://a.b/d"]),
            ("https://a.b/x_(y) (https://a.b/x_(y))", &["https://a.b/x_(y)", "https://a.b/x_(y)"]),
            ("http://[::1]:5000/, 'https://a.b/c'!", &["http://[::1]:5000/", "https://a.b/c"]),
            ("“https://a.b/c”。https://a.b/d、", &["https://a.b/c", "https://a.b/d"]),
            ("view-source:https://a.b", &["https://a.b"]),
            ("https://a.b/?to=https://c.d", &["https://a.b/?to=https://c.d"]),
            // It goes on in another way than everybody's terminal and browser would know.
            ("https://examplе.org https://a.b/ü https://a.b/c好", &[]),
            ("https://a.b/{x} https://a.b\\c https://a.b/c^", &[]),
            ("https://a.b/\u{200d}x https://a.b/🎉", &[]),
            // These are none.
            ("https:// http://. https://)x ://a.b a://b", &[]),
            ("ftp://a.b file:///etc/passwd xhttp://a.b javascript:alert(1)", &[]),
            (&long, &[]),
        ];
        for (text, expected) in cases {
            assert_eq!(found(text), *expected, "{text}");
        }
    }

    #[test]
    fn the_target_of_a_link_is_the_text_that_is_shown() {
        let text = "a https://a.b, (http://c.d) e";
        let links: Vec<_> = addresses(text).collect();
        let link = |address| format!("\x1b]8;;{address}\x1b\\{address}\x1b]8;;\x1b\\");
        let mut out = String::new();
        write_linked(text, 0, &links, &mut out);
        let [first, second] = ["https://a.b", "http://c.d"].map(link);
        assert_eq!(out, format!("a {first}, ({second}) e"));
        out.clear();
        write_linked(&text[15..], 15, &links, &mut out);
        assert_eq!(out, format!("({second}) e"));
    }
}
