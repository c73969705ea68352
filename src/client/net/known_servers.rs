//! The servers that the client knows, and by what: the text of the file, and what it says. Pure; [`mod@file`] reads
//! and writes it.
//!
//! Each line has three words: the address as the user typed it, the key or `ca`, and the day since when. The user
//! may edit the file, so a line that is none of these stays as it is.

use std::fmt;

use chrono::NaiveDate;

use crate::protocol::text::make_safe;
use crate::tls::ServerKey;

pub(super) mod file;

/// The first line of a file that is made.
const HEAD: &str =
    "# Servers that chatclient knows, by address and key. Delete a line to forget one.\n";

/// The word in place of a key where the system's certificate authorities vouch for the server.
const CA: &str = "ca";

/// What stands before a key.
const KEY: &str = "key:";

/// The form of a day.
const DAY: &str = "%Y-%m-%d";

/// A server's place, as its user typed it, with the port: `192.168.1.7:5000`, `[fe80::1%eth0]:5000`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::client) struct Address(String);

impl Address {
    /// The address of this host and port. The name of an interface keeps its case, which counts.
    pub(in crate::client) fn new(host: &str, port: u16) -> Address {
        let (place, zone) = host.split_at(host.find('%').unwrap_or(host.len()));
        let host = place.to_lowercase() + zone;
        Address(if host.contains(':') {
            format!("[{host}]:{port}")
        } else {
            format!("{host}:{port}")
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a server is known by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    /// Its key.
    Key(ServerKey),
    /// A certificate for its name that the system accepts.
    Ca,
}

impl Trust {
    /// The key, if it is one.
    pub(super) fn key(self) -> Option<ServerKey> {
        match self {
            Trust::Key(key) => Some(key),
            Trust::Ca => None,
        }
    }

    fn parse(word: &str) -> Option<Trust> {
        match word.strip_prefix(KEY) {
            Some(key) => ServerKey::parse(key).map(Trust::Key),
            None => (word == CA).then_some(Trust::Ca),
        }
    }
}

impl fmt::Display for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trust::Key(key) => f.pad(&format!("{KEY}{}", key.whole())),
            Trust::Ca => f.pad(CA),
        }
    }
}

/// What one line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Known {
    /// The server's address.
    pub(super) address: Address,
    /// What it is known by.
    pub(super) trust: Trust,
    /// Since when.
    pub(super) since: NaiveDate,
}

impl Known {
    fn parse(line: &[u8]) -> Option<Known> {
        let mut words = str::from_utf8(line).ok()?.split_ascii_whitespace();
        let address = words.next().filter(|word| !word.starts_with('#'))?;
        // It is shown, whoever has written the file.
        let address = Some(address).filter(|it| make_safe(it.as_bytes()) == *it)?;
        let trust = Trust::parse(words.next()?)?;
        let since = NaiveDate::parse_from_str(words.next()?, DAY).ok()?;
        let address = Address(address.to_owned());
        words.next().is_none().then_some(Known { address, trust, since })
    }
}

impl fmt::Display for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Known { address, trust, since } = self;
        write!(f, "{:<23} {trust:<58} {since}", address.0)
    }
}

/// One line of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    /// The line as it stands, without its end.
    text: Vec<u8>,
    /// What it says, unless it is empty, a comment or damaged.
    known: Option<Known>,
}

impl Line {
    fn is_damaged(&self) -> bool {
        let text = self.text.trim_ascii();
        self.known.is_none() && !text.is_empty() && !text.starts_with(b"#")
    }
}

/// The whole file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct KnownServers {
    /// Its lines, in their order.
    lines: Vec<Line>,
}

impl KnownServers {
    /// Reads a file's bytes, whatever they are.
    pub(super) fn parse(bytes: &[u8]) -> KnownServers {
        let whole = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        if whole.is_empty() && bytes.is_empty() {
            return KnownServers::default();
        }
        let line = |text: &[u8]| Line { text: text.to_owned(), known: Known::parse(text) };
        KnownServers { lines: whole.split(|byte| *byte == b'\n').map(line).collect() }
    }

