//! Starts the programs and ends them.

use std::io::{self, Read};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::dialect::Dialect;
use crate::jetstream;
use crate::supplies::{Folder, Supplies};
use crate::target::Target;

/// How long a program may take to listen.
const START: Duration = Duration::from_secs(10);

/// A started program; dropped, it is ended.
#[derive(Debug)]
pub struct Running {
    process: Child,
    /// Where it listens.
    pub address: SocketAddr,
    /// Where it has its files. It goes after the process.
    _folder: Folder,
}

impl Running {
    /// Starts the program for so many clients, and waits until it listens.
    pub fn start(target: Target, clients: usize, supplies: &Supplies) -> io::Result<Running> {
        let port = free_port()?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let folder = Folder::new(&format!("{}-{port}", target.name()))?;
        let mut command = Command::new(target.program());
        command.args(arguments(target, port, clients, &folder));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        prepare(target, &mut command, &folder, supplies)?;
        let running = Running { process: command.spawn()?, address, _folder: folder };
        let deadline = Instant::now() + START;
        loop {
            match TcpStream::connect(address) {
                Ok(probe) => {
                    part(probe);
                    break;
                }
                Err(why) if Instant::now() > deadline => return Err(why),
                Err(_) => std::thread::sleep(Duration::from_millis(10)),
            }
        }
        if target == Target::JetStream {
            jetstream::make_stream(address)?;
        }
        Ok(running)
    }

    /// The process's number.
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

/// Without limits of rate on any side.
fn arguments(target: Target, port: u16, clients: usize, folder: &Folder) -> Vec<String> {
    let (port, clients) = (port.to_string(), (clients + 8).to_string());
    let address = format!("127.0.0.1:{port}");
    let folder = folder.path().display().to_string();
    let mut arguments: Vec<&str> = match target {
        Target::Chatroom
        | Target::Tagged
        | Target::History
        | Target::Filled
        | Target::Searched
        | Target::Before => {
            vec!["127.0.0.1", &port, "--max-clients", &clients, "--rate-limit", "0"]
        }
        Target::Ncat => vec!["-l", "--chat", "--max-conns", &clients, "127.0.0.1", &port],
        Target::Nats => vec!["-a", "127.0.0.1", "-p", &port],
        Target::JetStream => vec!["-a", "127.0.0.1", "-p", &port, "-js", "-sd", &folder],
        Target::Tokio => vec![&address],
        Target::Redis | Target::RedisEverysec | Target::RedisAlways => {
            let mut common = vec!["--bind", "127.0.0.1", "--port", &port, "--save", ""];
            common.extend(["--dir", &folder, "--maxclients", &clients]);
            // Or it would drop subscribers that lag.
            common.extend(["--client-output-buffer-limit", "pubsub 0 0 0"]);
            common
        }
    };
    if target.dialect() == Dialect::RedisStream {
        let sync = if target == Target::RedisAlways { "always" } else { "everysec" };
        arguments.extend(["--appendonly", "yes", "--appendfsync", sync]);
    }
    arguments.iter().map(ToString::to_string).collect()
}

/// The environment, which only the server looks at. An older build would not take all of its options.
fn prepare(
    target: Target,
    command: &mut Command,
    folder: &Folder,
    supplies: &Supplies,
) -> io::Result<()> {
    let history = folder.path().join("room.db");
    if target.is_filled() {
        std::fs::copy(supplies.filled(), &history)?;
    }
    let keeps = target == Target::History || target.is_filled();
    command.env("CHATROOM_HISTORY", if keeps { history } else { "none".into() });
    // What the file has in it has been said long ago.
    command.env("CHATROOM_KEEP", "forever");
    Ok(())
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
