//! What joining and asking cost in a large room: `cargo bench --bench crowd -- [MEMBERS [SERVERS]]`.
//!
//! Rooms on so many servers (1,2 unless told), those of several over a Redis without a file, each get MEMBERS clients
//! (2,000 unless told) that read all that they are sent. Then one client after the other joins, asks `/who`, and leaves.
//! Printed are how long each takes until its answer has come whole, the processor time and the switches of threads that it
//! costs the servers, what it costs Redis, and what memory the servers take.

use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};
use tempfile::TempDir;

mod process;

/// How many join one after the other.
const JOINS: usize = 50;

/// How long a client waits for what it is told.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long the room may take until everybody has been told of everybody.
const REST: Duration = Duration::from_secs(5);

/// How many of a crowd come at a time.
const AT_ONCE: usize = 200;

fn main() -> io::Result<()> {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if let [crowd, address, count] = &arguments[..]
        && crowd == "crowd"
    {
        let address = address.parse().expect("an address");
        return Crowd::gather(address, count.parse().expect("a number"))?.stay();
    }
    let members = arguments.first().map_or(2_000, |count| count.parse().expect("a number"));
    println!("| {members} members | p50 ms | worst ms | CPU, servers | switches | CPU, Redis |");
    println!("| --- | --- | --- | --- | --- | --- |");
    let stolen = process::stolen();
    let mut memory = String::new();
    let servers = arguments.get(1).map_or("1,2", String::as_str);
    for servers in servers.split(',').map(|count| count.parse().expect("a number")) {
        let room = Room::open(servers, members)?;
        room.measure()?;
        room.tell_memory(&mut memory);
    }
    print!("\n{memory}");
    if let Some((before, after)) = stolen.zip(process::stolen()) {
        println!("the machine's host took {:?} of its processors away meanwhile", after - before);
    }
    Ok(())
}

/// A process that is ended with this.
struct Program(Child);

impl Program {
    fn start(command: &mut Command) -> io::Result<Program> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        command.spawn().map(Program)
    }

    /// The first line that it prints.
    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        BufReader::new(self.0.stdout.take().expect("a pipe")).read_line(&mut line)?;
        Ok(line)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// The servers, what they share, and those who are there.
struct Room {
    /// They go first.
    _crowds: Vec<Program>,
    servers: Vec<(Program, SocketAddr)>,
    store: Option<Program>,
    _folder: TempDir,
}

impl Room {
    fn open(servers: usize, members: usize) -> io::Result<Room> {
        let folder = TempDir::new()?;
        let (store, shared) = if servers == 1 { (None, None) } else { begin_store(folder.path())? };
        let share = members.div_ceil(servers);
        let server = |_| begin_server(folder.path(), share, shared);
        let servers = (0..servers).map(server).collect::<io::Result<Vec<_>>>()?;
        let mut crowds = Vec::new();
        for (_, address) in &servers {
            let mut crowd = Command::new(std::env::current_exe()?);
            let mut crowd =
                Program::start(crowd.args(["crowd", &address.to_string(), &share.to_string()]))?;
            if crowd.line()?.trim() != "all are there" {
                return Err(io::Error::other("not all clients could join"));
            }
            crowds.push(crowd);
        }
        Ok(Room { _crowds: crowds, servers, store, _folder: folder })
    }

    /// What the servers have or have used in all.
    fn total<T: std::iter::Sum>(&self, of_process: impl Fn(u32) -> Option<T>) -> Option<T> {
        self.servers.iter().map(|(server, _)| of_process(server.0.id())).sum()
    }

    /// On how many servers it is.
    fn size(&self) -> String {
        let servers = self.servers.len();
        format!("{servers} server{}", if servers == 1 { "" } else { "s" })
    }

    /// What memory the servers take.
    fn tell_memory(&self, to: &mut String) {
        let megabytes = |bytes: u64| bytes >> 20;
        if let Some((now, most)) = self.total(process::memory).zip(self.total(process::peak_memory))
        {
            let (size, now, most) = (self.size(), megabytes(now), megabytes(most));
            writeln!(to, "{size}: {now} MB, {most} MB at most").expect("a String takes all");
        }
    }

    /// Prints what a join and a `/who` cost.
    fn measure(&self) -> io::Result<()> {
        std::thread::sleep(REST);
        let size = self.size();
        let mut clients = Vec::new();
        let joins = self.timed(|number| {
            let mut client = Client::connect(self.servers[0].1)?;
            client.ask(&format!("/nick newcomer{number}\n"), b"-- you are ")?;
            clients.push(client);
            Ok(())
        })?;
        println!("| a join, {size} | {joins} |");
        let mut asks = clients.iter_mut();
        let asked = self.timed(|_| asks.next().expect("one for each").ask("/who\n", b" here"))?;
        println!("| `/who`, {size} | {asked} |");
        Ok(())
    }

