//! Which server answers where a Redis should, told by the first bytes that come from there. Pure.

use crate::protocol::text::make_safe;

/// How many of a peer's first bytes are enough to know it by.
pub(crate) const FIRST: usize = 128;

/// How much of its first line is shown, in characters.
const SHOWN: usize = 60;

/// The first words of the servers that a port is most easily mistaken for, and what each is.
const KNOWN: [(&str, &str); 5] = [
    ("HTTP/", "a web server"),
    // Some answer a bare page to what is no request of HTTP.
    ("<!DOCTYPE ", "a web server"),
    ("SSH-", "an SSH server"),
    ("INFO {", "a NATS server"),
    ("-- chatroom ", "a chatserver"),
];

/// A peer that is no Redis as it was spoken to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stranger {
    /// It speaks TLS, and was spoken to in plain.
    SpeaksTls,
    /// It may be a Redis, and was spoken to over TLS, which it does not speak.
    SpeaksNoTls,
    /// A server of another kind: which one.
    Server(&'static str),
    /// Its first line, made safe.
    Says(String),
    /// It sends nothing that could be shown.
    Unknown,
}

impl Stranger {
    /// What a peer is that was spoken to in plain and has sent these bytes first; `None` if it may be a Redis, or has sent
    /// nothing.
    pub(crate) fn of(first: &[u8]) -> Option<Stranger> {
        if first.is_empty() || is_of_redis(first) {
            return None;
        }
        if is_of_tls(first) {
            return Some(Stranger::SpeaksTls);
        }
        let known = KNOWN.iter().find(|(words, _)| first.starts_with(words.as_bytes()));
        Some(known.map_or_else(|| said(first), |(_, server)| Stranger::Server(server)))
    }

    /// What a peer is that was spoken to over TLS and has sent these bytes first; `None` if it speaks TLS, or has sent
    /// nothing.
    pub(crate) fn without_tls(first: &[u8]) -> Option<Stranger> {
        if is_of_redis(first) {
            return Some(Stranger::SpeaksNoTls);
        }
        Stranger::of(first).filter(|it| *it != Stranger::SpeaksTls)
    }
}

/// Whether bytes begin an answer in the protocol of Redis (RESP). An error's code is in upper case there.
fn is_of_redis(first: &[u8]) -> bool {
    let next = first.get(1);
    match first.first() {
        Some(b'+') => true,
        Some(b'-') => next.is_none_or(u8::is_ascii_uppercase),
        Some(b':' | b'$' | b'*') => next.is_none_or(|byte| byte.is_ascii_digit() || *byte == b'-'),
        _ => false,
    }
}

/// Whether bytes begin a record of TLS: its type, and the first byte of its version.
pub(crate) fn is_of_tls(first: &[u8]) -> bool {
    matches!(first, [0x14..=0x17, 3, ..])
}

/// A peer as its first line shows it, if that is text.
fn said(first: &[u8]) -> Stranger {
    let line = first.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default();
    let is_text = !line.is_empty() && line.iter().all(|byte| *byte >= b' ' || *byte == b'\t');
    let safe = make_safe(line);
    let shown: String = safe.trim().chars().take(SHOWN).collect();
    if is_text && !shown.is_empty() { Stranger::Says(shown) } else { Stranger::Unknown }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_known_by_its_first_bytes() {
        let says = |text: &str| Some(Stranger::Says(text.to_owned()));
        for (first, is) in [
            (&b""[..], None),
            (b"+PONG\r\n", None),
            (b"-NOAUTH Authentication required.\r\n", None),
            (b"$12\r\n# Server", None),
            (b"*-1\r\n", None),
            (b"*", None),
            (b"\x15\x03\x01\0\x02\x02\x46", Some(Stranger::SpeaksTls)),
            (b"HTTP/1.1 400 Bad Request\r\n", Some(Stranger::Server("a web server"))),
            (b"SSH-2.0-OpenSSH_9.2\r\n", Some(Stranger::Server("an SSH server"))),
            (b"INFO {\"server_id\":\"N\"}\r\n", Some(Stranger::Server("a NATS server"))),
            (b"-- chatroom 1: welcome\n", Some(Stranger::Server("a chatserver"))),
            (b"220 mail ESMTP\r\n250 x", says("220 mail ESMTP")),
            (b"ERROR\r\n", says("ERROR")),
            (b"** hello", says("** hello")),
            (b"J\0\0\0\n8.0.36", Some(Stranger::Unknown)),
            (b"\r\nlogin: ", Some(Stranger::Unknown)),
        ] {
            assert_eq!(Stranger::of(first), is, "{}", first.escape_ascii());
        }
    }

    #[test]
    fn over_tls_a_redis_without_it_is_known_and_tls_is_no_stranger() {
        assert_eq!(Stranger::without_tls(b"-NOAUTH"), Some(Stranger::SpeaksNoTls));
        assert_eq!(Stranger::without_tls(b"\x16\x03\x03\0\x7a"), None);
        assert_eq!(Stranger::without_tls(b""), None);
        let web = Some(Stranger::Server("a web server"));
        assert_eq!(Stranger::without_tls(b"HTTP/1.1 400 Bad Request\r\n"), web);
    }

    #[test]
    fn no_more_than_a_line_is_shown_and_no_control_character() {
        let long = [b'x'; FIRST];
        assert_eq!(Stranger::of(&long), Some(Stranger::Says("x".repeat(SHOWN))));
        assert_eq!(Stranger::of(b"\x1b[31mred"), Some(Stranger::Unknown));
    }
}
