//! What is done in place of joining a room: listing the known servers, forgetting one, and finding rooms.

use std::io::{self, Write};
use std::path::PathBuf;

use super::find::rooms;
use super::known_servers::file::KnownServersFile;
use super::known_servers::{Address, Known, Trust};
use crate::client::config::ServerAddress;
use crate::problem::Problem;

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Errand {
    /// Forget the servers at these addresses.
    Forget(Vec<ServerAddress>),
    /// List the servers that are known.
    List,
    /// List the rooms that are announced on this network.
    Find,
}

impl Errand {
    /// Does it to the file at this path, if there is a place for one, and writes what it says to `out`.
    ///
    /// # Errors
    ///
    /// No server is known at one of the addresses, no room is found, or the file cannot be read or written.
    pub fn run(&self, path: Option<PathBuf>, out: &mut impl Write) -> Result<(), Problem> {
        let file = || path.clone().map(KnownServersFile::new);
        match self {
            Errand::Find => find(path, out),
            Errand::List => list(file().as_ref(), out),
            Errand::Forget(servers) => forget(file().as_ref(), servers, out),
        }
    }
}

fn list(file: Option<&KnownServersFile>, out: &mut impl Write) -> Result<(), Problem> {
    let Some(file) = file else { return Ok(()) };
    let known = file.read().map_err(|why| Problem::System("read which servers are known", why))?;
    let width = known.all().map(|it| it.address.to_string().chars().count()).max().unwrap_or(0);
    let mut lines = Vec::new();
    for Known { address, trust, since } in known.all() {
        let trust = match trust {
            Trust::Key(key) => key.to_string(),
            Trust::Ca => "certificate authority".to_owned(),
        };
        lines.push(format!("{:<width$}   {trust:<23}   {since}", address.to_string()));
    }
    write_list(&lines, out)
}

fn find(path: Option<PathBuf>, out: &mut impl Write) -> Result<(), Problem> {
    let rooms = rooms(path)?;
    if rooms.is_empty() { Err(Problem::NoRoomsFound) } else { write_list(&rooms, out) }
}

fn write_list(lines: &[String], out: &mut impl Write) -> Result<(), Problem> {
    match lines.iter().try_for_each(|line| writeln!(out, "{line}")) {
        // Whoever reads it has had enough, as `head` does.
        Err(why) if why.kind() != io::ErrorKind::BrokenPipe => {
            Err(Problem::System("write the list", why))
        }
        _ => Ok(()),
    }
}

/// Forgets those that are known, whether or not the others are.
fn forget(
    file: Option<&KnownServersFile>,
    servers: &[ServerAddress],
    out: &mut impl Write,
) -> Result<(), Problem> {
    let mut unknown = Vec::new();
    for address in servers.iter().map(|it| Address::new(&it.host, it.port)) {
        if forget_one(file, &address)? {
            // It is done, whether or not somebody reads it.
            writeln!(out, "the server at {address} is forgotten").ok();
        } else {
            unknown.push(address.to_string());
        }
    }
    if unknown.is_empty() { Ok(()) } else { Err(Problem::UnknownServer(unknown.join(", "))) }
}

/// Forgets the server at this address, and says whether one was known there.
fn forget_one(file: Option<&KnownServersFile>, address: &Address) -> Result<bool, Problem> {
    let Some(file) = file else { return Ok(false) };
    let cannot = |why| Problem::System("forget the server", why);
    // Nothing is made where nothing is.
    if file.read().map_err(cannot)?.at(address).next().is_none() {
        return Ok(false);
    }
    let mut lines = 0;
    let changed = file.change(|known| {
        lines = known.forget(address);
        lines > 0
    });
    changed.map_err(cannot)?;
    Ok(lines > 0)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::test_folder::Folder;

    #[test]
    fn known_servers_are_listed_and_forgotten() {
        let home = Folder::new();
        let folder = home.file("chatroom");
        let path = folder.join("known_servers");
        let run = |errand: Errand| {
            let mut out = Vec::new();
            let done = errand.run(Some(path.clone()), &mut out).map_err(|why| why.to_string());
            done.map(|()| String::from_utf8(out).expect("it is text"))
        };
        let forget = |hosts: &str| {
            let server = |host: &str| ServerAddress { host: host.to_owned(), port: 5000 };
            run(Errand::Forget(hosts.split(',').map(server).collect()))
        };
        assert_eq!(run(Errand::List), Ok(String::new()));
        assert_eq!(forget("a"), Err("no server is known at a:5000".to_owned()));
        assert!(!folder.exists(), "nothing is made");
        fs::create_dir(&folder).expect("ours");
        let key = crate::tls::ServerKey::of_spki(b"a key");
        let text = format!(
            "# mine\na:5000 key:{} 2026-11-28\nchat.example.org:5000 ca 2026-11-27\n",
            key.whole()
        );
        fs::write(&path, text).expect("ours");
        let listed = format!(
            "a:5000                  {key}   2026-11-28\n\
             chat.example.org:5000   certificate authority     2026-11-27\n"
        );
        assert_eq!(run(Errand::List), Ok(listed));
        assert_eq!(forget("A"), Ok("the server at a:5000 is forgotten\n".to_owned()));
        assert_eq!(forget("a"), Err("no server is known at a:5000".to_owned()));
        let both = forget("a,chat.example.org,b");
        assert_eq!(both, Err("no server is known at a:5000, b:5000".to_owned()));
        let left = fs::read_to_string(&path).expect("it is there");
        assert_eq!(left, "# mine\n");
    }
}
