//! The programs that are measured: how each is started, joined and spoken to.

use std::io::{self, Read};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a program may take to listen.
const START: Duration = Duration::from_secs(10);

/// A program that passes lines on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    Chatroom,
    /// The same, and half of its clients get the tagged form.
    Tagged,
    /// The same with a history, in a folder for temporary files.
    History,
    /// Another build of it, `chatserver-before` in the path.
    Before,
    Ncat,
    Nats,
    Redis,
    /// Tokio's chat example, a queue for each client.
    Tokio,
}

impl Target {
    pub const OTHERS: [Target; 7] = [
        Target::Tagged,
        Target::History,
        Target::Before,
        Target::Ncat,
        Target::Nats,
        Target::Redis,
        Target::Tokio,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Target::Chatroom => "chatroom",
            Target::Tagged => "tagged",
            Target::History => "history",
            Target::Before => "before",
            Target::Ncat => "ncat",
            Target::Nats => "nats",
            Target::Redis => "redis",
            Target::Tokio => "tokio",
        }
    }

    fn program(self) -> &'static str {
        match self {
            Target::Chatroom | Target::Tagged | Target::History => {
                env!("CARGO_BIN_EXE_chatserver")
            }
            Target::Before => "chatserver-before",
            Target::Ncat => "ncat",
            Target::Nats => "nats-server",
            Target::Redis => "redis-server",
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
        matches!(self, Target::Chatroom | Target::Tagged | Target::History)
    }

    /// Whether a sender gets its own lines back.
    pub fn echoes(self) -> bool {
        self == Target::Redis
    }

    /// What a client says first. For the `number`th one.
    pub fn hello(self, number: usize) -> String {
        match self {
            Target::Tagged if number.is_multiple_of(2) => format!("/tags\n/nick c{number}\n"),
            Target::Chatroom | Target::Tagged | Target::History | Target::Before => {
                format!("/nick c{number}\n")
            }
            Target::Tokio => format!("c{number}\n"),
            Target::Ncat => String::new(),
            Target::Nats => "CONNECT {\"verbose\":false,\"pedantic\":false,\"echo\":false}\r\n\
                             SUB room 1\r\nPING\r\n"
                .to_owned(),
            // The third version of the protocol lets one connection subscribe and publish.
            Target::Redis => "HELLO 3\r\nSUBSCRIBE room\r\n".to_owned(),
        }
    }

    /// What the program has answered once the client is there.
    pub fn welcome(self) -> &'static [u8] {
        match self {
            Target::Chatroom | Target::Tagged | Target::History | Target::Before => b"-- you are ",
            Target::Ncat => b"<announce>",
            Target::Nats => b"PONG",
            Target::Redis => b"subscribe",
            Target::Tokio => b"enter your username",
        }
    }

    /// Appends `line` as the program wants it.
    pub fn publish(self, line: &[u8], to: &mut Vec<u8>) {
        let length = line.len();
        let before = match self {
            Target::Chatroom
            | Target::Tagged
            | Target::History
            | Target::Before
            | Target::Ncat
            | Target::Tokio => String::new(),
            Target::Nats => format!("PUB room {length}\r\n"),
            Target::Redis => format!("*3\r\n$7\r\nPUBLISH\r\n$4\r\nroom\r\n${length}\r\n"),
        };
        to.extend_from_slice(before.as_bytes());
        to.extend_from_slice(line);
        to.extend_from_slice(match self {
            Target::Nats | Target::Redis => b"\r\n",
            Target::Chatroom
            | Target::Tagged
            | Target::History
            | Target::Before
            | Target::Ncat
            | Target::Tokio => b"\n",
        });
    }

    /// Starts the program for so many clients, and waits until it listens.
    pub fn start(self, clients: usize) -> io::Result<Running> {
        let port = free_port()?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut command = Command::new(self.program());
        command.args(self.arguments(port, clients));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        // By the variable: an older build would not take the option.
        let folder = if self == Target::History { Some(Folder::new(port)?) } else { None };
        let file = folder.as_ref().map(|folder| folder.0.join("room.db"));
        command.env("CHATROOM_HISTORY", file.unwrap_or_else(|| "none".into()));
        let running = Running { process: command.spawn()?, address, _folder: folder };
        let deadline = Instant::now() + START;
        loop {
            match TcpStream::connect(address) {
                Ok(probe) => {
                    part(probe);
                    return Ok(running);
                }
                Err(why) if Instant::now() > deadline => return Err(why),
                Err(_) => std::thread::sleep(Duration::from_millis(10)),
            }
        }
    }

    /// Without limits of rate on any side.
    fn arguments(self, port: u16, clients: usize) -> Vec<String> {
        let (port, clients) = (port.to_string(), (clients + 8).to_string());
        let address = format!("127.0.0.1:{port}");
        let arguments: &[&str] = match self {
            Target::Chatroom | Target::Tagged | Target::History | Target::Before => {
                &["127.0.0.1", &port, "--max-clients", &clients, "--rate-limit", "0"]
            }
            Target::Ncat => &["-l", "--chat", "--max-conns", &clients, "127.0.0.1", &port],
            Target::Nats => &["-a", "127.0.0.1", "-p", &port],
            Target::Tokio => &[&address],
            Target::Redis => &[
                "--bind",
                "127.0.0.1",
                "--port",
                &port,
                "--save",
                "",
                "--appendonly",
                "no",
                "--maxclients",
                &clients,
                "--client-output-buffer-limit",
                "pubsub 0 0 0",
            ],
        };
        arguments.iter().map(ToString::to_string).collect()
    }
}

/// A started program; dropped, it is ended.
#[derive(Debug)]
pub struct Running {
    process: Child,
    pub address: SocketAddr,
    /// Where it has its history, if it keeps one. It goes after the process.
    _folder: Option<Folder>,
}

/// A folder for temporary files, of which nothing stays.
#[derive(Debug)]
struct Folder(PathBuf);

impl Folder {
    /// For the program at that port.
    fn new(port: u16) -> io::Result<Folder> {
        let path =
            std::env::temp_dir().join(format!("chatroom-bench-{}-{port}", std::process::id()));
        std::fs::create_dir(&path)?;
        Ok(Folder(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

impl Running {
    pub fn id(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Leaves, and waits until the program has seen it.
fn part(mut probe: TcpStream) {
    probe.shutdown(std::net::Shutdown::Write).ok();
    probe.set_read_timeout(Some(Duration::from_secs(1))).ok();
    while matches!(probe.read(&mut [0; 1024]), Ok(1..)) {}
}
