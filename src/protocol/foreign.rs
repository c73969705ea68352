//! What speaks another protocol than ours, by its first line. Pure.
//!
//! A web page must not be able to post into a room on its reader's machine, and what a scanner or a
//! client that took the wrong port has to say is nothing for the people in a room.

use super::lines::BEGINNING;
use super::text::make_safe;

/// Another protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Foreign {
    /// HTTP (RFC 9112), whatever the method, or its version 0.9.
    Http,
    /// The header of a proxy (HAProxy's PROXY protocol, both versions).
    Proxy,
    /// Any other.
    Other,
}

impl Foreign {
    /// What a client is told that speaks it.
    #[must_use]
    pub fn refusal(self) -> &'static str {
        match self {
            Foreign::Http => "this is a chat room, not a web server",
            Foreign::Proxy => "this room takes no PROXY header from your address",
            Foreign::Other => "this is a chat room: it takes lines of text, and no other protocol",
        }
    }

    /// What the log says of such a client.
    #[must_use]
    pub fn description(self) -> &'static str {
        match self {
            Foreign::Http => "it speaks HTTP",
            Foreign::Proxy => "it sent a PROXY header, which is taken from --proxy addresses alone",
            Foreign::Other => "it speaks another protocol",
        }
    }
}

/// The type of a TLS record that has a handshake in it (RFC 8446, 5.1). Each TLS connection begins with it, and no
/// text does.
pub(crate) const TLS_HANDSHAKE: u8 = 0x16;

/// What the last word of a request's first line begins with, before the version.
const REQUESTS: [(&str, Foreign); 4] = [
    ("HTTP/", Foreign::Http),
    ("RTSP/", Foreign::Other),
    ("SIP/", Foreign::Other),
    ("ICAP/", Foreign::Other),
];

/// How the first line of some protocols begins of which the client speaks first: SSH, rsync, SMTP, IRC,
/// Java's debugger.
const BEGINNINGS: [&str; 6] = ["SSH-1.", "SSH-2.", "@RSYNCD:", "EHLO ", "CAP LS", "JDWP-Handshake"];

/// What a request is for, as it may begin.
const TARGETS: [&str; 7] = ["/", "* ", "http:", "https:", "rtsp:", "sip:", "sips:"];

/// How long what may be the beginning of a request is before it counts as one whatever its method, in
/// bytes. What is shorter comes in one packet, and so to its end.
const LONG: usize = 1000;

/// What a client speaks that has sent `line` first, which is whole and without its end, if that is not
/// our protocol.
#[must_use]
pub fn of_line(line: &[u8]) -> Option<Foreign> {
    match line {
        // Of the second version's signature, what stands between its line ends.
        b"\0" => Some(Foreign::Proxy),
        line => of_bytes(line)
            .or_else(|| line.contains(&0).then_some(Foreign::Other))
            .or_else(|| of_text(&make_safe(line))),
    }
}

/// What a client speaks whose first line begins so, and has not ended, if that can be said already:
/// its first byte is none of text, or there is a NUL among the first [`BEGINNING`].
#[must_use]
pub fn of_bytes(beginning: &[u8]) -> Option<Foreign> {
    match *beginning.first()? {
        first if is_of_no_text(first) => Some(Foreign::Other),
        _ => beginning.iter().take(BEGINNING).any(|&byte| byte == 0).then_some(Foreign::Other),
    }
}

/// What a client speaks whose first line is too long, of which this is the beginning.
#[must_use]
pub fn of_too_long(beginning: &[u8]) -> Option<Foreign> {
    let beginning = &beginning[..beginning.len().min(BEGINNING)];
    of_bytes(beginning).or_else(|| {
        let text = make_safe(beginning);
        let shown = text.trim_start();
        // One word alone is a method, or no word.
        let is_endless_word = !shown.is_empty() && shown.bytes().all(is_of_method);
        let is_request = is_endless_word || begins_like_request(shown);
        of_text(&text).or_else(|| is_request.then_some(Foreign::Http))
    })
}

/// What a client speaks whose first line has not gone on for a while. The rest of it may be late, and
/// must not be said either.
#[must_use]
pub fn of_unfinished(beginning: &[u8]) -> Option<Foreign> {
    of_line(beginning).or_else(|| {
        let text = make_safe(beginning);
        let text = text.trim_start();
        let is_shouted = text.starts_with(|c: char| c.is_ascii_uppercase())
            && text.split_whitespace().next().is_some_and(|word| word.to_ascii_uppercase() == word);
        let is_request = (is_shouted || text.len() >= LONG) && begins_like_request(text);
        is_request.then_some(Foreign::Http)
    })
}

