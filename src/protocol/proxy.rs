//! The header that a proxy sends before all else, to say whose connection it passes on: HAProxy's PROXY
//! protocol, in both of its versions. Pure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// What the second version begins with.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

/// The header of a connection that is nobody else's.
pub const OF_ITS_OWN: &str = "PROXY UNKNOWN\r\n";

/// The first version's longest line, with its CR and LF, in bytes.
const LONGEST_LINE: usize = 107;

/// What the second version has before the addresses, in bytes.
const FIXED: usize = 16;

/// A header that is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Where the client connects from; `None` if the proxy speaks for itself, or does not know.
    pub client: Option<SocketAddr>,
    /// How many bytes the header has.
    pub length: usize,
}

/// The bytes are no header, whatever follows them.
#[derive(Debug, PartialEq, Eq)]
pub struct NoHeader;

/// Reads the header that a connection begins with; `None` as long as more of it is needed.
///
/// # Errors
///
/// The connection does not begin with one.
pub fn parse(bytes: &[u8]) -> Result<Option<Header>, NoHeader> {
    let common = bytes.len().min(SIGNATURE.len());
    if bytes[..common] == SIGNATURE[..common] {
        return binary(bytes);
    }
    let line = &bytes[..bytes.len().min(LONGEST_LINE)];
    match line.windows(2).position(|pair| pair == b"\r\n") {
        Some(end) => {
            let text = str::from_utf8(&line[..end]).map_err(|_| NoHeader)?;
            Ok(Some(Header { client: client_of(text)?, length: end + 2 }))
        }
        None if line.len() < LONGEST_LINE && may_go_on(line) => Ok(None),
        None => Err(NoHeader),
    }
}

/// Whether what has come of a line may be the beginning of a header.
fn may_go_on(line: &[u8]) -> bool {
    const WORD: &[u8] = b"PROXY ";
    let common = line.len().min(WORD.len());
    line[..common] == WORD[..common]
}

/// Whom a line of the first version names.
fn client_of(line: &str) -> Result<Option<SocketAddr>, NoHeader> {
    let words: Vec<&str> = line.split(' ').collect();
    match words[..] {
        ["PROXY", "UNKNOWN", ..] => Ok(None),
        ["PROXY", "TCP4", from, to, port, to_port] => {
            both::<Ipv4Addr>(from, to, port, to_port).map(Some)
        }
        ["PROXY", "TCP6", from, to, port, to_port] => {
            both::<Ipv6Addr>(from, to, port, to_port).map(Some)
        }
        _ => Err(NoHeader),
    }
}

/// The client's end, if both ends are as they are to be written.
fn both<A: FromStr + Into<IpAddr>>(
    from: &str,
    to: &str,
    port: &str,
    to_port: &str,
) -> Result<SocketAddr, NoHeader> {
    let address = |text: &str| text.parse::<A>().map_err(|_| NoHeader);
    address(to)?;
    number(to_port)?;
    Ok(SocketAddr::new(address(from)?.into(), number(port)?))
}

/// A port, without a sign or a zero in front.
fn number(text: &str) -> Result<u16, NoHeader> {
    let port = text.parse::<u16>().map_err(|_| NoHeader)?;
    if port.to_string() == text { Ok(port) } else { Err(NoHeader) }
}

