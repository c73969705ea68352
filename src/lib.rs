//! A chat room on your own network, in one pair of programs.
//!
//! `chatserver` holds one room; `chatclient`, `nc` and `telnet` are its members. The wire is lines
//! of UTF-8 text, over TLS or in plain. There are no accounts, no rooms besides the one, and no async
//! runtime: one blocking thread a client, and one thread that sends.
//!
//! # For other programs
//!
//! Two modules are for programs in Rust, and what they show is stable: it changes as semantic versioning says.
//!
//! - [`bot`]: a program that takes part in a room
//! - [`server`]: a room inside another program ([`server::Server`], [`server::Running`]), which is told what happens
//!   ([`server::Server::on_event`])
//!
//! With them, what they need: [`problem::Problem`], and what [`server`] passes on of the wire and of TLS. All other
//! modules are public for the two programs, the benchmarks and the fuzzer of this package alone. The documentation does not show
//! them, and they change with any version. In other languages, a program takes part by `chatclient` in a pipe or by
//! `chatserver --on-event`: `docs/BOTS.md`.
//!
//! # The way of a line
//!
//! In the order that a line travels from one member's keyboard to the others' screens. In
//! [`client`], which connects, reads keys or standard input, and shows or prints what arrives:
//!
//! - `terminal`: raw mode, and the face that all threads share; `terminal::input`: bytes → keys, pure
//! - `keys`: which key means what; [`client::editor`]: keys → text and cursor, pure; `compose`: the same in the user's
//!   own editor
//! - `chat`: the main thread in a terminal; `filter`: the same in a pipe; [`bot`]: the same in another program
//! - `outbox`: what was entered, until its receipt comes, pure; `sender`: the thread that writes it
//! - `link`: the way to the server, over all connections; `reconnect`: another one
//! - `net::route`: whether a connection is encrypted, and which key the server must have; `net::known_servers`: the
//!   keys that are kept; `net::dial`: how it is made; `net::connection`: one of them; `net::tls`: its encryption
//! - `session`: what we are to the server, pure; `handshake`: the first words; `clock`: both clocks
//!
//! In [`server`], which binds, accepts and shuts down (`accept`, `workers`, `shutdown`):
//!
//! - `connection`: one client's; `net`: its socket, what its bytes are wrapped in (TLS or nothing), and how that is found
//!   out; `reception`: what it passes before it has a session; `admission`, `headroom`, `open_files`: how many there
//!   may be
//! - `session`: one client's thread, from its socket to the hub; `chunk`: what it appends; `account`,
//!   `token_bucket`, `arrears`: what it may bring
//! - `hub`: the one lock, and the threads that wait on it; `hub::permit`, `hub::membership`: what a session holds;
//!   `hub::backpressure`: who is held back, and why
//! - `room`: a pure state machine of who is here, under what name, and what is said; `room::entry`: what is
//!   applied to it; `room::effects`: what follows for connections; `room::members`, `room::resume`;
//!   `room::changes`: what a history has to be told; `room::restore`: how a room comes back from it
//! - `shared`: a room that several servers hold: the groups of their log as bytes, snapshots, what to do after a set-back;
//!   `room::group`, `room::groups`, `room::log`: how the room applies them
//! - `transcript`: the one order of events; `batch`: neighbouring ones; `audience`: for whom they are;
//!   `evicted`: what stays known of those that are gone
//! - `replay`, `search`: what was said before, shown again; `words`: which lines have some words
//! - `hub::cut`: all that was applied since the last one; `keeper`: one thread, from cuts to the history, and
//!   back to the hub as settled; `keeping`: what is opened and started for that
//! - [`server::history`]: what is kept across runs, in one file: where it is, its lock, every statement, the
//!   thread that writes back, what goes and when, the index and what is found with it, the export; `indexer`: the
//!   thread that fills the index
//! - `net::tls::identity`: the server's key and certificate, from their files
//! - `shared`: a log that several servers have in common, in Redis: how it is reached, written and read
//! - `hub::round`: what is settled, handed to the broadcaster; `hub::fetch`, `fetcher`: what readers that lag
//!   get from the history
//! - `broadcaster`: one thread, from the transcript to every socket; `reader`: how far each is;
//!   `rendering`: what programs get; `waker`: what wakes it
//! - `announcer`: one thread, where it is asked for, which tells this network of the room
//! - `listeners`, `hook`: callbacks and a program that are told what happens; `running`: a server in another program
//! - `figures`, `status`, `health`, `controls`: what an operator asks for; `system`: what threads take from
//!   the operating system, with a model of it for `interleavings`
//!
//! And in the client again:
//!
//! - `receiver`: the thread that reads; `output`: where it shows what has come
//! - `conversation`: the server's lines → what is shown of them, pure; `colours`; `time_format`; `paragraph`: → rows;
//!   `attention`: how a window calls its user
//! - [`client::screen`]: the input row and the conversation above it; `row`, `prompt`: the input row
//! - `history`, `servers`, `identity`: what is kept across runs; `exit`: the one way out
//!
//! What both share:
//!
//! - [`protocol`]: the wire, pure: bytes → lines → safe text → requests, and the server's lines
//! - `discovery`: rooms that are announced on this network, and how a client hears of them
//! - [`arguments`]: the command lines, and the client's configuration file; `place`: where a server is, as people write it; `machine`: what this one is called; [`logging`]: the logs; [`problem`]: one line for what went wrong;
//!   `private_file`: files for their owner alone; `key_file`: a key in one; `secret_file`: a secret that its operator keeps; [`state_folder`]: where they are; [`tls`]: the encryption; `signals`: what the system tells a program; `keepalive`:
//!   whether a silent peer is there
//!
//! Dependence goes one way: the binaries use `server` and `client`, both of those use `protocol`,
//! and neither knows the other. `docs/ARCHITECTURE.md` tells the threads and the locks,
//! `docs/PROTOCOL.md` the wire.

pub use client::bot;

// Public for the programs, benchmarks and the fuzzer alone.
#[doc(hidden)]
pub mod arguments;
#[doc(hidden)]
pub mod client;
mod discovery;
// For `fuzz/`, whose tool sets this; no program has it.
#[cfg(any(all(test, not(shuttle)), fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod keepalive;
mod key_file;
#[doc(hidden)]
pub mod logging;
mod machine;
mod place;
mod private_file;
pub mod problem;
#[doc(hidden)]
pub mod protocol;
#[cfg(any(test, fuzzing))]
mod safety;
mod secret_file;
pub mod server;
#[cfg(unix)]
#[doc(hidden)]
pub mod signals;
#[doc(hidden)]
pub mod state_folder;
#[cfg(test)]
mod test_folder;
#[doc(hidden)]
pub mod tls;