/// Whether no text begins with it: a control character which is neither a blank (tab, VT, FF) nor a key
/// that edits, and no bell and no escape sequence either.
fn is_of_no_text(byte: u8) -> bool {
    byte < b' ' && !matches!(byte, 0x07..=0x0d | 0x15 | 0x17 | 0x1b)
}

fn of_text(text: &str) -> Option<Foreign> {
    let words: Vec<&str> = text.split_whitespace().collect();
    match words[..] {
        ["PROXY", "TCP4" | "TCP6" | "UNKNOWN", ..] => Some(Foreign::Proxy),
        // HTTP/0.9
        ["GET", target] if target.starts_with('/') => Some(Foreign::Http),
        // Redis says how many parts follow: `*1`.
        [only] if is_count(only) => Some(Foreign::Other),
        [.., last] => of_version(last)
            .or_else(|| BEGINNINGS.iter().any(|it| text.starts_with(it)).then_some(Foreign::Other)),
        [] => None,
    }
}

/// What protocol's request ends in that word, as in `HTTP/1.1`.
fn of_version(word: &str) -> Option<Foreign> {
    let is_digit = |c: char| c.is_ascii_digit();
    let found = REQUESTS.iter().find(|(protocol, _)| {
        word.strip_prefix(protocol).is_some_and(|version| version.starts_with(is_digit))
    });
    found.map(|&(_, foreign)| foreign)
}

