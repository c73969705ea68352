//! Where a server is, as people write it: `host`, `host:port`, `[address]:port`, `tcp://host:port`. Pure.

use std::num::NonZeroU16;

use crate::protocol::DEFAULT_ADDRESS;

/// Parses an address or a host name. A number alone, or behind a colon, is a port in the wrong place, which would
/// otherwise be taken for an address or a name; brackets belong to an IPv6 address.
///
/// # Errors
///
/// What is wrong with it, for the user.
pub fn host(text: &str) -> Result<String, String> {
    if let Some((_, behind)) = text.split_once("://") {
        let place = behind.split(['/', '?', '#']).next().filter(|place| !place.is_empty());
        let place = place.unwrap_or(DEFAULT_ADDRESS);
        return Err(format!("that is a URL; give the address alone: {}", as_words(place)));
    }
    let port = text.strip_prefix(':').unwrap_or(text);
    if is_number(port) {
        return Err(format!("that is a port; give the address first: {DEFAULT_ADDRESS} {port}"));
    }
    if with_port(text).is_some() {
        return Err(format!("give the port as a word of its own: {}", as_words(text)));
    }
    let host = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    if host.is_empty() {
        return Err("give an address or a host name".to_owned());
    }
    Ok(host.to_owned())
}

/// The place of a server: its address or name, and its port if that is given with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The address or the name.
    pub host: String,
    /// The port, if it is given.
    pub port: Option<u16>,
}

/// Parses the place of a server to connect to: an address or a host name, alone or in one of the forms that other
/// programs print, `host:port`, `[address]:port` and `tcp://host:port`.
///
/// # Errors
///
/// What is wrong with it, for the user.
pub fn place(text: &str) -> Result<Place, String> {
    let tcp = text.strip_prefix("tcp://").map(|place| place.strip_suffix('/').unwrap_or(place));
    let text = tcp.unwrap_or(text);
    let (host, port) = match with_port(text) {
        Some((host, number)) => {
            let port = port(number).map_err(|_| "its port must be a number from 1 to 65535")?;
            (host.to_owned(), Some(port))
        }
        None => (host(text)?, None),
    };
    Ok(Place { host, port })
}

/// The places of one server, or of several with commas between them. There is at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places(Vec<Place>);

impl Places {
    /// Whether each has its port, so that another one is for none of them.
    pub(crate) fn have_ports(&self) -> bool {
        self.0.iter().all(|place| place.port.is_some())
    }

    /// The places, in the order in which they are given.
    #[must_use]
    pub fn all(&self) -> &[Place] {
        &self.0
    }
}

/// Parses the places of the servers of one room, with commas between them.
///
/// # Errors
///
/// What is wrong with the first one that is wrong, for the user.
pub fn places(text: &str) -> Result<Places, String> {
    if !text.contains(',') {
        return Ok(Places(vec![place(text)?]));
    }
    let entry = |text: &str| match text.trim() {
        "" => Err("there is nothing before or behind one of the commas".to_owned()),
        text => place(text).and_then(with_one_port).map_err(|why| format!("{text}: {why}")),
    };
    text.split(',').map(entry).collect::<Result<_, _>>().map(Places)
}

/// The place, unless what stands behind its one colon is no port: no name has a colon, and an IPv6 address has more.
fn with_one_port(place: Place) -> Result<Place, String> {
    match place.host.matches(':').count() {
        1 => Err("its port must be a number from 1 to 65535".to_owned()),
        _ => Ok(place),
    }
}

/// The host and the port of `host:port` or `[address]:port`. An IPv6 address has more colons.
fn with_port(text: &str) -> Option<(&str, &str)> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => rest.split_once("]:")?,
        None => text.split_once(':')?,
    };
    (!host.is_empty() && is_number(port)).then_some((host, port))
}

pub(crate) fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A host, and its port if it has one, as they are given on the command line.
fn as_words(text: &str) -> String {
    with_port(text).map_or_else(|| text.to_owned(), |(host, port)| format!("{host} {port}"))
}

