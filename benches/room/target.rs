//! The programs that are measured: what each is called, where it is, and which language it speaks.

use std::path::Path;

use crate::dialect::Dialect;
use crate::link::tls::Opening;

/// A program that passes lines on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The server without a history.
    Chatroom,
    /// The same, and half of its clients get the tagged form.
    Tagged,
    /// The server with a new history, in a folder for temporary files.
    History,
    /// The same with a history in which there is much already.
    Filled,
    /// The same, and one more client searches it without a pause.
    Searched,
    /// The server over TLS.
    Tls,
    /// Another build of it, `chatserver-before` in the path.
    Before,
    /// `ncat --chat`.
    Ncat,
    /// NATS, which keeps nothing.
    Nats,
    /// The same over TLS.
    NatsTls,
    /// NATS with a stream in files: a line is kept before it is delivered.
    JetStream,
    /// Redis, which keeps nothing.
    Redis,
    /// The same over TLS.
    RedisTls,
    /// Redis with an append-only file that is synced once a second: as `--durability crash`, but for the last second
    /// of a machine that fails.
    RedisEverysec,
    /// Redis with such a file, synced before anybody gets a line: as `--durability power`.
    RedisAlways,
    /// Tokio's chat example, a queue for each client.
    Tokio,
    /// An IRC server.
    Ngircd,
    /// Several servers that share a Redis with a file, synced once a second.
    SharedEverysec,
}

/// What makes several servers one room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// They talk to each other.
    Links,
    /// A store that all of them use.
    Store(Target),
}

impl Target {
    /// What the server can be compared with.
    pub const OTHERS: [Target; 17] = [
        Target::Tagged,
        Target::History,
        Target::Filled,
        Target::Searched,
        Target::Tls,
        Target::Before,
        Target::Ncat,
        Target::Nats,
        Target::NatsTls,
        Target::JetStream,
        Target::Redis,
        Target::RedisTls,
        Target::RedisEverysec,
        Target::RedisAlways,
        Target::Tokio,
        Target::Ngircd,
        Target::SharedEverysec,
    ];

    /// What it is called on the command line and in the tables.
    pub fn name(self) -> &'static str {
        match self {
            Target::Chatroom => "chatroom",
            Target::Tagged => "tagged",
            Target::History => "history",
            Target::Filled => "filled",
            Target::Searched => "searched",
            Target::Tls => "tls",
            Target::Before => "before",
            Target::Ncat => "ncat",
            Target::Nats => "nats",
            Target::NatsTls => "nats-tls",
            Target::JetStream => "jetstream",
            Target::Redis => "redis",
            Target::RedisTls => "redis-tls",
            Target::RedisEverysec => "redis-everysec",
            Target::RedisAlways => "redis-always",
            Target::Tokio => "tokio",
            Target::Ngircd => "ngircd",
            Target::SharedEverysec => "shared-everysec",
        }
    }

    /// The program's file, with a path if it is ours.
    pub fn program(self) -> &'static str {
        match self {
            Target::Chatroom
            | Target::Tagged
            | Target::History
            | Target::Filled
            | Target::Searched
            | Target::Tls
            | Target::SharedEverysec => env!("CARGO_BIN_EXE_chatserver"),
            Target::Before => "chatserver-before",
            Target::Ncat => "ncat",
            Target::Nats | Target::NatsTls | Target::JetStream => "nats-server",
            Target::Redis | Target::RedisTls | Target::RedisEverysec | Target::RedisAlways => {
                "redis-server"
            }
            // It has no name of its own: that of its binary is `chat`.
            Target::Tokio => "tokio-chat",
            Target::Ngircd => "ngircd",
        }
    }

    /// Whether its program is there.
    pub fn is_installed(self) -> bool {
        let found = |folder: &Path| folder.join(self.program()).is_file();
        let path = std::env::var_os("PATH").unwrap_or_default();
        self.is_ours() || std::env::split_paths(&path).any(|folder| found(&folder))
    }

    /// Whether it is what is measured, and not what that is compared with.
    pub fn is_ours(self) -> bool {
        match self {
            Target::Chatroom
            | Target::Tagged
            | Target::History
            | Target::Filled
            | Target::Searched
            | Target::Tls
            | Target::SharedEverysec => true,
            Target::Before
            | Target::Ncat
            | Target::Nats
            | Target::NatsTls
            | Target::JetStream
            | Target::Redis
            | Target::RedisTls
            | Target::RedisEverysec
            | Target::RedisAlways
            | Target::Tokio
            | Target::Ngircd => false,
        }
    }

    /// What its clients speak.
    pub fn dialect(self) -> Dialect {
        match self {
            Target::Chatroom
            | Target::History
            | Target::Filled
            | Target::Searched
            | Target::Tls
            | Target::Before
            | Target::SharedEverysec => Dialect::Room,
            Target::Tagged => Dialect::HalfTagged,
            Target::Ncat => Dialect::Ncat,
            Target::Nats | Target::NatsTls => Dialect::Nats,
            Target::JetStream => Dialect::JetStream,
            Target::Redis | Target::RedisTls => Dialect::Redis,
            Target::RedisEverysec | Target::RedisAlways => Dialect::RedisStream,
            Target::Tokio => Dialect::Tokio,
            Target::Ngircd => Dialect::Irc,
        }
    }

    /// How its clients open TLS connections; `None` if they do not.
    pub fn tls(self) -> Option<Opening> {
        match self {
            Target::Tls | Target::RedisTls => Some(Opening::new(false)),
            Target::NatsTls => Some(Opening::new(true)),
            Target::Chatroom
            | Target::Tagged
            | Target::History
            | Target::Filled
            | Target::Searched
            | Target::Before
            | Target::Ncat
            | Target::Nats
            | Target::JetStream
            | Target::Redis
            | Target::RedisEverysec
            | Target::RedisAlways
            | Target::Tokio
            | Target::Ngircd
            | Target::SharedEverysec => None,
        }
    }

    /// What several of its servers share, if there can be several.
    pub fn sharing(self) -> Option<Sharing> {
        match self {
            Target::Chatroom => Some(Sharing::Store(Target::Redis)),
            Target::SharedEverysec => Some(Sharing::Store(Target::RedisEverysec)),
            Target::Nats | Target::Ngircd => Some(Sharing::Links),
            Target::Tagged
            | Target::History
            | Target::Filled
            | Target::Searched
            | Target::Tls
            | Target::Before
            | Target::Ncat
            | Target::NatsTls
            | Target::JetStream
            | Target::Redis
            | Target::RedisTls
            | Target::RedisEverysec
            | Target::RedisAlways
            | Target::Tokio => None,
        }
    }

    /// Whether it is measured where rooms are shared, or where they are not.
    pub fn takes_part(self, is_shared: bool) -> bool {
        if is_shared { self.sharing().is_some() } else { self != Target::SharedEverysec }
    }

    /// Whether its history has much in it when it starts.
    pub fn is_filled(self) -> bool {
        matches!(self, Target::Filled | Target::Searched)
    }
}
