//! The programs that are measured: what each is called, where it is, and which language it speaks.

use std::path::Path;

use crate::dialect::Dialect;

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
    /// Another build of it, `chatserver-before` in the path.
    Before,
    /// `ncat --chat`.
    Ncat,
    /// NATS, which keeps nothing.
    Nats,
    /// NATS with a stream in files: a line is kept before it is delivered.
    JetStream,
    /// Redis, which keeps nothing.
    Redis,
    /// Redis with an append-only file that is synced once a second: as `--durability crash`, but for the last second
    /// of a machine that fails.
    RedisEverysec,
    /// The same, synced before anybody gets a line: as `--durability power`.
    RedisAlways,
    /// Tokio's chat example, a queue for each client.
    Tokio,
}

impl Target {
    /// What the server can be compared with.
    pub const OTHERS: [Target; 12] = [
        Target::Tagged,
        Target::History,
        Target::Filled,
        Target::Searched,
        Target::Before,
        Target::Ncat,
        Target::Nats,
        Target::JetStream,
        Target::Redis,
        Target::RedisEverysec,
        Target::RedisAlways,
        Target::Tokio,
    ];

    /// What it is called on the command line and in the tables.
    pub fn name(self) -> &'static str {
        match self {
            Target::Chatroom => "chatroom",
            Target::Tagged => "tagged",
            Target::History => "history",
            Target::Filled => "filled",
            Target::Searched => "searched",
            Target::Before => "before",
            Target::Ncat => "ncat",
            Target::Nats => "nats",
            Target::JetStream => "jetstream",
            Target::Redis => "redis",
            Target::RedisEverysec => "redis-everysec",
            Target::RedisAlways => "redis-always",
            Target::Tokio => "tokio",
        }
    }

    /// The program's file, with a path if it is ours.
    pub fn program(self) -> &'static str {
        match self {
            Target::Chatroom
            | Target::Tagged
            | Target::History
            | Target::Filled
            | Target::Searched => env!("CARGO_BIN_EXE_chatserver"),
            Target::Before => "chatserver-before",
            Target::Ncat => "ncat",
            Target::Nats | Target::JetStream => "nats-server",
            Target::Redis | Target::RedisEverysec | Target::RedisAlways => "redis-server",
            // It has no name of its own: that of its binary is `chat`.
            Target::Tokio => "tokio-chat",
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
            | Target::Searched => true,
            Target::Before
            | Target::Ncat
            | Target::Nats
            | Target::JetStream
            | Target::Redis
            | Target::RedisEverysec
            | Target::RedisAlways
            | Target::Tokio => false,
        }
    }

    /// What its clients speak.
    pub fn dialect(self) -> Dialect {
        match self {
            Target::Chatroom
            | Target::History
            | Target::Filled
            | Target::Searched
            | Target::Before => Dialect::Room,
            Target::Tagged => Dialect::HalfTagged,
            Target::Ncat => Dialect::Ncat,
            Target::Nats => Dialect::Nats,
            Target::JetStream => Dialect::JetStream,
            Target::Redis => Dialect::Redis,
            Target::RedisEverysec | Target::RedisAlways => Dialect::RedisStream,
            Target::Tokio => Dialect::Tokio,
        }
    }

    /// Whether its history has much in it when it starts.
    pub fn is_filled(self) -> bool {
        matches!(self, Target::Filled | Target::Searched)
    }
}