/// Parses the port of a server to connect to.
///
/// # Errors
///
/// What is wrong with it, for the user.
pub fn port(text: &str) -> Result<u16, String> {
    text.parse::<NonZeroU16>()
        .map(NonZeroU16::get)
        .map_err(|_| "it must be a number from 1 to 65535".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_servers_have_commas_between_them_and_a_wrong_one_is_named() {
        let read = |text: &str| {
            let places = places(text)?;
            let place = |it: &Place| (it.host.clone(), it.port);
            Ok(places.all().iter().map(place).collect::<Vec<_>>())
        };
        let place = |host: &str, port| (host.to_owned(), port);
        assert_eq!(read("chat.lan"), Ok(vec![place("chat.lan", None)]));
        let three = vec![place("a", None), place("b", Some(5001)), place("fe80::1", Some(5001))];
        assert_eq!(read("a,b:5001,[fe80::1]:5001"), Ok(three.clone()));
        assert_eq!(read(" a , tcp://b:5001/,[fe80::1]:5001 "), Ok(three));
        let nothing = "there is nothing before or behind one of the commas";
        let port = "its port must be a number from 1 to 65535";
        for (text, told) in [
            ("a,", nothing.to_owned()),
            (",", nothing.to_owned()),
            ("a,,b", nothing.to_owned()),
            ("a,b:0,c", format!("b:0: {port}")),
            ("a,b:x", format!("b:x: {port}")),
            ("a,b:", format!("b:: {port}")),
            ("a,5001", "5001: that is a port; give the address first: 127.0.0.1 5001".to_owned()),
            ("http://a,b", "http://a: that is a URL; give the address alone: a".to_owned()),
            ("b:0", port.to_owned()),
        ] {
            assert_eq!(read(text), Err(told), "{text}");
        }
    }

    #[test]
    fn a_port_in_the_wrong_place_is_told_where_it_belongs() {
        let first = "that is a port; give the address first: 127.0.0.1 5000";
        for (text, told) in [
            ("5000", first),
            (":5000", first),
            ("host:5000", "give the port as a word of its own: host 5000"),
            ("[::1]:5000", "give the port as a word of its own: ::1 5000"),
            ("tcp://10.0.0.1:5000", "that is a URL; give the address alone: 10.0.0.1 5000"),
            ("http://host/room", "that is a URL; give the address alone: host"),
        ] {
            assert_eq!(host(text), Err(told.to_owned()));
        }
    }

    #[test]
    fn a_server_is_given_in_any_form_that_others_print() {
        for (text, host, port) in [
            ("chat.lan", "chat.lan", None),
            ("127.0.0.1:5000", "127.0.0.1", Some(5000)),
            ("[::1]:5000", "::1", Some(5000)),
            ("[::1]", "::1", None),
            ("::1", "::1", None),
            ("chat.lan:6000", "chat.lan", Some(6000)),
            ("tcp://10.0.0.1:5000", "10.0.0.1", Some(5000)),
            ("tcp://chat.lan/", "chat.lan", None),
        ] {
            assert_eq!(place(text), Ok(Place { host: host.to_owned(), port }), "{text}");
        }
        for text in
            ["chat.lan:0", "chat.lan:65536", "http://chat.lan", "5000", ":5000", "", "tcp://"]
        {
            assert!(place(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_host_has_no_port() {
        let cases = [
            ("chat.local", Some("chat.local")),
            ("127.0.0.1", Some("127.0.0.1")),
            ("[::1]", Some("::1")),
            ("::1", Some("::1")),
            ("::", Some("::")),
            ("::5000", Some("::5000")),
            ("fe80::1%eth0", Some("fe80::1%eth0")),
            ("5000", None),
            ("chat.local:5000", None),
            ("", None),
            ("[]", None),
        ];
        for (text, expected) in cases {
            assert_eq!(host(text).ok().as_deref(), expected, "{text}");
        }
    }
}
