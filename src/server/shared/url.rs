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

/// Why a text is no URL of a shared room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BadUrl {
    /// It has none of the forms.
    Form,
    /// There is a slash before the host: one in a password has to be encoded.
    SlashInLogin,
    /// A `%` is not followed by two digits, or what that gives is no text.
    Encoding,
    /// The user cannot be one.
    User,
    /// There is no host.
    NoHost,
    /// The host cannot be one: the text.
    Host(String),
    /// An IPv6 address has no brackets.
    NoBrackets,
    /// Several hosts are named, and no Sentinels are asked.
    ManyHosts,
    /// The port cannot be one: the text.
    Port(String),
    /// There is no name of a master.
    NoMaster,
    /// The master cannot be one: the text.
    Master(String),
    /// There is no room.
    NoRoom,
    /// The room has a character that none has.
    Room(char),
    /// The room has so many bytes.
    LongRoom(usize),
}

/// A password, which nothing shows.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Password(pub(crate) String);

impl SharedUrl {
    /// Parses a URL.
    ///
    /// # Errors
    ///
    /// What is wrong with it, without anything that may be a part of a password.
    pub fn parse(text: &str) -> Result<SharedUrl, BadUrl> {
        let (scheme, rest) = text.split_once("://").ok_or(BadUrl::Form)?;
        if !["redis", "rediss", "redis+sentinel"].contains(&scheme) {
            return Err(BadUrl::Form);
        }
        let (authority, path) = rest.split_once('/').ok_or(BadUrl::NoRoom)?;
        if path.contains('@') {
            return Err(BadUrl::SlashInLogin);
        }
        let (login, hosts) = match authority.rsplit_once('@') {
            Some((login, hosts)) => (Some(login), hosts),
            None => (None, authority),
        };
        let (user, password) = login.map_or(Ok((None, None)), parse_login)?;
        let (way, room) = match scheme {
            "redis+sentinel" => {
                let (master, room) = path.split_once('/').ok_or(BadUrl::NoMaster)?;
                let sentinels = hosts.split(',').map(|host| Node::parse(host, SENTINEL_PORT));
                let sentinels = sentinels.collect::<Result<Vec<_>, _>>()?;
                (Way::Sentinels { sentinels, master: parse_master(master)? }, room)
            }
            _ if hosts.contains(',') => return Err(BadUrl::ManyHosts),
            "rediss" => (Way::Tls(Node::parse(hosts, REDIS_PORT)?), path),
            _ => (Way::Plain(Node::parse(hosts, REDIS_PORT)?), path),
        };
        Ok(SharedUrl { way, user, password, room: RoomName::parse(room)? })
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

/// A user, a password or both, as `USER:PASSWORD`.
fn parse_login(login: &str) -> Result<(Option<String>, Option<Password>), BadUrl> {
    let (user, password) = match login.split_once(':') {
        Some((user, password)) => (user, Some(decode(password).ok_or(BadUrl::Encoding)?)),
        None => (login, None),
    };
    let user = decode(user).ok_or(BadUrl::Encoding)?;
    // Redis' own names have none of those, and the user is shown.
    if user.chars().any(|c| c.is_control() || c.is_whitespace() || "@/:".contains(c)) {
        return Err(BadUrl::User);
    }
    Ok(((!user.is_empty()).then_some(user), password.map(Password)))
}

/// The names that a Sentinel takes for a master.
fn parse_master(name: &str) -> Result<String, BadUrl> {
    let is_right = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    if name.is_empty() {
        return Err(BadUrl::NoMaster);
    }
    if !name.bytes().all(is_right) {
        return Err(BadUrl::Master(name.to_owned()));
    }
    Ok(name.to_owned())
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
    fn parse(text: &str, default_port: u16) -> Result<Node, BadUrl> {
        let bad_host = || BadUrl::Host(text.to_owned());
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (host, port) = rest.split_once(']').ok_or_else(bad_host)?;
                let is_ipv6 = matches!(host.parse(), Ok(IpAddr::V6(_)));
                (is_ipv6.then_some(host).ok_or_else(bad_host)?, port)
            }
            None if text.matches(':').count() > 1 => return Err(BadUrl::NoBrackets),
            None => text.split_at(text.find(':').unwrap_or(text.len())),
        };
        let is_right = |c: char| c.is_alphanumeric() || ".-_:".contains(c);
        if host.is_empty() {
            return Err(BadUrl::NoHost);
        }
        if !host.chars().all(is_right) {
            return Err(bad_host());
        }
        let port = match port {
            "" => default_port,
            port => parse_port(port.strip_prefix(':').ok_or_else(bad_host)?)?,
        };
        Ok(Node { host: host.to_owned(), port })
    }

    /// Whether it is on this machine.
    fn is_here(&self) -> bool {
        let address = self.host.parse::<IpAddr>();
        self.host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    }
}