    /// Does it again and again, and says what that took.
    fn timed(&self, mut act: impl FnMut(usize) -> io::Result<()>) -> io::Result<String> {
        let of_store = || self.store.as_ref().and_then(|store| process::cpu(store.0.id()));
        let used = || (self.total(process::cpu), self.total(process::switches), of_store());
        let before = used();
        let mut times = Vec::new();
        for number in 0..JOINS {
            let begun = Instant::now();
            act(number)?;
            times.push(begun.elapsed());
        }
        // What it has brought about goes on for a while.
        std::thread::sleep(REST);
        let after = used();
        times.sort();
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        let each = |spent: Option<f64>, unit| match spent {
            Some(spent) => format!("{:.1}{unit}", spent / JOINS as f64),
            None => "–".to_owned(),
        };
        let spent = |before: Option<Duration>, after: Option<Duration>| {
            each(before.zip(after).map(|(before, after)| ms(after - before)), " ms")
        };
        let switched = before.1.zip(after.1);
        let switched = each(switched.map(|(before, after)| (after - before) as f64), "");
        Ok(format!(
            "{:.2} | {:.2} | {} | {switched} | {}",
            ms(times[JOINS / 2]),
            ms(times[JOINS - 1]),
            spent(before.0, after.0),
            spent(before.2, after.2),
        ))
    }
}

/// A Redis without a file.
fn begin_store(folder: &Path) -> io::Result<(Option<Program>, Option<SocketAddr>)> {
    let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
    let mut command = Command::new("redis-server");
    command.args(["--bind", "127.0.0.1", "--save", "", "--port", &address.port().to_string()]);
    let store = Program::start(command.arg("--dir").arg(folder))?;
    let begun = Instant::now();
    while TcpStream::connect(address).is_err() {
        if begun.elapsed() > PATIENCE {
            return Err(ErrorKind::TimedOut.into());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok((Some(store), Some(address)))
}

/// A server for so many clients, alone or of the room of that store.
fn begin_server(
    folder: &Path,
    clients: usize,
    store: Option<SocketAddr>,
) -> io::Result<(Program, SocketAddr)> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chatserver"));
    let most = (clients + JOINS + 8).to_string();
    command.args(["127.0.0.1", "0", "--rate-limit", "0", "--max-clients", &most]);
    command.args(["--max-per-address", "0", "--history", "none"]);
    if let Some(store) = store {
        command.args(["--shared", &format!("redis://{store}/crowd")]);
    }
    command.env("XDG_STATE_HOME", folder).env_remove("STATE_DIRECTORY");
    let mut server = Program::start(&mut command)?;
    let line = server.line()?;
    let address = line.trim().rsplit(' ').next().and_then(|address| address.parse().ok());
    Ok((server, address.ok_or_else(|| io::Error::other(format!("no server: {line}")))?))
}

/// A client that waits for what it has asked for.
struct Client {
    stream: TcpStream,
}

impl Client {
    fn connect(address: SocketAddr) -> io::Result<Client> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Client { stream })
    }

    /// Says something, and reads until the line is whole that has that in it.
    fn ask(&mut self, said: &str, answer: &[u8]) -> io::Result<()> {
        self.stream.write_all(said.as_bytes())?;
        let mut heard = Vec::new();
        let mut some = vec![0; 1 << 16];
        loop {
            if let Some(at) = memchr::memmem::find(&heard, answer)
                && heard[at..].contains(&b'\n')
            {
                return Ok(());
            }
            match self.stream.read(&mut some)? {
                0 => return Err(ErrorKind::UnexpectedEof.into()),
                length => heard.extend_from_slice(&some[..length]),
            }
        }
    }
}

/// Clients that read all that they are sent, in a process of their own: a process has only so many connections.
struct Crowd {
    poll: Poll,
    streams: Vec<mio::net::TcpStream>,
}

impl Crowd {
    /// Joins with so many.
    fn gather(address: SocketAddr, count: usize) -> io::Result<Crowd> {
        let mut crowd = Crowd { poll: Poll::new()?, streams: Vec::new() };
        while crowd.streams.len() < count {
            let from = crowd.streams.len();
            for number in from..count.min(from + AT_ONCE) {
                let stream = TcpStream::connect(address)?;
                (&stream).write_all(format!("/nick m{}x{number}\n", address.port()).as_bytes())?;
                stream.set_nonblocking(true)?;
                let mut stream = mio::net::TcpStream::from_std(stream);
                crowd.poll.registry().register(&mut stream, Token(number), Interest::READABLE)?;
                crowd.streams.push(stream);
            }
            crowd.be_welcome(from)?;
        }
        Ok(crowd)
    }

    /// Waits until each from that one on has its name.
    fn be_welcome(&mut self, from: usize) -> io::Result<()> {
        let mut missing = self.streams.len() - from;
        let begun = Instant::now();
        while missing > 0 {
            if begun.elapsed() > PATIENCE {
                return Err(ErrorKind::TimedOut.into());
            }
            self.read(|number, bytes| {
                let is_welcome = memchr::memmem::find(bytes, b"-- you are ").is_some();
                missing -= usize::from(number >= from && is_welcome);
            })?;
        }
        Ok(())
    }

    /// Says so, and reads until it is ended.
    fn stay(mut self) -> io::Result<()> {
        println!("all are there");
        loop {
            self.read(|_, _| ())?;
        }
    }

    /// Reads what has come, for a second at most.
    fn read(&mut self, mut on_bytes: impl FnMut(usize, &[u8])) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        let mut some = vec![0; 1 << 16];
        self.poll.poll(&mut events, Some(Duration::from_secs(1)))?;
        for event in &events {
            let Token(number) = event.token();
            loop {
                match self.streams[number].read(&mut some) {
                    Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                    Ok(length) => on_bytes(number, &some[..length]),
                    Err(why) if why.kind() == ErrorKind::WouldBlock => break,
                    Err(why) => return Err(why),
                }
            }
        }
        Ok(())
    }
}
