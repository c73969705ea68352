//! Starts the programs and ends them.

use std::io::{self, Read};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::dialect::Dialect;
use crate::jetstream;
use crate::link::tls::Opening;
use crate::ngircd;
use crate::site::Union;
use crate::supplies::Supplies;
use crate::target::Target;

/// How long a program may take to listen.
const START: Duration = Duration::from_secs(10);

/// A started program; dropped, it is ended.
#[derive(Debug)]
pub struct Running {
    /// It ends when this is dropped.
    process: Child,
    /// Where it listens.
    pub address: SocketAddr,
    /// How TLS connections to it are opened; `None` if it is spoken to in plain.
    pub tls: Option<Opening>,
    /// Where it has its files. It goes after the process.
    _folder: TempDir,
}

impl Running {
    /// Starts the program by itself, for so many clients, and waits until it listens.
    pub fn start(target: Target, clients: usize, supplies: &Supplies) -> io::Result<Running> {
        let alone = Union { ports: free_ports(1)?, ..Union::default() };
        Running::start_in(target, clients, &alone, 0, supplies)
    }

    /// The same in the union, at that place.
    pub fn start_in(
        target: Target,
        clients: usize,
        union: &Union,
        place: usize,
        supplies: &Supplies,
    ) -> io::Result<Running> {
        let port = union.ports[place];
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let folder = tempfile::tempdir()?;
        let mut command = Command::new(target.program());
        command.args(arguments(target, port, clients, &folder, supplies));
        command.args(union_arguments(target, union, place));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        prepare(target, &mut command, &folder, supplies)?;
        if target == Target::Ngircd {
            std::fs::write(settings(&folder), ngircd::settings(port, union, place))?;
        }
        let process = command
            .spawn()
            .map_err(|why| io::Error::new(why.kind(), format!("{}: {why}", target.program())))?;
        let mut running = Running { process, address, tls: target.tls(), _folder: folder };
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
            if let Some(status) = running.process.try_wait()? {
                let program = target.program();
                return Err(io::Error::other(format!("{program} has ended: {status}")));
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
fn arguments(
    target: Target,
    port: u16,
    clients: usize,
    folder: &TempDir,
    supplies: &Supplies,
) -> Vec<String> {
    let (port, clients) = (port.to_string(), (clients + 8).to_string());
    let address = format!("127.0.0.1:{port}");
    let arguments: Vec<&str> = match target {
        Target::Chatroom
        | Target::Tagged
        | Target::History
        | Target::Filled
        | Target::Searched
        | Target::Tls
        | Target::Before
        | Target::SharedEverysec => {
            vec!["127.0.0.1", &port, "--max-clients", &clients, "--rate-limit", "0"]
        }
        Target::Ncat => vec!["-l", "--chat", "--max-conns", &clients, "127.0.0.1", &port],
        Target::Nats | Target::NatsTls | Target::JetStream => {
            return nats_arguments(target, &port, folder, supplies);
        }
        Target::Redis | Target::RedisTls | Target::RedisEverysec | Target::RedisAlways => {
            return redis_arguments(target, &port, &clients, folder, supplies);
        }
        Target::Tokio => vec![&address],
        // Without becoming a daemon.
        Target::Ngircd => return owned(&["-n", "-f", &shown(&settings(folder))]),
    };
    owned(&arguments)
}

/// What makes it one of several servers, where that is not in a file.
fn union_arguments(target: Target, union: &Union, place: usize) -> Vec<String> {
    if let Some(store) = union.store {
        return owned(&["--shared", &format!("redis://{store}/bench")]);
    }
    if target == Target::Nats && !union.routes.is_empty() {
        let at = |port: &u16| format!("nats://127.0.0.1:{port}");
        let all: Vec<String> = union.routes.iter().map(at).collect();
        let own = &all[place];
        return owned(&["--cluster_name", "room", "--cluster", own, "--routes", &all.join(",")]);
    }
    Vec::new()
}

/// ngircd's settings.
fn settings(folder: &TempDir) -> PathBuf {
    folder.path().join("ngircd.conf")
}

/// Those of NATS.
fn nats_arguments(
    target: Target,
    port: &str,
    folder: &TempDir,
    supplies: &Supplies,
) -> Vec<String> {
    let mut arguments = owned(&["-a", "127.0.0.1", "-p", port]);
    if target == Target::JetStream {
        arguments.extend(owned(&["-js", "-sd", &shown(folder.path())]));
    }
    if target.tls().is_some() {
        let (certificate, key) = (shown(&supplies.certificate()), shown(&supplies.key()));
        arguments.extend(owned(&["--tls", "--tlscert", &certificate, "--tlskey", &key]));
    }
    arguments
}

/// Those of Redis.
fn redis_arguments(
    target: Target,
    port: &str,
    clients: &str,
    folder: &TempDir,
    supplies: &Supplies,
) -> Vec<String> {
    let mut arguments = owned(&["--bind", "127.0.0.1", "--dir", &shown(folder.path())]);
    arguments.extend(owned(&["--save", "", "--maxclients", clients]));
    // Or it would drop subscribers that lag.
    arguments.extend(owned(&["--client-output-buffer-limit", "pubsub 0 0 0"]));
    if target.dialect() == Dialect::RedisStream {
        let sync = if target == Target::RedisAlways { "always" } else { "everysec" };
        arguments.extend(owned(&["--appendonly", "yes", "--appendfsync", sync]));
    }
    if target.tls().is_some() {
        let (certificate, key) = (shown(&supplies.certificate()), shown(&supplies.key()));
        arguments.extend(owned(&["--port", "0", "--tls-port", port, "--tls-auth-clients", "no"]));
        arguments.extend(owned(&["--tls-cert-file", &certificate, "--tls-key-file", &key]));
    } else {
        arguments.extend(owned(&["--port", port]));
    }
    arguments
}

/// As a command takes them.
fn owned(arguments: &[&str]) -> Vec<String> {
    arguments.iter().map(ToString::to_string).collect()
}

/// A path as an argument.
fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// The environment, which only the server looks at. An older build would not take all of its options.
fn prepare(
    target: Target,
    command: &mut Command,
    folder: &TempDir,
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
    // Who connects decides whether a connection is encrypted. The server's key goes with its folder.
    command.env_remove("CHATROOM_TLS").env_remove("STATE_DIRECTORY");
    command.env("XDG_STATE_HOME", folder.path());
    Ok(())
}

/// So many ports at which nobody listens.
pub fn free_ports(count: usize) -> io::Result<Vec<u16>> {
    let bind = |_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    // All at once, so that none comes twice.
    let listeners = (0..count).map(bind).collect::<io::Result<Vec<_>>>()?;
    listeners.iter().map(|listener| Ok(listener.local_addr()?.port())).collect()
}

/// Leaves, and waits until the program has seen it.
pub fn part(mut probe: TcpStream) {
    probe.shutdown(std::net::Shutdown::Write).ok();
    probe.set_read_timeout(Some(Duration::from_secs(1))).ok();
    while matches!(probe.read(&mut [0; 1024]), Ok(1..)) {}
}
