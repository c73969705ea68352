//! A configuration file's bytes, and the keys and values that stand in them.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use toml::de::{DeTable, DeValue};

use crate::problem;

/// The most bytes that are read: a hundred times what can sensibly stand there.
const MOST: u64 = 256 * 1024;

/// What is wrong with the file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    /// The line, counted from 1, if one is to blame.
    line: Option<usize>,
    /// What, for the user.
    what: String,
}

impl Trouble {
    /// This is wrong on that line.
    pub(super) fn at(line: usize, what: String) -> Trouble {
        Trouble { line: Some(line), what }
    }

    fn of_file(what: &str) -> Trouble {
        Trouble { line: None, what: what.to_owned() }
    }

    /// The whole of it, for the user.
    pub(super) fn told(&self, path: &Path) -> String {
        let (path, what) = (path.display(), &self.what);
        match self.line {
            Some(line) => format!("{path}:{line}: {what}"),
            None => format!("cannot use the configuration {path}: {what}"),
        }
    }
}

/// A key and its value.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// The key.
    pub(super) key: String,
    /// What it is set to.
    pub(super) value: Value,
    /// The line that it stands on.
    pub(super) line: usize,
}

/// A value of one of the kinds that a key may want.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// Text.
    Text(String),
    /// A whole number, in digits.
    Number(String),
    /// On or off.
    Switch(bool),
    /// Texts.
    List(Vec<String>),
    /// What no key wants.
    Other,
}

/// The text of the file at the path; `None` if there is none, and it was not asked for by name.
///
/// # Errors
///
/// It cannot be read, is no text, or may be changed by others.
pub(super) fn read(path: &Path, is_named: bool) -> Result<Option<String>, Trouble> {
    let missing = |why: &io::Error| {
        // Where a part of the path is a file, there is none either.
        matches!(why.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
    };
    let unreadable = |why: io::Error| Trouble::of_file(&problem::reason(&why));
    let file = match File::open(path) {
        Err(why) if missing(&why) && !is_named => return Ok(None),
        opened => opened.map_err(unreadable)?,
    };
    let metadata = file.metadata().map_err(unreadable)?;
    if metadata.is_dir() {
        return Err(Trouble::of_file("it is a folder"));
    }
    others::check(&metadata).map_err(Trouble::of_file)?;
    let mut bytes = Vec::new();
    file.take(MOST + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MOST {
        return Err(Trouble::of_file("it is larger than 256 KB"));
    }
    decode(&bytes).map(Some)
}

/// The text that the bytes are. Editors on Windows begin UTF-8 with a byte order mark, and PowerShell 5 writes UTF-16
/// into a file that a program's output is sent to.
fn decode(bytes: &[u8]) -> Result<String, Trouble> {
    let utf_16 = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units = bytes.chunks(2).map(|two| two.try_into().map_or(0, unit));
        let text: Result<String, _> = char::decode_utf16(units).collect();
        text.map_err(|_| Trouble::of_file("it is no text: write it as UTF-8"))
    };
    if let Some(rest) = bytes.strip_prefix(b"\xff\xfe") {
        return utf_16(rest, u16::from_le_bytes);
    }
    if let Some(rest) = bytes.strip_prefix(b"\xfe\xff") {
        return utf_16(rest, u16::from_be_bytes);
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = str::from_utf8(bytes);
    let text = text.map_err(|why| {
        let line = 1 + newlines(&bytes[..why.valid_up_to()]);
        Trouble::at(line, "this is no UTF-8, as which the file must be written".to_owned())
    })?;
    Ok(text.to_owned())
}

fn newlines(bytes: &[u8]) -> usize {
    memchr::memchr_iter(b'\n', bytes).count()
}

/// All that the text says, from above to below.
///
/// # Errors
///
/// It is no TOML.
pub(super) fn entries(text: &str) -> Result<Vec<Entry>, Trouble> {
    let line = |at: usize| 1 + newlines(&text.as_bytes()[..at.min(text.len())]);
    let table = DeTable::parse(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        Trouble::at(line(at), one_line(error.message()))
    })?;
    let entry = |(key, value): (toml::Spanned<_>, toml::Spanned<DeValue<'_>>)| {
        let line = line(key.span().start);
        let key: std::borrow::Cow<'_, str> = key.into_inner();
        Entry { key: key.into_owned(), value: Value::of(value.into_inner()), line }
    };
    let mut entries: Vec<_> = table.into_inner().into_iter().map(entry).collect();
    entries.sort_by_key(|entry| entry.line);
    Ok(entries)
}

/// The parser's words, which may be several lines.
fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl Value {
    fn of(value: DeValue<'_>) -> Value {
        match value {
            DeValue::String(text) => Value::Text(text.into_owned()),
            DeValue::Integer(number) if number.radix() == 10 => {
                Value::Number(number.as_str().to_owned())
            }
            DeValue::Boolean(on) => Value::Switch(on),
            DeValue::Array(values) => {
                let text =
                    |value: &toml::Spanned<DeValue<'_>>| value.as_ref().as_str().map(str::to_owned);
                values.iter().map(text).collect::<Option<_>>().map_or(Value::Other, Value::List)
            }
            _ => Value::Other,
        }
    }
}

#[cfg(unix)]
mod others {
    use std::fs::Metadata;
    use std::os::unix::fs::MetadataExt;

    use nix::unistd::{Gid, Group, Uid, User, geteuid};

    /// Checks that nobody but its user, and who rules the machine, can change what the program does.
    pub(super) fn check(file: &Metadata) -> Result<(), &'static str> {
        // A device, such as /dev/null, and a pipe are whoever's, and were named on purpose.
        if !file.is_file() {
            return Ok(());
        }
        if file.uid() != 0 && file.uid() != geteuid().as_raw() {
            return Err("it belongs to another user");
        }
        let by_group = file.mode() & 0o020 != 0 && !is_private_group(file.gid());
        if by_group || file.mode() & 0o002 != 0 {
            return Err("others may change it; chmod go-w takes that from them");
        }
        Ok(())
    }

    /// Whether the group is the user's alone, as systems make one for each user whose new files are the group's, too.
    fn is_private_group(group: u32) -> bool {
        let group = Group::from_gid(Gid::from_raw(group)).ok().flatten();
        let user = User::from_uid(Uid::effective()).ok().flatten();
        group.zip(user).is_some_and(|(group, user)| {
            group.name == user.name && group.mem.iter().all(|member| *member == user.name)
        })
    }
}

