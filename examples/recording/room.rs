//! A real server, and the members whom the film does not show.

use std::env::{self, consts::EXE_SUFFIX};
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use super::Result;
use super::wire::Wire;

/// A server on a free port, which ends when this is dropped.
pub(crate) struct Room {
    server: Child,
    /// Where the server is. The filmed client gets there by way of the wire.
    port: u16,
    pub(crate) wire: Wire,
    /// Where the programs are, and where they run: the client's log does no harm there.
    pub(crate) folder: PathBuf,
}

impl Room {
    /// Starts the server that was built along with this program.
    pub(crate) fn open() -> Result<Room> {
        let example = env::current_exe()?;
        let folder = example.ancestors().nth(2).ok_or("this program is in no folder")?;
        let program = folder.join(format!("chatserver{EXE_SUFFIX}"));
        let state = folder.join("recording");
        // Of an earlier film nobody is to be known.
        if state.exists() {
            fs::remove_dir_all(&state)?;
        }
        let mut server = Command::new(&program)
            .args(["127.0.0.1", "0", "--history"])
            .arg(state.join("room.db"))
            .env("XDG_STATE_HOME", &state)
            // Or it would take what is typed in the terminal that this program is run in.
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|why| format!("{}: {why}; run cargo build first", program.display()))?;
        match await_port(&mut server).and_then(|port| Ok((port, Wire::to(port)?))) {
            Ok((port, wire)) => Ok(Room { server, port, wire, folder: folder.to_owned() }),
            Err(why) => {
                server.kill().ok();
                server.wait().ok();
                Err(why)
            }
        }
    }

    /// What makes a shell find `chatclient`, which finds the room, and look the same everywhere.
    pub(crate) fn environment(&self) -> Result<[(&str, String); 7]> {
        let paths = env::var_os("PATH").unwrap_or_default();
        let paths = [self.folder.clone()].into_iter().chain(env::split_paths(&paths));
        Ok([
            ("PATH", env::join_paths(paths)?.to_string_lossy().into_owned()),
            ("CHATROOM_HOST", "127.0.0.1".to_owned()),
            ("CHATROOM_PORT", self.wire.port.to_string()),
            ("PS1", "$ ".to_owned()),
            ("TERM", "xterm-256color".to_owned()),
            ("TZ", "UTC".to_owned()),
            // What is sent in the film is no one's to call back.
            ("XDG_STATE_HOME", self.folder.join("recording").to_string_lossy().into_owned()),
        ])
    }

    /// A plain socket, as `nc` has. What comes is not read: it fits into the socket.
    pub(crate) fn connect(&self) -> Result<TcpStream> {
        Ok(TcpStream::connect(("127.0.0.1", self.port))?)
    }
}

/// Waits until the server says where it listens.
fn await_port(server: &mut Child) -> Result<u16> {
    let stdout = server.stdout.take().ok_or("the server is mute")?;
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line)?;
    let port = line.trim_end().strip_prefix("listening on 127.0.0.1:");
    Ok(port.ok_or_else(|| format!("the server says {line:?}"))?.parse()?)
}

impl Drop for Room {
    fn drop(&mut self) {
        self.server.kill().ok();
        self.server.wait().ok();
    }
}
