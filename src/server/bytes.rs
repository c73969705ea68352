//! Values as bytes, for the log that several servers share and for their snapshots: little-endian, without padding and
//! without names. Pure.
//!
//! What is read may be any bytes: nothing here panics, and nothing takes more memory than the bytes have.

use std::net::IpAddr;
use std::time::Duration;

/// Takes values, and becomes bytes.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    /// What has been written.
    bytes: Vec<u8>,
}

impl Writer {
    /// How many bytes have been written.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Adds bytes as they are.
    pub(crate) fn raw(&mut self, bytes: &[u8]) -> &mut Writer {
        self.bytes.extend_from_slice(bytes);
        self
    }

    /// Adds a value.
    pub(crate) fn put(&mut self, value: &impl Coded) -> &mut Writer {
        value.write(self);
        self
    }

    /// Adds a text, with its length before it.
    pub(crate) fn text(&mut self, text: &str) -> &mut Writer {
        self.put(&(text.len() as u32)).raw(text.as_bytes())
    }

    /// Adds a number of values, and then these.
    pub(crate) fn list<'a, T: Coded + 'a>(&mut self, values: impl ExactSizeIterator<Item = &'a T>) {
        self.put(&(values.len() as u32));
        for value in values {
            self.put(value);
        }
    }

    /// Adds what `write` writes, with its length before it.
    pub(crate) fn framed(&mut self, write: impl FnOnce(&mut Writer)) {
        let at = self.bytes.len();
        self.put(&0_u32);
        write(self);
        let length = (self.bytes.len() - at - size_of::<u32>()) as u32;
        self.bytes[at..at + size_of::<u32>()].copy_from_slice(&length.to_le_bytes());
    }

    /// Forgets what stands behind the first so many bytes.
    pub(crate) fn truncate(&mut self, length: usize) {
        self.bytes.truncate(length);
    }

    /// The bytes so far.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// Bytes from which values are read, one after the other. Each is `None` if the bytes are not one.
#[derive(Debug, Clone)]
pub(crate) struct Reader<'a> {
    /// What has not been read.
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { rest: bytes }
    }

    /// Whether everything has been read.
    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// So many bytes.
    pub(crate) fn raw(&mut self, length: usize) -> Option<&'a [u8]> {
        let (read, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(read)
    }

    /// The next value.
    pub(crate) fn get<T: Coded>(&mut self) -> Option<T> {
        T::read(self)
    }

    /// A text, as [`Writer::text`] has written it.
    pub(crate) fn text(&mut self) -> Option<&'a str> {
        let length = self.get::<u32>()?;
        str::from_utf8(self.raw(length as usize)?).ok()
    }

    /// Values, as [`Writer::list`] has written them.
    pub(crate) fn list<T: Coded>(&mut self) -> Option<Vec<T>> {
        let count = self.get::<u32>()?;
        // Collected one by one: the number may be any, and the bytes are few.
        let mut values = Vec::new();
        for _ in 0..count {
            values.push(self.get()?);
        }
        Some(values)
    }

    /// What stands in a frame, as [`Writer::framed`] has written it.
    pub(crate) fn framed(&mut self) -> Option<Reader<'a>> {
        let length = self.get::<u32>()?;
        self.raw(length as usize).map(Reader::new)
    }
}

/// A value that can be written and read.
pub(crate) trait Coded: Sized {
    /// Writes it.
    fn write(&self, out: &mut Writer);

    /// Reads one; `None` if the bytes are none.
    fn read(bytes: &mut Reader<'_>) -> Option<Self>;
}

macro_rules! numbers {
    ($($number:ty),*) => { $(
        impl Coded for $number {
            fn write(&self, out: &mut Writer) {
                out.raw(&self.to_le_bytes());
            }

            fn read(bytes: &mut Reader<'_>) -> Option<$number> {
                bytes.raw(size_of::<$number>())?.try_into().ok().map(<$number>::from_le_bytes)
            }
        }
    )* };
}

numbers!(u8, u16, u32, u64, i64);

impl<T: Coded> Coded for Vec<T> {
    fn write(&self, out: &mut Writer) {
        out.list(self.iter());
    }

    fn read(bytes: &mut Reader<'_>) -> Option<Vec<T>> {
        bytes.list()
    }
}

impl Coded for bool {
    fn write(&self, out: &mut Writer) {
        out.put(&u8::from(*self));
    }

