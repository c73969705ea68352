//! What clients say to a program, and how they know its answers. Pure.

use crate::jetstream;

/// The languages of the programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// The server's, in the plain form.
    Room,
    /// The same, and each second client wants the tagged form.
    HalfTagged,
    /// Lines, and nothing else.
    Ncat,
    /// Lines, and the first one is a name.
    Tokio,
    /// NATS's, on one subject.
    Nats,
    /// The same, and each client is a consumer of the stream behind the subject.
    JetStream,
    /// Redis's, on one channel.
    Redis,
    /// The same, and a sender appends each line to a stream before it publishes it.
    RedisStream,
    /// IRC, in one channel.
    Irc,
}

impl Dialect {
    /// Whether a sender gets its own lines back.
    pub fn echoes(self) -> bool {
        matches!(self, Dialect::JetStream | Dialect::Redis | Dialect::RedisStream)
    }

    /// What a client says first. For the `number`th one.
    pub fn hello(self, number: usize) -> String {
        match self {
            Dialect::HalfTagged if number.is_multiple_of(2) => format!("/tags\n/nick c{number}\n"),
            Dialect::Room | Dialect::HalfTagged => format!("/nick c{number}\n"),
            Dialect::Tokio => format!("c{number}\n"),
            Dialect::Ncat => String::new(),
            Dialect::Nats => format!("{}SUB room 1\r\nPING\r\n", jetstream::CONNECT),
            Dialect::JetStream => jetstream::hello(number),
            // The third version of the protocol lets one connection subscribe and publish.
            Dialect::Redis | Dialect::RedisStream => "HELLO 3\r\nSUBSCRIBE room\r\n".to_owned(),
            Dialect::Irc => format!("NICK c{number}\r\nUSER c 0 * :c\r\nJOIN #room\r\n"),
        }
    }

    /// What the program has answered once the client is there.
    pub fn welcome(self) -> &'static [u8] {
        match self {
            Dialect::Room | Dialect::HalfTagged => b"-- you are ",
            Dialect::Ncat => b"<announce>",
            Dialect::Nats => b"PONG",
            Dialect::JetStream => jetstream::WELCOME,
            Dialect::Redis | Dialect::RedisStream => b"subscribe",
            Dialect::Tokio => b"enter your username",
            // The end of the list of the channel's members.
            Dialect::Irc => b" 366 ",
        }
    }

    /// Appends `line` as the program wants it.
    pub fn publish(self, line: &[u8], to: &mut Vec<u8>) {
        let length = line.len();
        let publish = || format!("*3\r\n$7\r\nPUBLISH\r\n$4\r\nroom\r\n${length}\r\n");
        match self {
            Dialect::Room | Dialect::HalfTagged | Dialect::Ncat | Dialect::Tokio => {
                enclose("", line, "\n", to);
            }
            Dialect::Nats | Dialect::JetStream => {
                enclose(&format!("PUB room {length}\r\n"), line, "\r\n", to);
            }
            Dialect::Redis => enclose(&publish(), line, "\r\n", to),
            Dialect::Irc => enclose("PRIVMSG #room :", line, "\r\n", to),
            // Redis writes its file before it sends anything of what it has executed.
            Dialect::RedisStream => {
                let append = format!(
                    "*8\r\n$4\r\nXADD\r\n$4\r\nroom\r\n$6\r\nMAXLEN\r\n$1\r\n~\r\n$6\r\n100000\r\n\
                     $1\r\n*\r\n$1\r\nl\r\n${length}\r\n"
                );
                enclose(&append, line, "\r\n", to);
                enclose(&publish(), line, "\r\n", to);
            }
        }
    }
}

/// Appends `line` between two texts.
fn enclose(before: &str, line: &[u8], after: &str, to: &mut Vec<u8>) {
    to.extend_from_slice(before.as_bytes());
    to.extend_from_slice(line);
    to.extend_from_slice(after.as_bytes());
}