fn parse_port(text: &str) -> Result<u16, BadUrl> {
    let port = text.parse().ok().filter(|port| *port != 0);
    port.ok_or_else(|| BadUrl::Port(text.to_owned()))
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
    fn parse(text: &str) -> Result<RoomName, BadUrl> {
        let is_right = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
        match text.chars().find(|c| !is_right(*c)) {
            Some(character) => Err(BadUrl::Room(character)),
            None if text.is_empty() => Err(BadUrl::NoRoom),
            None if text.len() > LONGEST_ROOM => Err(BadUrl::LongRoom(text.len())),
            None => Ok(RoomName(text.to_owned())),
        }
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

/// What is wrong, and what is right.
impl fmt::Display for BadUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadUrl::Form => f.write_str(
                "it must be redis://HOST/ROOM, rediss://HOST/ROOM or \
                 redis+sentinel://HOST,HOST/MASTER/ROOM",
            ),
            BadUrl::SlashInLogin => {
                f.write_str("there is an @ behind a /: write / as %2F and @ as %40 in a password")
            }
            BadUrl::Encoding => f.write_str(
                "a % in the user or the password must begin two hexadecimal digits of UTF-8: \
                 write % itself as %25",
            ),
            BadUrl::User => f.write_str("the user cannot have spaces, @, / or : in it"),
            BadUrl::NoHost => f.write_str("there is no host in it: give redis://HOST/ROOM"),
            BadUrl::Host(host) => write!(f, "{host:?} is no host"),
            BadUrl::NoBrackets => {
                f.write_str("an IPv6 address stands in brackets: redis://[::1]/ROOM")
            }
            BadUrl::ManyHosts => f.write_str(
                "several hosts are for Sentinels alone: redis+sentinel://HOST,HOST/MASTER/ROOM",
            ),
            BadUrl::Port(port) => write!(f, "{port:?} is no port: it must be from 1 to 65535"),
            BadUrl::NoMaster => {
                f.write_str("there is no master in it: give redis+sentinel://HOST,HOST/MASTER/ROOM")
            }
            BadUrl::Master(master) => write!(
                f,
                "{master:?} is no master: its name must be of letters, digits, ., - and _"
            ),
            BadUrl::NoRoom => f.write_str("there is no room in it: give redis://HOST/ROOM"),
            BadUrl::Room(character) => write!(
                f,
                "the room cannot have {character:?} in it: its name must be of a-z, 0-9, - and _"
            ),
            BadUrl::LongRoom(bytes) => {
                write!(f, "the room has a name of {bytes} bytes: {LONGEST_ROOM} is the most")
            }
        }
    }
}

impl std::error::Error for BadUrl {}

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
    fn what_is_wrong_with_anything_else_is_told() {
        let long = format!("redis://cache/{}", "x".repeat(33));
        let host = |text: &str| BadUrl::Host(text.to_owned());
        let port = |text: &str| BadUrl::Port(text.to_owned());
        for (text, why) in [
            ("", BadUrl::Form),
            ("cache", BadUrl::Form),
            ("cache/lobby", BadUrl::Form),
            ("http://cache/lobby", BadUrl::Form),
            ("REDIS://cache/lobby", BadUrl::Form),
            ("redis://cache", BadUrl::NoRoom),
            ("redis://cache/", BadUrl::NoRoom),
            ("redis:///lobby", BadUrl::NoHost),
            ("redis://chat@/lobby", BadUrl::NoHost),
            ("redis://:6379/lobby", BadUrl::NoHost),
            ("redis://cache/lobby/", BadUrl::Room('/')),
            ("redis://cache/0/lobby", BadUrl::Room('/')),
            ("redis://cache/lobby?db=1", BadUrl::Room('?')),
            ("redis://cache/Lobby", BadUrl::Room('L')),
            ("redis://cache/lob by", BadUrl::Room(' ')),
            ("redis://cache/l\u{f6}bby", BadUrl::Room('\u{f6}')),
            (&long, BadUrl::LongRoom(33)),
            ("redis://cache:0/lobby", port("0")),
            ("redis://cache:65536/lobby", port("65536")),
            ("redis://cache:abc/lobby", port("abc")),
            ("redis://cache:/lobby", port("")),
            ("redis://[::1]:-1/lobby", port("-1")),
            ("redis://a,b/lobby", BadUrl::ManyHosts),
            ("redis://::1/lobby", BadUrl::NoBrackets),
            ("redis://[::1/lobby", host("[::1")),
            ("redis://[::1]6379/lobby", host("[::1]6379")),
            ("redis://[cache]/lobby", host("[cache]")),
            ("redis://ca che/lobby", host("ca che")),
            ("redis://a%2:b@cache/lobby", BadUrl::Encoding),
            ("redis://a:100%@cache/lobby", BadUrl::Encoding),
            ("redis://a%ff:b@cache/lobby", BadUrl::Encoding),
            ("redis://a%0a:b@cache/lobby", BadUrl::User),
            ("redis://chat:se/cret@cache/lobby", BadUrl::SlashInLogin),
            ("redis+sentinel://cache/lobby", BadUrl::NoMaster),
            ("redis+sentinel://cache//lobby", BadUrl::NoMaster),
            ("redis+sentinel://cache,/mymaster/lobby", BadUrl::NoHost),
            ("redis+sentinel://cache/my master/lobby", BadUrl::Master("my master".to_owned())),
            ("redis+sentinel://cache/mymaster/", BadUrl::NoRoom),
        ] {
            assert_eq!(SharedUrl::parse(text).map(drop), Err(why), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_shows_nothing_of_a_password() {
        for text in [
            "redis://chat:se/cret@cache/lobby",
            "redis://chat:secret%@cache/lobby",
            "redis://chat:secret@cache:x/lobby",
            "redis://chat:secret@/lobby",
            "redis://chat:secret@cache",
        ] {
            let why = SharedUrl::parse(text).expect_err("it is none").to_string();
            assert!(!why.contains("cret"), "{why}");
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
