//! The load: every client of a scenario, on one thread that waits for all of them at once.

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use memchr::memmem;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::alarm::{ALARM, Alarm};
use crate::line::{self, Line};
use crate::process;
use crate::scenario::Scenario;
use crate::target::{Running, Target};

/// The load is over when nothing has come for so long, whatever is missing.
const PATIENCE: Duration = Duration::from_secs(4);

/// The room has come to rest after the joins when nothing has come for so long.
const REST: Duration = Duration::from_millis(200);

/// How many lines a flooding sender makes at once.
const BURST: u32 = 64;

/// The longest time that is told apart, in nanoseconds.
const LONGEST: u64 = 100_000_000_000;

/// The sender of lines that are not counted.
const NOBODY: usize = 0xffff;

/// A slow reader takes `SLOW_BYTES` each `SLOW_EVERY`.
const SLOW_BYTES: usize = 1024;
const SLOW_EVERY: Duration = Duration::from_millis(100);

/// What a run has shown.
#[derive(Debug)]
pub struct Outcome {
    pub deliveries: u64,
    /// From the first line sent to the last one received.
    pub time: Duration,
    /// In nanoseconds, from send to receipt.
    pub latency: Histogram<u32>,
    /// What the server has used of the processor for it.
    pub cpu: Option<Duration>,
    /// The most memory that the server has taken, in bytes.
    pub peak_memory: Option<u64>,
    /// What each client has added to the server's memory, in bytes.
    pub memory_per_client: Option<u64>,
    /// How often the server was woken while nobody spoke.
    pub wakeups: Option<u64>,
    pub lost: u64,
    /// Lines that came again, or after a later one of the same sender.
    pub again: u64,
    /// How many different orders those who only listen have seen.
    pub orders: usize,
    /// The share of one processor that this load itself has used.
    pub own_cpu: Option<f64>,
}

struct Client {
    stream: TcpStream,
    /// What is to be sent, and how much of it was.
    out: Vec<u8>,
    out_at: usize,
    /// How many lines it has sent.
    sent: u32,
    /// The beginning of a line that has come in part.
    carry: Vec<u8>,
    /// By sender, the number that comes next.
    next: Vec<u32>,
    received: u64,
    again: u64,
    /// Grows out of what came in which order.
    order: u64,
    writable: bool,
}

/// Puts the load on a running program.
pub fn run(target: Target, scenario: &Scenario) -> io::Result<Outcome> {
    let server = target.start(scenario.most_clients())?;
    let memory_before = process::memory(server.id());
    let mut load = Load::join(target, scenario, &server)?;
    let memory_per_client = memory_before
        .zip(process::memory(server.id()))
        .map(|(before, after)| after.saturating_sub(before) / scenario.clients as u64);
    if let Some(time) = scenario.idle {
        // Who joined is told for a second longer.
        std::thread::sleep(Duration::from_millis(1200));
        let before = process::switches(server.id());
        std::thread::sleep(time);
        let after = process::switches(server.id());
        let wakeups = before.zip(after).map(|(before, after)| after.saturating_sub(before));
        let peak_memory = process::memory(server.id());
        return Ok(Outcome { memory_per_client, wakeups, peak_memory, ..load.outcome() });
    }
    let cpu_before = process::cpu(server.id());
    let own_before = process::cpu(std::process::id());
    load.speak()?;
    let elapsed = load.start.elapsed();
    let own = own_before.zip(process::cpu(std::process::id()));
    let cpu = cpu_before.zip(process::cpu(server.id())).map(|(before, after)| after - before);
    Ok(Outcome {
        cpu,
        peak_memory: process::peak_memory(server.id()),
        memory_per_client,
        own_cpu: own.map(|(before, after)| (after - before).as_secs_f64() / elapsed.as_secs_f64()),
        ..load.outcome()
    })
}