/// Reads a header of the second version.
fn binary(bytes: &[u8]) -> Result<Option<Header>, NoHeader> {
    let Some((&[.., command, family, high, low], rest)) = bytes.split_first_chunk::<FIXED>() else {
        // Another version is known by the next byte.
        return if bytes.get(SIGNATURE.len()).is_none_or(|it| it >> 4 == 2) {
            Ok(None)
        } else {
            Err(NoHeader)
        };
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    if !matches!(command, 0x20 | 0x21) || family >> 4 > 3 || family & 0xf > 2 {
        return Err(NoHeader);
    }
    let Some(addresses) = rest.get(..length) else { return Ok(None) };
    let client = match (command, family) {
        (0x21, 0x11) => Some(endpoint::<4, 8>(addresses)?),
        (0x21, 0x21) => Some(endpoint::<16, 32>(addresses)?),
        _ => None,
    };
    Ok(Some(Header { client, length: FIXED + length }))
}

/// The client's end: an address of `N` bytes, and its port, which stands behind both addresses.
fn endpoint<const N: usize, const BOTH: usize>(addresses: &[u8]) -> Result<SocketAddr, NoHeader>
where
    IpAddr: From<[u8; N]>,
{
    let (address, _) = addresses.split_first_chunk::<N>().ok_or(NoHeader)?;
    let [high, low, _, _] =
        *addresses.get(BOTH..).and_then(<[u8]>::first_chunk::<4>).ok_or(NoHeader)?;
    Ok(SocketAddr::new(IpAddr::from(*address), u16::from_be_bytes([high, low])))
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    use super::*;

    /// A header of the second version, and something behind it.
    fn second(command: u8, family: u8, addresses: &[u8]) -> Vec<u8> {
        let length = u16::try_from(addresses.len()).expect("it fits").to_be_bytes();
        [&SIGNATURE[..], &[command, family], &length, addresses, b"/nick bob\n"].concat()
    }

    fn client(bytes: &[u8]) -> Option<SocketAddr> {
        parse(bytes).expect("a header").expect("a whole one").client
    }

    #[test]
    fn a_header_names_the_client_however_it_arrives() {
        let v4 = "192.0.2.1:56324".parse().ok();
        let v6 = "[2001:db8::1]:56324".parse().ok();
        let six: Vec<u8> = (0..32)
            .map(|i| [0x20, 1, 0xd, 0xb8].get(i).copied().unwrap_or(u8::from(i == 15)))
            .collect();
        let four = [192, 0, 2, 1, 192, 0, 2, 2, 220, 4, 1, 187];
        let six = [&six[..], &[220, 4, 1, 187]].concat();
        let with_more = [&four[..], &[4, 0, 2, 0, 0], &[4, 2, 0], &[0; 512]].concat();
        let cases: [(Vec<u8>, Option<SocketAddr>); 12] = [
            (b"PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n/nick bob\n".to_vec(), v4),
            (b"PROXY TCP6 2001:db8::1 ::1 56324 443\r\n/nick bob\n".to_vec(), v6),
            (b"PROXY UNKNOWN\r\n/nick bob\n".to_vec(), None),
            (b"PROXY UNKNOWN ffff::1 whatever 1 2 3\r\n/nick bob\n".to_vec(), None),
            (second(0x21, 0x11, &four), v4),
            (second(0x21, 0x11, &with_more), v4),
            (second(0x21, 0x21, &six), v6),
            (second(0x20, 0x11, &four), None),
            (second(0x20, 0, &[]), None),
            (second(0x21, 0, &[1, 2, 3]), None),
            (second(0x21, 0x12, &four), None),
            (second(0x21, 0x31, &[0; 216]), None),
        ];
        for (bytes, expected) in cases {
            let header = parse(&bytes).expect("a header").expect("a whole one");
            assert_eq!(header.client, expected, "{}", bytes.escape_ascii());
            assert_eq!(&bytes[header.length..], b"/nick bob\n");
            for end in 0..header.length {
                assert_eq!(parse(&bytes[..end]), Ok(None), "{}", bytes[..end].escape_ascii());
            }
        }
    }

    #[test]
    fn what_is_no_header_is_known_at_once() {
        let cases: [&[u8]; 22] = [
            b"/nick bob\n",
            b"P\n",
            b"proxy TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
            b"PROXY\r\n",
            b"PROXY TCP4\r\n",
            b"PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n",
            b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n",
            b"PROXY TCP4  192.0.2.1 192.0.2.2 1 2\r\n",
            b"PROXY TCP4 192.0.2.01 192.0.2.2 1 2\r\n",
            b"PROXY TCP4 192.0.2.1 ::1 1 2\r\n",
            b"PROXY TCP4 ::1 ::1 1 2\r\n",
            b"PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n",
            b"PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n",
            b"PROXY TCP4 192.0.2.1 192.0.2.2 +1 2\r\n",
            b"PROXY TCP4 192.0.2.1 192.0.2.2 1 65536\r\n",
            b"PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n",
            b"\r\n\r\n\0\r\nQUIT\n\x11",
            b"\r\n\r\n\0\r\nQUIT\n\x22\x11\0\0",
            b"\r\n\r\n\0\r\nQUIT\n\x21\x41\0\0",
            b"\r\n\r\n\0\r\nQUIT\n\x21\x13\0\0",
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0b\xc0\0\x02\x01\xc0\0\x02\x02\0\x01\0",
            b"\r\n\r\n/nick bob\n",
        ];
        for bytes in cases {
            assert_eq!(parse(bytes), Err(NoHeader), "{}", bytes.escape_ascii());
        }
        let endless = [b"PROXY UNKNOWN ".to_vec(), vec![b'x'; 200]].concat();
        assert_eq!(parse(&endless), Err(NoHeader));
        assert_eq!(parse(&endless[..106]), Ok(None));
        assert_eq!(client(&[&endless[..105], b"\r\n"].concat()), None);
    }

    proptest! {
        #[test]
        fn more_bytes_change_nothing_that_is_known(
            line in vec(any::<u8>(), 0..40),
            family in 0..0x40_u8,
            end in 0..60_usize,
        ) {
            for bytes in [second(0x21, family, &line), [&b"PROXY TCP4 "[..], &line, b"\r\n"].concat()] {
                let known = parse(&bytes[..end.min(bytes.len())]);
                prop_assert!(known == Ok(None) || known == parse(&bytes));
                if let Ok(Some(header)) = parse(&bytes) {
                    prop_assert!(header.length <= bytes.len());
                    prop_assert_eq!(parse(&bytes[..header.length]), Ok(Some(header)));
                }
            }
        }
    }
}
