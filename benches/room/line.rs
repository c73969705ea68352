//! The line that the load is made of: who sent it, as which number, and when.
//!
//! It is written and read in a few nanoseconds, so that the load costs less than what it measures,
//! and it is text, so that every program passes it on. A number is written in base 16 with the
//! letters from `@` to `O`, whose low four bits are the digit.

use memchr::memchr;

/// How many bytes a line has, without its end, where nothing else is said.
pub const LENGTH: usize = 100;

/// Begins a line, and is found nowhere else in what the programs send.
const MARK: u8 = b'^';

/// Ends a line. Where it is missing, the program has put something of its own in the middle.
const END: u8 = b'!';

const SENDER: std::ops::Range<usize> = 1..5;
const NUMBER: std::ops::Range<usize> = 5..11;
const TIME: std::ops::Range<usize> = 11..23;

/// What a line says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    pub sender: usize,
    pub number: u32,
    /// Nanoseconds since the load began.
    pub sent_at: u64,
}

impl Line {
    pub fn bytes(self, length: usize) -> Vec<u8> {
        let mut bytes = vec![b'x'; length];
        bytes[0] = MARK;
        bytes[length - 1] = END;
        write(&mut bytes[SENDER], self.sender as u64);
        write(&mut bytes[NUMBER], u64::from(self.number));
        write(&mut bytes[TIME], self.sent_at);
        bytes
    }
}

fn write(into: &mut [u8], mut number: u64) {
    for byte in into.iter_mut().rev() {
        *byte = b'@' | (number & 15) as u8;
        number >>= 4;
    }
}

fn read(from: &[u8]) -> u64 {
    from.iter().fold(0, |number, byte| number << 4 | u64::from(byte & 15))
}

/// Calls `take` for every line of `length` bytes in `bytes`, and gives how many bytes are left over
/// at the end: the beginning of a line.
pub fn scan(bytes: &[u8], length: usize, mut take: impl FnMut(Line)) -> usize {
    let mut at = 0;
    while let Some(found) = memchr(MARK, &bytes[at..]) {
        let start = at + found;
        let Some(line) = bytes.get(start..start + length) else { return bytes.len() - start };
        if line[length - 1] != END {
            at = start + 1;
            continue;
        }
        take(Line {
            sender: read(&line[SENDER]) as usize,
            number: read(&line[NUMBER]) as u32,
            sent_at: read(&line[TIME]),
        });
        at = start + length;
    }
    0
}
