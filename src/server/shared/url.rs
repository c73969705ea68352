//! The URL of a shared room: `redis://[USER[:PASSWORD]@]HOST[:PORT]/ROOM`, `rediss://…` over TLS, or
//! `redis+sentinel://[USER[:PASSWORD]@]HOST[:PORT],HOST[:PORT]/MASTER/ROOM`. Parsed here, pure; shown without its password, whatever shows it.

use std::fmt;
use std::net::IpAddr;

/// The port of Redis.
const REDIS_PORT: u16 = 6379;

/// The port of a Sentinel.
const SENTINEL_PORT: u16 = 26379;

/// How long the name of a room may be, in bytes.
const LONGEST_ROOM: usize = 32;

/// What a URL has to be, for whoever gave another one.
pub(crate) const EXPECTED: &str = "it must be redis://HOST/ROOM, rediss://HOST/ROOM or \
                                   redis+sentinel://HOST,HOST/MASTER/ROOM, with a ROOM of 1 to 32 \
                                   of a-z, 0-9, - and _";

/// Where a shared room is kept, and its name there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedUrl {
    /// How it is reached.
    pub(crate) way: Way,
    /// The user that we are there; `None` for the default one.
    pub(crate) user: Option<String>,
    /// The user's password, if it stands in the URL.
    pub(crate) password: Option<Password>,
    /// The room.
    pub(crate) room: RoomName,
}

/// How Redis is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Way {
    /// In plain.
    Plain(Node),
    /// Over TLS.
    Tls(Node),
    /// The Sentinels say where.
    Sentinels {
        /// Where they are.
        sentinels: Vec<Node>,
        /// What they are asked for.
        master: String,
    },
}

/// Where one process listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    /// Its address or name; an IPv6 address without brackets.
    pub(crate) host: String,
    /// Its port.
    pub(crate) port: u16,
}

/// The name of a shared room, which is a part of its keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RoomName(String);

/// A password, which nothing shows.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Password(pub(crate) String);

impl SharedUrl {
    /// Parses a URL.
    ///
    /// # Errors
    ///
    /// What a URL has to be.
    pub fn parse(text: &str) -> Result<SharedUrl, String> {
        parse(text).ok_or_else(|| EXPECTED.to_owned())
    }

    /// Whether TLS protects the way there.
    pub(crate) fn is_over_tls(&self) -> bool {
        matches!(self.way, Way::Tls(_))
    }

    /// Which hosts and ports it names.
    pub(crate) fn place(&self) -> String {
        match &self.way {
            Way::Plain(node) | Way::Tls(node) => node.to_string(),
            Way::Sentinels { sentinels, .. } => listed(sentinels),
        }
    }

    /// Whether what is said can be read on the way there. On this machine nobody reads it.
    pub(crate) fn is_readable_on_the_way(&self) -> bool {
        match &self.way {
            Way::Tls(_) => false,
            Way::Plain(node) => !node.is_here(),
            Way::Sentinels { sentinels, .. } => !sentinels.iter().all(Node::is_here),
        }
    }
}

fn parse(text: &str) -> Option<SharedUrl> {
    let (scheme, rest) = text.split_once("://")?;
    let (authority, path) = rest.split_once('/')?;
    let (login, hosts) = match authority.rsplit_once('@') {
        Some((login, hosts)) => (Some(login), hosts),
        None => (None, authority),
    };
    let (user, password) = login.map_or(Some((None, None)), parse_login)?;
    let (way, room) = match scheme {
        "redis" => (Way::Plain(Node::parse(hosts, REDIS_PORT)?), path),
        "rediss" => (Way::Tls(Node::parse(hosts, REDIS_PORT)?), path),
        "redis+sentinel" => {
            let (master, room) = path.split_once('/')?;
            let sentinels = hosts.split(',').map(|host| Node::parse(host, SENTINEL_PORT));
            let sentinels = sentinels.collect::<Option<Vec<_>>>()?;
            (Way::Sentinels { sentinels, master: parse_master(master)? }, room)
        }
        _ => return None,
    };
    Some(SharedUrl { way, user, password, room: RoomName::parse(room)? })
}