    fn read(bytes: &mut Reader<'_>) -> Option<bool> {
        match bytes.get::<u8>()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

impl Coded for [u8; 32] {
    fn write(&self, out: &mut Writer) {
        out.raw(self);
    }

    fn read(bytes: &mut Reader<'_>) -> Option<[u8; 32]> {
        bytes.raw(32)?.try_into().ok()
    }
}

impl Coded for String {
    fn write(&self, out: &mut Writer) {
        out.text(self);
    }

    fn read(bytes: &mut Reader<'_>) -> Option<String> {
        bytes.text().map(str::to_owned)
    }
}

impl Coded for Box<str> {
    fn write(&self, out: &mut Writer) {
        out.text(self);
    }

    fn read(bytes: &mut Reader<'_>) -> Option<Box<str>> {
        bytes.text().map(Box::from)
    }
}

impl<T: Coded> Coded for Option<T> {
    fn write(&self, out: &mut Writer) {
        out.put(&self.is_some());
        if let Some(value) = self {
            out.put(value);
        }
    }

    fn read(bytes: &mut Reader<'_>) -> Option<Option<T>> {
        if bytes.get()? { bytes.get().map(Some) } else { Some(None) }
    }
}

impl<A: Coded, B: Coded> Coded for (A, B) {
    fn write(&self, out: &mut Writer) {
        out.put(&self.0).put(&self.1);
    }

    fn read(bytes: &mut Reader<'_>) -> Option<(A, B)> {
        Some((bytes.get()?, bytes.get()?))
    }
}

/// To the millisecond.
impl Coded for Duration {
    fn write(&self, out: &mut Writer) {
        out.put(&u64::try_from(self.as_millis()).unwrap_or(u64::MAX));
    }

    fn read(bytes: &mut Reader<'_>) -> Option<Duration> {
        bytes.get().map(Duration::from_millis)
    }
}

impl Coded for IpAddr {
    fn write(&self, out: &mut Writer) {
        match self {
            IpAddr::V4(address) => {
                out.put(&4_u8);
                out.raw(&address.octets());
            }
            IpAddr::V6(address) => {
                out.put(&6_u8);
                out.raw(&address.octets());
            }
        }
    }

    fn read(bytes: &mut Reader<'_>) -> Option<IpAddr> {
        match bytes.get::<u8>()? {
            4 => Some(<[u8; 4]>::try_from(bytes.raw(4)?).ok()?.into()),
            6 => Some(<[u8; 16]>::try_from(bytes.raw(16)?).ok()?.into()),
            _ => None,
        }
    }
}

/// Writes and reads a struct field by field, in this order.
macro_rules! coded {
    ($name:ident { $($field:ident),* }) => {
        impl Coded for $name {
            fn write(&self, out: &mut Writer) {
                let $name { $($field),* } = self;
                $(out.put($field);)*
            }

            fn read(bytes: &mut Reader<'_>) -> Option<$name> {
                Some($name { $($field: bytes.get()?),* })
            }
        }
    };
}

pub(crate) use coded;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_read_as_it_was_written_and_a_part_of_its_bytes_is_none() {
        let mut out = Writer::default();
        out.put(&Some(7_u16));
        out.put(&None::<u64>);
        out.text("héllo");
        out.list([(1_u8, true), (2, false)].iter());
        out.framed(|out| IpAddr::from([192, 0, 2, 1]).write(out));
        out.put(&Duration::from_millis(1500));
        let read = |bytes: &[u8]| {
            let mut bytes = Reader::new(bytes);
            let values = (
                bytes.get::<Option<u16>>()?,
                bytes.get::<Option<u64>>()?,
                bytes.text()?.to_owned(),
                bytes.list::<(u8, bool)>()?,
                bytes.framed()?.get::<IpAddr>()?,
                bytes.get::<Duration>()?,
            );
            bytes.is_empty().then_some(values)
        };
        let bytes = out.into_bytes();
        let list = vec![(1, true), (2, false)];
        let (address, time) = ([192, 0, 2, 1].into(), Duration::from_millis(1500));
        let written = (Some(7), None, "héllo".to_owned(), list, address, time);
        assert_eq!(read(&bytes), Some(written));
        assert!((0..bytes.len()).all(|length| read(&bytes[..length]).is_none()));
    }

    #[test]
    fn a_number_of_values_that_are_not_there_takes_no_memory() {
        assert_eq!(Reader::new(&[0xff; 4]).list::<u64>(), None);
        assert_eq!(Reader::new(&[0xff; 4]).text(), None);
        assert_eq!(Reader::new(&[2]).get::<bool>(), None);
    }
}
