//! A client that stays: its connection, and what it has got.

use crate::line::{self, Line};
use crate::link::Link;

/// The sender of lines that are not counted.
pub const NOBODY: usize = 0xffff;

/// A client that stays.
pub struct Member {
    /// Its connection.
    pub link: Link,
    /// How many lines it has sent.
    pub sent: u32,
    /// The beginning of a line that has come in part.
    carry: Vec<u8>,
    /// By sender, the number that comes next.
    next: Vec<u32>,
    /// How many lines of the senders it has got.
    pub received: u64,
    /// How many of these came again, or after a later one.
    pub again: u64,
    /// How many lines of visitors it has got.
    pub heard: u64,
    /// Grows out of what came in which order.
    pub order: u64,
}

impl Member {
    /// One that has got nothing.
    pub fn new(link: Link, senders: usize) -> Member {
        Member {
            link,
            sent: 0,
            carry: Vec::new(),
            next: vec![0; senders],
            received: 0,
            again: 0,
            heard: 0,
            order: 0,
        }
    }

    /// Puts the beginning of a line to the front of the buffer, and gives its length.
    pub fn carried(&self, buffer: &mut [u8]) -> usize {
        buffer[..self.carry.len()].copy_from_slice(&self.carry);
        self.carry.len()
    }

    /// Takes the lines in what has come, those numbered below `lines`, and hands each on.
    pub fn take_all(
        &mut self,
        bytes: &[u8],
        length: usize,
        lines: u32,
        mut on_line: impl FnMut(Line),
    ) {
        let senders = self.next.len();
        let left = line::scan(bytes, length, |line| {
            // Others than those who are counted speak too, and some programs garble lines.
            if line.sender < senders && line.number < lines {
                self.take(line);
                on_line(line);
            } else if line.sender == NOBODY {
                self.heard += 1;
            }
        });
        self.carry.clear();
        self.carry.extend_from_slice(&bytes[bytes.len() - left..]);
    }

    /// Counts a line.
    fn take(&mut self, line: Line) {
        self.received += 1;
        let next = &mut self.next[line.sender];
        if line.number < *next {
            self.again += 1;
        } else {
            *next = line.number + 1;
        }
        let what = (line.sender as u64) << 32 | u64::from(line.number);
        self.order = (self.order ^ what).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    }
}