fn is_count(word: &str) -> bool {
    let digits = word.strip_prefix('*').unwrap_or_default();
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a request may begin so (RFC 9112, section 3): with a method, and what it is for.
fn begins_like_request(text: &str) -> bool {
    let (method, rest) = text.split_once([' ', '\t']).unwrap_or((text, ""));
    let target = rest.trim_start();
    let is_target = target == "*" || TARGETS.iter().any(|it| target.starts_with(it));
    !method.is_empty() && method.bytes().all(is_of_method) && is_target
}

/// Whether the byte may be in a method's name, which is a token (RFC 9110, 5.6.2).
fn is_of_method(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    use super::*;

    /// What a person or a program of ours may say first.
    const OURS: [&str; 38] = [
        "/tags",
        "/nick alice",
        " /nick alice",
        "hello",
        "get me a coffee",
        "GET me a coffee",
        "get /x",
        "try /help",
        "* waves *",
        "*1 is a footnote",
        "**",
        "HELO there",
        "SSH is down",
        "ssh-2.0 or what?",
        "CAPS LOCK",
        "PROXY settings?",
        "PROXY TCP or not",
        "it is at http://example.org/x",
        "GET /x or POST /x?",
        "is it HTTP/x or HTTPS?",
        "use HTTP/2, please",
        "I like TLS/1.3",
        "1/2",
        "\u{feff}hello",
        "\u{feff}/nick bob",
        "\thello",
        "\u{7}wake up",
        "\u{8}x",
        "\u{7f}\u{15}\u{17}x",
        "\u{1b}[A",
        "\u{1b}[31mred\u{1b}[0m",
        "\u{1b}OP",
        "\u{c}a new page",
        "\u{85}",
        "\u{e9}t\u{e9}",
        "日本語",
        "🎉",
        "",
    ];

    #[test]
    fn what_people_say_first_is_ours() {
        for line in OURS {
            assert_eq!(of_line(line.as_bytes()), None, "{line:?}");
            for end in 0..line.len() {
                assert_eq!(of_bytes(&line.as_bytes()[..end]), None, "{line:?}");
            }
        }
        // Latin-1 and Shift-JIS, whose bytes are no UTF-8.
        for line in [&b"\xe9t\xe9"[..], b"\xff", b"\x93\xfa\x96\x7b", b"\x80 5"] {
            assert_eq!(
                (of_line(line), of_unfinished(line)),
                (None, None),
                "{}",
                line.escape_ascii()
            );
        }
    }

    #[test]
    fn another_protocol_is_known_by_its_first_line() {
        let cases: &[(Foreign, &[&[u8]])] = &[
            (
                Foreign::Http,
                &[
                    b"GET / HTTP/1.1",
                    b"POST /x?y=z HTTP/1.0",
                    b"PRI * HTTP/2.0",
                    b"patch / HTTP/1.1",
                    b"chat /nick HTTP/1.1",
                    b"M-SEARCH * HTTP/1.1",
                    b"P*ST / HTTP/1.1",
                    b" POST / HTTP/1.1",
                    b"\tPOST\t/\tHTTP/1.1 \t",
                    b"\xc2\xa0POST / HTTP/1.1",
                    b"\xef\xbb\xbfPOST / HTTP/1.1",
                    b"POST / \x1b[mHTTP/1.1",
                    b"get it via HTTP/1.1",
                    b"HTTP/1.1",
                    b"GET /",
                    b"GET /index.html",
                ],
            ),
            (
                Foreign::Proxy,
                &[
                    b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2",
                    b"PROXY TCP6 2001:db8::1 ::1 1 2",
                    b"PROXY UNKNOWN",
                    b"\0",
                ],
            ),
            (
                Foreign::Other,
                &[
                    b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03example.org",
                    // STUN, MQTT, SMB, RDP, SOCKS, BitTorrent, Postgres.
                    b"\0\x01\0\0\x21\x12\xa4\x42",
                    b"\x10\x10\0\x04MQTT\x04\x02\0\x3c",
                    b"\0\0\0\x45\xffSMBr",
                    b"\x03\0\0\x13\x0e\xe0",
                    b"\x05\x01\0",
                    b"\x13BitTorrent protocol",
                    b"\0\0\0\x08\x04\xd2\x16\x2f",
                    // AMQP, LDAP, MongoDB, X11, git, SSL 2, UTF-16.
                    b"AMQP\0\0\x09\x01",
                    b"0\x0c\x02\x01\x01`\x07\x02\x01\x03\x04\0\x80\0",
                    b"?\0\0\0",
                    b"l\0\x0b\0\0\0",
                    b"0032git-upload-pack /project.git\0host=x",
                    b"\x80\x2e\x01\0\x02",
                    b"h\0i\0",
                    b"SSH-2.0-OpenSSH_9.2",
                    b"SSH-1.99-x",
                    b"*1",
                    b"*23",
                    b"@RSYNCD: 31.0",
                    b"EHLO example.org",
                    b"CAP LS 302",
                    b"JDWP-Handshake",
                    b"OPTIONS rtsp://x RTSP/1.0",
                    b"REGISTER sip:x SIP/2.0",
                    b"OPTIONS icap://x ICAP/1.0",
                ],
            ),
        ];
        for (foreign, lines) in cases {
            for line in *lines {
                assert_eq!(of_line(line), Some(*foreign), "{}", line.escape_ascii());
                assert_eq!(of_unfinished(line), Some(*foreign), "{}", line.escape_ascii());
            }
        }
    }

    #[test]
    fn a_request_of_which_only_the_beginning_is_known_is_one() {
        let long = |beginning: &str| [beginning, &"a".repeat(5000)].concat();
        for beginning in ["GET /", "patch /", " \tPOST http://x/", "M-SEARCH * x", "", "X-", "p\t/"]
        {
            let line = long(beginning);
            assert_eq!(of_too_long(line.as_bytes()), Some(Foreign::Http), "{beginning}");
            assert_eq!(of_too_long(&line.as_bytes()[..64]), Some(Foreign::Http), "{beginning}");
        }
        for beginning in ["get me ", "/nick ", "a, ", "日本", "-- x ", "https://example.org/", "/"]
        {
            assert_eq!(of_too_long(long(beginning).as_bytes()), None, "{beginning}");
        }
        for beginning in ["POST / HT", "GET /xxxxxx", "OPTIONS *", "PATCH http://x/y"] {
            assert_eq!(of_unfinished(beginning.as_bytes()), Some(Foreign::Http), "{beginning}");
        }
        assert_eq!(of_unfinished(long("patch /").as_bytes()), Some(Foreign::Http));
        for beginning in ["HELLO", "try /help", "look * there", "hello", "WHAT A /", "WOW *grins*"]
        {
            assert_eq!(of_unfinished(beginning.as_bytes()), None, "{beginning}");
        }
    }

    proptest! {
        #[test]
        fn whatever_says_http_at_the_end_is_http(before in "\\PC{0,20}", version in 0..10_u8) {
            let line = format!("{before} HTTP/{version}.x");
            prop_assert_eq!(of_line(line.as_bytes()), Some(Foreign::Http));
        }

        #[test]
        fn what_is_said_of_a_beginning_holds_of_the_line(line in vec(any::<u8>(), 1..80), end in 1..80_usize) {
            if let Some(foreign) = of_bytes(&line[..end.min(line.len())]) {
                prop_assert!(of_line(&line).is_some());
                prop_assert_eq!(of_bytes(&line), Some(foreign));
            }
        }
    }
}