/// A user, a password or both, as `USER:PASSWORD`.
fn parse_login(login: &str) -> Option<(Option<String>, Option<Password>)> {
    let (user, password) = match login.split_once(':') {
        Some((user, password)) => (user, Some(Password(decode(password)?))),
        None => (login, None),
    };
    let user = decode(user)?;
    // Redis' own names have none of those, and the user is shown.
    let is_shown = !user.chars().any(|c| c.is_control() || c.is_whitespace() || "@/:".contains(c));
    is_shown.then_some(((!user.is_empty()).then_some(user), password))
}

/// The names that a Sentinel takes for a master.
fn parse_master(name: &str) -> Option<String> {
    let is_right = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    (!name.is_empty() && name.bytes().all(is_right)).then(|| name.to_owned())
}

/// Text with `%40` for `@`, and so on.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut parts = text.split('%');
    bytes.extend_from_slice(parts.next()?.as_bytes());
    for part in parts {
        let digits = part.get(..2).filter(|it| it.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    String::from_utf8(bytes).ok()
}

impl Node {
    /// `HOST`, `HOST:PORT`, `[ADDRESS]` or `[ADDRESS]:PORT`.
    fn parse(text: &str, default_port: u16) -> Option<Node> {
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (host, port) = rest.split_once(']')?;
                let is_ipv6 = matches!(host.parse(), Ok(IpAddr::V6(_)));
                (is_ipv6.then_some(host)?, port)
            }
            None => text.split_at(text.find(':').unwrap_or(text.len())),
        };
        let is_right = |c: char| c.is_alphanumeric() || ".-_:".contains(c);
        if host.is_empty() || !host.chars().all(is_right) {
            return None;
        }
        let port = match port {
            "" => default_port,
            port => port.strip_prefix(':')?.parse().ok().filter(|port| *port != 0)?,
        };
        Some(Node { host: host.to_owned(), port })
    }

    /// Whether it is on this machine.
    fn is_here(&self) -> bool {
        let address = self.host.parse::<IpAddr>();
        self.host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Node { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

fn listed(nodes: &[Node]) -> String {
    nodes.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

impl RoomName {
    fn parse(text: &str) -> Option<RoomName> {
        let is_right =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
        let is_name = (1..=LONGEST_ROOM).contains(&text.len()) && text.bytes().all(is_right);
        is_name.then(|| RoomName(text.to_owned()))
    }

    /// The key of one of the things that Redis has of the room. All are in one slot of a cluster.
    pub(crate) fn key(&self, what: &str) -> String {
        format!("chatroom:{{{}}}:{what}", self.0)
    }
}

impl fmt::Display for RoomName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Without the password, and without the room, which is told beside it.
impl fmt::Display for SharedUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = self.user.as_ref().map_or(String::new(), |user| format!("{user}@"));
        match &self.way {
            Way::Plain(node) => write!(f, "redis://{user}{node}"),
            Way::Tls(node) => write!(f, "rediss://{user}{node}"),
            Way::Sentinels { sentinels, master } => {
                write!(f, "redis+sentinel://{user}{}/{master}", listed(sentinels))
            }
        }
    }
}

/// Any text that was meant for such a URL, without what may be a password in it.
#[must_use]
pub fn without_password(text: &str) -> String {
    let Some((login, rest)) = text.rsplit_once('@') else { return text.to_owned() };
    let (scheme, login) = match login.split_once("://") {
        Some((scheme, login)) => (format!("{scheme}://"), login),
        None => (String::new(), login),
    };
    match login.split_once(':') {
        Some((user, _)) => format!("{scheme}{user}:***@{rest}"),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_with_its_user_and_port_and_without_its_password() {
        for (text, shown, room) in [
            ("redis://cache/lobby", "redis://cache:6379", "lobby"),
            ("redis://chat:secret@cache/lobby", "redis://chat@cache:6379", "lobby"),
            ("redis://chat@cache:6380/a", "redis://chat@cache:6380", "a"),
            ("redis://:secret@10.0.0.7/a-b_9", "redis://10.0.0.7:6379", "a-b_9"),
            ("rediss://chat:s%40c%2fr%3at@[::1]:6380/lobby", "rediss://chat@[::1]:6380", "lobby"),
            (
                "redis+sentinel://one:26380,two,[::1]/mymaster/lobby",
                "redis+sentinel://one:26380,two:26379,[::1]:26379/mymaster",
                "lobby",
            ),
            (
                "redis+sentinel://chat:secret@one/mymaster/lobby",
                "redis+sentinel://chat@one:26379/mymaster",
                "lobby",
            ),
        ] {
            let url = SharedUrl::parse(text).unwrap_or_else(|why| panic!("{text}: {why}"));
            assert_eq!((url.to_string().as_str(), url.room.to_string().as_str()), (shown, room));
            assert!(!format!("{url:?}").contains("secret"), "{url:?}");
        }
        let url = SharedUrl::parse("redis://chat:s%40c%2fr%3at@cache/lobby").expect("it is one");
        assert_eq!(url.password, Some(Password("s@c/r:t".to_owned())));
        assert_eq!(url.room.key("log"), "chatroom:{lobby}:log");
    }

    #[test]
    fn anything_else_is_no_url_of_a_room() {
        let long = format!("redis://cache/{}", "x".repeat(33));
        for text in [
            "",
            "cache",
            "cache/lobby",
            "redis://cache",
            "redis://cache/",
            "redis:///lobby",
            "redis://cache/lobby/",
            "redis://cache/lobby?db=1",
            "redis://cache/Lobby",
            "redis://cache/lob by",
            "redis://cache/l\u{f6}bby",
            "redis://cache:0/lobby",
            "redis://cache:65536/lobby",
            "redis://cache:/lobby",
            "redis://a,b/lobby",
            "redis://::1/lobby",
            "redis://[::1/lobby",
            "redis://[cache]/lobby",
            "redis://ca che/lobby",
            "redis://a%2:b@cache/lobby",
            "redis://a%0a:b@cache/lobby",
            "redis://a%ff:b@cache/lobby",
            "redis+sentinel://cache/lobby",
            "redis+sentinel://cache,/mymaster/lobby",
            "redis+sentinel://cache//lobby",
            "redis+sentinel://cache/my master/lobby",
            "http://cache/lobby",
            "REDIS://cache/lobby",
            &long,
        ] {
            assert_eq!(SharedUrl::parse(text).map(drop), Err(EXPECTED.to_owned()), "{text}");
        }
    }

    #[test]
    fn no_password_is_shown_of_a_text_that_is_no_url() {
        for (text, shown) in [
            ("redis://chat:se:cr@et@cache", "redis://chat:***@cache"),
            ("redis://:secret@cache/Lobby", "redis://:***@cache/Lobby"),
            ("chat:secret@cache/lobby", "chat:***@cache/lobby"),
            ("redis://cache/lobby/", "redis://cache/lobby/"),
            ("redis://chat@cache", "redis://chat@cache"),
            ("redis://chat:secret/@cache", "redis://chat:***@cache"),
        ] {
            assert_eq!(without_password(text), shown);
        }
    }

    #[test]
    fn only_what_goes_over_a_network_in_plain_can_be_read_there() {
        for (text, is) in [
            ("redis://cache/a", true),
            ("redis://localhost/a", false),
            ("redis://127.0.0.2/a", false),
            ("redis://[::1]/a", false),
            ("rediss://cache/a", false),
            ("redis+sentinel://localhost,cache/m/a", true),
            ("redis+sentinel://localhost,127.0.0.1/m/a", false),
        ] {
            let url = SharedUrl::parse(text).expect("it is one");
            assert_eq!(url.is_readable_on_the_way(), is, "{text}");
        }
    }
}