#[cfg(windows)]
mod others {
    use std::fs::Metadata;

    /// What lies in a user's own folder is the user's.
    pub(super) fn check(_: &Metadata) -> Result<(), &'static str> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Vec<Entry>, String> {
        entries(text).map_err(|trouble| trouble.told(Path::new("f")))
    }

    #[test]
    fn keys_come_with_their_lines() {
        let entry = |key: &str, value, line| Entry { key: key.to_owned(), value, line };
        let text = "# mine\nname = \"alice\"\r\n\r\nport=6000\nbell = 'off' # at night\n\
                    notify = true\nhighlight = [\n  \"a\",\n  \"b\",\n]\n[section]\nx = 1\n";
        let list = Value::List(vec!["a".to_owned(), "b".to_owned()]);
        let expected = vec![
            entry("name", Value::Text("alice".to_owned()), 2),
            entry("port", Value::Number("6000".to_owned()), 4),
            entry("bell", Value::Text("off".to_owned()), 5),
            entry("notify", Value::Switch(true), 6),
            entry("highlight", list, 7),
            entry("section", Value::Other, 11),
        ];
        assert_eq!(parsed(text), Ok(expected));
        assert_eq!(parsed(""), Ok(vec![]));
    }

    #[test]
    fn what_is_no_toml_is_told_with_its_line() {
        for (text, line) in [
            ("bell = off\n", "f:1: "),
            ("\nname = \"alice\n", "f:2: "),
            ("name\n", "f:1: "),
            ("name = \"a\"\nname = \"b\"\n", "f:2: "),
            ("name = \"a\" bell = \"off\"\n", "f:1: "),
            ("a = 1\nb = \"\u{1}\"\n", "f:2: "),
        ] {
            let told = parsed(text).expect_err("it is wrong");
            assert!(told.starts_with(line), "{text:?}: {told}");
            assert!(!told.contains('\n') && told.len() > line.len() + 5, "{told}");
        }
    }

    #[test]
    fn text_comes_as_editors_and_shells_of_every_system_write_it() {
        let text = "name = \"josé\"\n";
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        for (mark, bytes) in [
            (&b""[..], text.as_bytes()),
            (b"\xef\xbb\xbf", text.as_bytes()),
            (b"\xff\xfe", &little),
            (b"\xfe\xff", &big),
        ] {
            assert_eq!(decode(&[mark, bytes].concat()).as_deref(), Ok(text), "{mark:?}");
        }
        let latin = decode(b"# one\nname = \"jos\xe9\"\n").expect_err("it is no UTF-8");
        assert_eq!(latin.line, Some(2));
        assert!(decode(b"\xff\xfe\x00\xd8").is_err(), "half a pair");
    }
}