    /// The bytes of the file.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        self.lines.iter().flat_map(|line| [&line.text[..], b"\n"]).flatten().copied().collect()
    }

    /// All that is known.
    pub(super) fn all(&self) -> impl DoubleEndedIterator<Item = &Known> {
        self.lines.iter().filter_map(|line| line.known.as_ref())
    }

    /// What is known of the server at this address. Several keys may be, of which each will do.
    pub(super) fn at(&self, address: &Address) -> impl DoubleEndedIterator<Item = &Known> {
        self.all().filter(move |known| known.address == *address)
    }

    /// Another address at which a server has this key.
    pub(super) fn elsewhere(&self, key: &ServerKey, address: &Address) -> Option<&Address> {
        let mut has_key = self.all().filter(|known| known.trust.key() == Some(*key));
        has_key.find(|known| known.address != *address).map(|known| &known.address)
    }

    /// How many lines can be read by nobody.
    pub(super) fn damaged(&self) -> usize {
        self.lines.iter().filter(|line| line.is_damaged()).count()
    }

    /// Whether there is a line about that address that cannot be read.
    pub(super) fn is_damaged_at(&self, address: &Address) -> bool {
        let begins = |line: &&Line| {
            line.text.split(u8::is_ascii_whitespace).next() == Some(address.0.as_bytes())
        };
        self.lines.iter().filter(begins).any(Line::is_damaged)
    }

    /// Adds a line at the end.
    pub(super) fn add(&mut self, known: Known) {
        if self.lines.is_empty() {
            self.lines = KnownServers::parse(HEAD.as_bytes()).lines;
        }
        self.lines.push(Line { text: known.to_string().into_bytes(), known: Some(known) });
    }

    /// Removes what is known of the server at this address, and says how many lines that were.
    pub(super) fn forget(&mut self, address: &Address) -> usize {
        let before = self.lines.len();
        let is_of = |line: &Line| line.known.as_ref().is_some_and(|it| it.address == *address);
        self.lines.retain(|line| !is_of(line));
        before - self.lines.len()
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(in crate::client::net) fn day(text: &str) -> NaiveDate {
        NaiveDate::parse_from_str(text, DAY).expect("a day")
    }

    fn key(seed: &str) -> ServerKey {
        ServerKey::of_spki(seed.as_bytes())
    }

    #[test]
    fn an_address_is_what_was_typed_in_lower_case_with_the_port() {
        for (host, address) in [
            ("192.168.1.7", "192.168.1.7:5000"),
            ("Chat.Example.ORG", "chat.example.org:5000"),
            ("2001:DB8::1", "[2001:db8::1]:5000"),
            ("FE80::1%Eth0", "[fe80::1%Eth0]:5000"),
        ] {
            assert_eq!(Address::new(host, 5000).to_string(), address);
        }
    }

    #[test]
    fn a_new_file_is_a_table_with_a_line_that_says_what_it_is() {
        let mut known = KnownServers::default();
        let since = day("2026-11-28");
        for (host, trust) in [
            ("192.168.1.7", Trust::Key(key("a"))),
            ("chat.example.org", Trust::Ca),
            ("a-name-that-is-longer-than-its-column.example.org", Trust::Ca),
        ] {
            known.add(Known { address: Address::new(host, 5000), trust, since });
        }
        let a = key("a").whole();
        let expected = format!(
            "{HEAD}192.168.1.7:5000        key:{a}   2026-11-28\n\
             chat.example.org:5000   ca                                                         2026-11-28\n\
             a-name-that-is-longer-than-its-column.example.org:5000 \
             ca                                                         2026-11-28\n"
        );
        assert_eq!(String::from_utf8_lossy(&known.to_bytes()), expected);
        assert_eq!(KnownServers::parse(expected.as_bytes()), known);
    }

    #[test]
    fn an_address_may_have_several_keys_and_is_forgotten_whole() {
        let (here, there) = (Address::new("here", 1), Address::new("there", 1));
        let mut known = KnownServers::default();
        for (address, seed) in [(&here, "a"), (&there, "a"), (&here, "b")] {
            let trust = Trust::Key(key(seed));
            known.add(Known { address: address.clone(), trust, since: day("2026-11-28") });
        }
        assert_eq!(known.at(&here).count(), 2);
        assert_eq!(known.elsewhere(&key("a"), &here), Some(&there));
        assert_eq!(known.elsewhere(&key("b"), &here), None);
        assert_eq!((known.forget(&here), known.forget(&here)), (2, 0));
        assert_eq!(known.all().count(), 1);
    }

    #[test]
    fn a_line_that_cannot_be_read_is_skipped_and_stays() {
        let text = b"# mine\n\n\xff\xfe\nhost:1 key:tooshort 2026-11-28\nhost:1 ca\nhost:1 ca 2026-02-31\n\
                     host:1 ca 2026-11-28 more\n  host:1\tca  2026-11-28\r\n";
        let mut known = KnownServers::parse(text);
        assert_eq!((known.all().count(), known.damaged()), (1, 5));
        assert_eq!(known.to_bytes(), text);
        assert_eq!(known.forget(&Address::new("host", 1)), 1);
        assert_eq!(known.to_bytes(), text[..text.len() - b"  host:1\tca  2026-11-28\r\n".len()]);
    }

    fn any_known() -> impl Strategy<Value = Known> {
        let trust = prop_oneof![
            any::<[u8; 8]>().prop_map(|seed| Trust::Key(ServerKey::of_spki(&seed))),
            Just(Trust::Ca)
        ];
        let host = "[a-zA-Z0-9.-]{1,40}|[0-9a-fA-F:]{2,20}(%[a-z0-9]{1,8})?";
        (host, any::<u16>(), trust, 0..40_000i32).prop_map(|(host, port, trust, days)| Known {
            address: Address::new(&host, port),
            trust,
            since: day("1975-01-01") + chrono::TimeDelta::days(days.into()),
        })
    }

    proptest! {
        #[test]
        fn what_is_known_comes_back_from_its_text(
            servers in proptest::collection::vec(any_known(), 0..8)
        ) {
            let mut known = KnownServers::default();
            servers.iter().cloned().for_each(|server| known.add(server));
            let again = KnownServers::parse(&known.to_bytes());
            prop_assert_eq!(again.all().cloned().collect::<Vec<_>>(), servers);
            prop_assert_eq!(again, known);
        }

        #[test]
        fn any_bytes_are_read_and_stay_as_they_are(
            bytes in "(host:1|ca|key:[a-z2-7]{50,54}|2026-[0-9]{2}-[0-9]{2}|[ \n#\r]|.){0,30}"
                .prop_map(String::into_bytes),
            junk in proptest::collection::vec(any::<u8>(), 0..60),
            server in any_known(),
        ) {
            for bytes in [bytes, junk] {
                let mut known = KnownServers::parse(&bytes);
                let mut same = bytes.clone();
                if !bytes.is_empty() && !bytes.ends_with(b"\n") {
                    same.push(b'\n');
                }
                prop_assert_eq!(known.to_bytes(), same.clone());
                known.add(server.clone());
                let text = known.to_bytes();
                prop_assert!(text.starts_with(&same));
                prop_assert!(KnownServers::parse(&text).at(&server.address).any(|it| *it == server));
            }
        }
    }
}
