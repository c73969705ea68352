//! What the load does.

use std::time::Duration;

use crate::line;

/// One kind of load.
#[derive(Debug, Clone)]
pub struct Scenario {
    pub name: &'static str,
    pub what: String,
    /// Clients that read as fast as they can.
    pub clients: usize,
    /// Of these, how many speak.
    pub senders: usize,
    /// How many lines each of these sends.
    pub lines: u32,
    /// How many bytes a line has, without its end.
    pub length: usize,
    /// How often each of them speaks; `None` is as fast as the socket takes it.
    pub every: Option<Duration>,
    /// With one more client that never reads, and one that reads 10 KB/s.
    pub stalled: bool,
    /// How many clients a second join, say a line and leave.
    pub churn: u32,
    /// How many clients guess at a password meanwhile.
    pub guessers: usize,
    /// Nobody speaks for so long.
    pub idle: Option<Duration>,
    /// On how many servers of one room; `None` on one that shares nothing.
    pub shared: Option<usize>,
}

impl Scenario {
    fn new(name: &'static str, clients: usize) -> Scenario {
        Scenario {
            name,
            what: String::new(),
            clients,
            senders: 0,
            lines: 0,
            length: line::LENGTH,
            every: None,
            stalled: false,
            churn: 0,
            guessers: 0,
            idle: None,
            shared: None,
        }
    }

    fn flood(name: &'static str, lines: u32) -> Scenario {
        let what = format!("100 clients, 10 send {lines} lines each, as fast as they can");
        Scenario { what, senders: 10, lines, ..Scenario::new(name, 100) }
    }

    fn paced(name: &'static str, clients: usize, senders: usize, rate: u32, time: u32) -> Scenario {
        let what = format!("{clients} clients, {senders} send {rate} lines/s for {time} s");
        let every = Some(Duration::from_secs(1) / rate);
        Scenario { what, senders, lines: rate * time, every, ..Scenario::new(name, clients) }
    }

    fn idle(name: &'static str, clients: usize, time: Duration) -> Scenario {
        let what = format!("{clients} clients, nobody speaks for {time:?}");
        Scenario { what, idle: Some(time), ..Scenario::new(name, clients) }
    }

    /// All of them; `quick` ones take a second or two each.
    pub fn all(quick: bool) -> Vec<Scenario> {
        let (lines, time) = if quick { (2_000, 1) } else { (10_000, 5) };
        let stalled = Scenario::flood("stalled", lines);
        let visited = |name, churn| {
            let paced = Scenario::paced(name, 100, 100, 20, time);
            let what = format!("{}; {churn} a second join, say a line and leave", paced.what);
            Scenario { what, churn, ..paced }
        };
        let paced = Scenario::paced("guesses", 100, 100, 20, time);
        let what = format!("{}; 100 more guess at a password", paced.what);
        let guessed = Scenario { what, guessers: 100, ..paced };
        vec![
            Scenario::flood("flood", lines),
            Scenario::paced("paced-20", 100, 100, 20, time),
            Scenario::paced("paced-5", 100, 100, 5, time),
            Scenario::paced("many", 1000, 100, 1, time),
            Scenario {
                what: format!("{}; one never reads, one reads 10 KB/s", stalled.what),
                stalled: true,
                ..stalled
            },
            visited("churn", 50),
            visited("visitors", 300),
            guessed,
            Scenario::idle("idle-100", 100, Duration::from_secs(time.into())),
            Scenario::idle("idle-1000", 1000, Duration::from_secs(time.into())),
        ]
    }

    /// With another rate: for the plot.
    pub fn at_rate(rate: u32, time: u32) -> Scenario {
        Scenario::paced("plot", 100, 100, rate, time)
    }

    /// Scenarios that differ in one thing: the clients, the senders of as many lines in all, or the
    /// lines' length.
    pub fn growth() -> Vec<Scenario> {
        let by_clients = [10, 30, 100, 300, 1000].map(|clients| (clients, 10, line::LENGTH));
        let by_senders = [1, 10, 100].map(|senders| (100, senders, line::LENGTH));
        let by_length = [100, 400, 1600, 4000].map(|length| (100, 10, length));
        let kinds = [&by_clients[..], &by_senders, &by_length].concat();
        let scenario = |(clients, senders, length)| {
            let same = Scenario::paced("growth", clients, senders, 200 / senders as u32, 3);
            let what =
                format!("{clients} clients, {senders} of them send 200 lines/s of {length} bytes");
            Scenario { what, length, ..same }
        };
        kinds.into_iter().map(scenario).collect()
    }

    /// Those of a room of so many servers, over which the clients are spread.
    pub fn shared(servers: usize, quick: bool) -> Vec<Scenario> {
        let (lines, time) = if quick { (2_000, 1) } else { (10_000, 5) };
        let scenarios = [
            Scenario::flood("flood", lines),
            Scenario::paced("paced-20", 100, 100, 20, time),
            Scenario::paced("many", 1000, 100, 1, time),
        ];
        let spread = |scenario: Scenario| {
            let of_servers = if servers == 1 { "server" } else { "servers" };
            let what = format!("{servers} {of_servers}, {}", scenario.what);
            Scenario { what, shared: Some(servers), ..scenario }
        };
        scenarios.map(spread).into()
    }

    /// How many clients it has at a time, at most.
    pub fn most_clients(&self) -> usize {
        let more = if self.stalled { 2 } else { 0 } + self.guessers;
        self.clients + more + 4 * self.churn as usize
    }
}