struct Load<'a> {
    target: Target,
    scenario: &'a Scenario,
    server: &'a Running,
    poll: Poll,
    alarm: Alarm,
    clients: Vec<Client>,
    /// Takes nothing.
    stalled: Option<TcpStream>,
    slow: Option<TcpStream>,
    /// Those who join, say a line and leave; `None` where one has gone.
    churn: Vec<Option<TcpStream>>,
    start: Instant,
    last_receipt: Instant,
    latency: Histogram<u32>,
    buffer: Vec<u8>,
}

impl<'a> Load<'a> {
    /// Connects everyone, and waits until the room has come to rest.
    fn join(target: Target, scenario: &'a Scenario, server: &'a Running) -> io::Result<Load<'a>> {
        let now = Instant::now();
        let poll = Poll::new()?;
        let mut load = Load {
            target,
            scenario,
            server,
            alarm: Alarm::new(&poll)?,
            poll,
            clients: Vec::new(),
            stalled: None,
            slow: None,
            churn: Vec::new(),
            start: now,
            last_receipt: now,
            latency: Histogram::new_with_max(LONGEST, 3).expect("a range that fits"),
            buffer: vec![0; 512 * 1024],
        };
        for number in 0..scenario.clients {
            let mut stream = load.connect(number)?;
            let interests = Interest::READABLE | Interest::WRITABLE;
            load.poll.registry().register(&mut stream, Token(number), interests)?;
            load.clients.push(Client::new(stream, scenario.senders));
        }
        load.be_welcome()?;
        if scenario.stalled {
            load.stalled = Some(load.connect(scenario.clients)?);
            load.slow = Some(load.connect(scenario.clients + 1)?);
        }
        load.rest()?;
        Ok(load)
    }

    fn connect(&self, number: usize) -> io::Result<TcpStream> {
        let mut stream = std::net::TcpStream::connect_timeout(&self.server.address, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.write_all(self.target.hello(number).as_bytes())?;
        stream.set_nonblocking(true)?;
        Ok(TcpStream::from_std(stream))
    }

    /// Waits until each client is there.
    fn be_welcome(&mut self) -> io::Result<()> {
        let mut greetings = vec![Vec::new(); self.clients.len()];
        let mut missing = self.clients.len();
        let mut events = Events::with_capacity(1024);
        while missing > 0 {
            self.poll.poll(&mut events, Some(PATIENCE))?;
            if events.is_empty() {
                return Err(io::Error::new(ErrorKind::TimedOut, "not everyone was welcomed"));
            }
            for event in &events {
                let Token(i) = event.token();
                let client = &mut self.clients[i];
                client.writable |= event.is_writable();
                let greeting: &mut Vec<u8> = &mut greetings[i];
                let was_welcome = memmem::find(greeting, self.target.welcome()).is_some();
                while let Some(length @ 1..) = read_some(&mut client.stream, &mut self.buffer)? {
                    greeting.extend_from_slice(&self.buffer[..length]);
                }
                let is_welcome = memmem::find(greeting, self.target.welcome()).is_some();
                missing -= usize::from(is_welcome && !was_welcome);
            }
        }
        Ok(())
    }

    fn rest(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        loop {
            self.poll.poll(&mut events, Some(REST))?;
            if events.is_empty() {
                return Ok(());
            }
            self.receive(&events)?;
        }
    }

    /// Sends everything, and receives until all has come or nothing comes any more.
    fn speak(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        self.start = Instant::now();
        self.last_receipt = self.start;
        let (mut due, mut slow_at, mut churn_at) = (0, self.start, self.start);
        let mut last_event = self.start;
        loop {
            let now = Instant::now();
            let pending = match self.scenario.every {
                None => self.flood(now)?,
                Some(every) => self.pace(&mut due, every, now)?,
            };
            if now >= slow_at
                && let Some(slow) = &mut self.slow
            {
                let _some = slow.read(&mut self.buffer[..SLOW_BYTES]);
                slow_at += SLOW_EVERY;
            }
            let speaking = self.is_speaking();
            if speaking && self.scenario.churn > 0 && now >= churn_at {
                self.come_and_go()?;
                churn_at += Duration::from_secs(1) / self.scenario.churn;
            }
            if !speaking && self.is_complete() {
                return Ok(());
            }
            let mut wait = if pending { Duration::ZERO } else { PATIENCE };
            if speaking && let Some(every) = self.scenario.every {
                wait = self.due_at(due, every).saturating_duration_since(now);
                self.alarm.ring_in(wait)?;
            }
            if self.slow.is_some() {
                wait = wait.min(SLOW_EVERY);
            }
            self.poll.poll(&mut events, Some(wait))?;
            if !events.is_empty() || pending || speaking {
                last_event = now;
            }
            self.receive(&events)?;
            if now.duration_since(last_event) > PATIENCE {
                return Ok(());
            }
        }
    }

    fn is_speaking(&self) -> bool {
        self.clients[..self.scenario.senders].iter().any(|client| client.sent < self.scenario.lines)
    }

    /// Lets every sender send what its socket takes, up to a burst; true if there is more.
    fn flood(&mut self, now: Instant) -> io::Result<bool> {
        let sent_at = (now - self.start).as_nanos() as u64;
        let mut pending = false;
        for sender in 0..self.scenario.senders {
            let client = &mut self.clients[sender];
            if client.writable && client.out.is_empty() {
                let until = self.scenario.lines.min(client.sent + BURST);
                for number in client.sent..until {
                    let line = Line { sender, number, sent_at };
                    self.target.publish(&line.bytes(self.scenario.length), &mut client.out);
                }
                client.sent = until;
            }
            client.write()?;
            pending |= client.writable && client.sent < self.scenario.lines;
        }
        Ok(pending)
    }

    /// When the `due`th line of all is to be sent: the senders take turns, evenly.
    fn due_at(&self, due: u32, every: Duration) -> Instant {
        self.start + every * due / self.scenario.senders as u32
    }

    fn pace(&mut self, due: &mut u32, every: Duration, now: Instant) -> io::Result<bool> {
        let senders = self.scenario.senders as u32;
        while *due < self.scenario.lines * senders && self.due_at(*due, every) <= now {
            let (sender, number) = ((*due % senders) as usize, *due / senders);
            // When it was due: what is late here is late for those who read it, too.
            let sent_at = (self.due_at(*due, every) - self.start).as_nanos() as u64;
            let line = Line { sender, number, sent_at };
            let client = &mut self.clients[sender];
            self.target.publish(&line.bytes(self.scenario.length), &mut client.out);
            client.sent = number + 1;
            client.write()?;
            *due += 1;
        }
        Ok(false)
    }

    /// A client joins, says a line that is not counted, and leaves.
    fn come_and_go(&mut self) -> io::Result<()> {
        // An odd one: who ends its input in the tagged form does not leave.
        let number = 2 * (self.clients.len() + 2 + self.churn.len()) + 1;
        let mut stream = self.connect(number)?;
        let line = Line { sender: NOBODY, number: 0, sent_at: 0 };
        let mut bytes = Vec::new();
        self.target.publish(&line.bytes(self.scenario.length), &mut bytes);
        stream.write_all(&bytes)?;
        stream.shutdown(Shutdown::Write)?;
        let token = Token(self.clients.len() + self.churn.len());
        self.poll.registry().register(&mut stream, token, Interest::READABLE)?;
        self.churn.push(Some(stream));
        Ok(())
    }

    fn receive(&mut self, events: &Events) -> io::Result<()> {
        for event in events {
            let Token(i) = event.token();
            if event.token() == ALARM {
                continue;
            }
            if i >= self.clients.len() {
                self.see_off(i - self.clients.len());
                continue;
            }
            self.clients[i].writable |= event.is_writable();
            if event.is_readable() {
                self.read(i)?;
            }
        }
        Ok(())
    }

    fn see_off(&mut self, i: usize) {
        let Some(stream) = &mut self.churn[i] else { return };
        while let Ok(Some(length)) = read_some(stream, &mut self.buffer) {
            if length == 0 {
                self.churn[i] = None;
                return;
            }
        }
    }

    fn read(&mut self, i: usize) -> io::Result<()> {
        let client = &mut self.clients[i];
        loop {
            let carried = client.carry.len();
            self.buffer[..carried].copy_from_slice(&client.carry);
            let room = self.buffer.len() - carried;
            let Some(length) = read_some(&mut client.stream, &mut self.buffer[carried..])? else {
                return Ok(());
            };
            if length == 0 {
                return Err(io::Error::new(ErrorKind::UnexpectedEof, "a client was dropped"));
            }
            let now = Instant::now();
            let since_start = (now - self.start).as_nanos() as u64;
            let bytes = &self.buffer[..carried + length];
            let latency = &mut self.latency;
            let (senders, lines) = (self.scenario.senders, self.scenario.lines);
            let before = client.received;
            let left = line::scan(bytes, self.scenario.length, |line| {
                // Others than those who are counted speak too, and some programs garble lines.
                if line.sender < senders && line.number < lines {
                    client.take(line);
                    latency.saturating_record(since_start.saturating_sub(line.sent_at));
                }
            });
            client.carry.clear();
            client.carry.extend_from_slice(&bytes[bytes.len() - left..]);
            if client.received > before {
                self.last_receipt = now;
            }
            // What is short has emptied the socket, and more of it will be told (epoll(7), Q9).
            if length < room {
                return Ok(());
            }
        }
    }

    fn expected(&self, i: usize) -> u64 {
        let own = usize::from(i < self.scenario.senders && !self.target.echoes());
        (self.scenario.senders - own) as u64 * u64::from(self.scenario.lines)
    }

    fn is_complete(&self) -> bool {
        self.clients.iter().enumerate().all(|(i, client)| client.received >= self.expected(i))
    }

    fn outcome(&self) -> Outcome {
        let lost = self
            .clients
            .iter()
            .enumerate()
            .map(|(i, client)| self.expected(i).saturating_sub(client.received - client.again));
        let mut orders: Vec<u64> =
            self.clients[self.scenario.senders..].iter().map(|client| client.order).collect();
        orders.sort_unstable();
        orders.dedup();
        Outcome {
            deliveries: self.clients.iter().map(|client| client.received).sum(),
            time: self.last_receipt - self.start,
            latency: self.latency.clone(),
            cpu: None,
            peak_memory: None,
            memory_per_client: None,
            wakeups: None,
            lost: lost.sum(),
            again: self.clients.iter().map(|client| client.again).sum(),
            orders: orders.len(),
            own_cpu: None,
        }
    }
}

impl Client {
    fn new(stream: TcpStream, senders: usize) -> Client {
        Client {
            stream,
            out: Vec::new(),
            out_at: 0,
            sent: 0,
            carry: Vec::new(),
            next: vec![0; senders],
            received: 0,
            again: 0,
            order: 0,
            writable: false,
        }
    }

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

    fn write(&mut self) -> io::Result<()> {
        while self.writable && self.out_at < self.out.len() {
            match self.stream.write(&self.out[self.out_at..]) {
                Ok(length) => self.out_at += length,
                Err(why) if why.kind() == ErrorKind::WouldBlock => self.writable = false,
                Err(why) if why.kind() == ErrorKind::Interrupted => {}
                Err(why) => return Err(why),
            }
        }
        if self.out_at == self.out.len() {
            self.out.clear();
            self.out_at = 0;
        }
        Ok(())
    }
}

/// `None` if nothing has come.
fn read_some(stream: &mut TcpStream, into: &mut [u8]) -> io::Result<Option<usize>> {
    loop {
        match stream.read(into) {
            Ok(length) => return Ok(Some(length)),
            Err(why) if why.kind() == ErrorKind::WouldBlock => return Ok(None),
            Err(why) if why.kind() == ErrorKind::Interrupted => {}
            Err(why) => return Err(why),
        }
    }
}
