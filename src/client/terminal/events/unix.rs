//! What the terminal tells of on Unix: its bytes from standard input, and its new sizes by a signal.
//!
//! A thread of its own reads, because a terminal cannot be waited for everywhere (macOS polls no
//! `/dev/tty`), and the main thread, which makes events of the bytes, has to know when nothing comes.

use std::io::{self, PipeReader, PipeWriter, Read, Stdin, Write, pipe};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use log::info;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use super::Event;
use crate::client::exit::{Exit, wait_for_the_end};
use crate::client::exit_reason::ExitReason;
use crate::client::mutex::lock;
use crate::client::terminal::input::Input;
use crate::problem::Problem;

/// How many bytes are read at once: more than a terminal holds ready.
const CHUNK: usize = 16 * 1024;

/// How many chunks may wait for the main thread before no more are read.
const CHUNKS: usize = 16;

/// How long a terminal is left alone that has nothing to read and cannot be waited for.
const AGAIN: Duration = Duration::from_millis(20);

/// The events of the terminal that standard input is.
pub(in crate::client) struct Events {
    /// From the thread that reads, and of new sizes.
    messages: Receiver<Message>,
    /// Set before the message that says so, for which there may be no room.
    is_resized: Arc<AtomicBool>,
    /// Makes events of bytes.
    input: Input,
    /// Lets the thread read that does.
    gate: Arc<Gate>,
}

/// Where the thread that reads is stopped while another program has the terminal, whose keys it would take away.
struct Gate {
    /// What the thread does.
    reading: Mutex<Reading>,
    /// Notified after each change of that.
    changed: Condvar,
    /// Becomes readable when the thread is to look.
    calls: PipeReader,
    /// Its other end.
    call: PipeWriter,
}

/// What the thread that reads does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// It reads, and waits for what there is to read.
    Goes,
    /// It is to stop.
    IsToStop,
    /// It has stopped.
    Stopped,
}

/// What the thread has waited for.
enum Awaited {
    /// There is something to read.
    Input,
    /// The terminal is gone.
    Gone,
    /// It is to look whether it may go on.
    Call,
}

/// Tells the main thread that the terminal has got another size.
pub(in crate::client) struct Resizing {
    /// Wakes the main thread.
    messages: SyncSender<Message>,
    /// What it looks at then.
    is_resized: Arc<AtomicBool>,
}

/// How long the thread that reads may take to stop.
const STOPS: Duration = Duration::from_millis(500);

enum Message {
    /// The terminal has sent these.
    Bytes(Vec<u8>),
    /// The terminal may have got another size.
    Resized,
}

impl Events {
    /// Begins to read the keyboard, in a thread that ends the program when the terminal is gone.
    ///
    /// # Errors
    ///
    /// There is no thread to be had.
    pub(in crate::client) fn begin(exit: &Exit) -> Result<(Events, Resizing), Problem> {
        let (sender, messages) = sync_channel(CHUNKS);
        let is_resized = Arc::new(AtomicBool::new(false));
        let resizing = Resizing { messages: sender.clone(), is_resized: Arc::clone(&is_resized) };
        let gate = Gate::new().map_err(|why| Problem::System("make a pipe", why))?;
        let gate = Arc::new(gate);
        let passed = Arc::clone(&gate);
        exit.spawn("keyboard", move || read(&sender, &passed))?;
        Ok((Events { messages, is_resized, input: Input::default(), gate }, resizing))
    }

    /// Reads no more until [`resume`](Self::resume): another program has the terminal.
    pub(in crate::client) fn pause(&self) {
        self.gate.close();
    }

    /// Reads again.
    pub(in crate::client) fn resume(&self) {
        self.gate.open();
    }

    /// Waits for the next event, or for as long as `timeout`. `None` if there is none by then.
    ///
    /// # Errors
    ///
    /// None here.
    pub(in crate::client) fn next(
        &mut self,
        timeout: Option<Duration>,
    ) -> io::Result<Option<Event>> {
        Ok(self.next_by(timeout.map(|timeout| Instant::now() + timeout)))
    }

    /// Called when the Esc key has given something up.
    pub(in crate::client) fn on_escape_answered(&mut self) {
        self.input.on_escape_answered();
    }

    fn next_by(&mut self, deadline: Option<Instant>) -> Option<Event> {
        loop {
            if let Some(event) = self.input.next() {
                return Some(event);
            }
            if self.is_resized.swap(false, Ordering::AcqRel) {
                return Some(Event::Resized);
            }
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let silence = self.input.wait();
            match self.receive(left.into_iter().chain(silence).min()) {
                Some(Message::Bytes(bytes)) => self.input.feed(&bytes, Instant::now()),
                Some(Message::Resized) => {}
                None => match (silence, left) {
                    (Some(silence), Some(left)) if left < silence => return None,
                    (None, _) => return None,
                    (Some(_), _) => self.input.on_silence(Instant::now()),
                },
            }
        }
    }

    /// `None` if nothing has come. The thread that reads is there until the program ends.
    fn receive(&self, timeout: Option<Duration>) -> Option<Message> {
        let Some(timeout) = timeout else {
            return Some(self.messages.recv().unwrap_or_else(|_| wait_for_the_end()));
        };
        match self.messages.recv_timeout(timeout) {
            Ok(message) => Some(message),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => wait_for_the_end(),
        }
    }
}

impl Gate {
    fn new() -> io::Result<Gate> {
        let (calls, call) = pipe()?;
        Ok(Gate { reading: Mutex::new(Reading::Goes), changed: Condvar::new(), calls, call })
    }

    /// Stops the thread that reads, and waits until it has stopped, or cannot be told: where a terminal cannot be
    /// waited for, it may take one key more.
    fn close(&self) {
        let mut reading = lock(&self.reading);
        *reading = Reading::IsToStop;
        // The pipe is empty.
        (&self.call).write_all(&[0]).ok();
        let stops = |reading: &mut Reading| *reading != Reading::Stopped;
        drop(self.changed.wait_timeout_while(reading, STOPS, stops));
    }

    fn open(&self) {
        *lock(&self.reading) = Reading::Goes;
        self.changed.notify_all();
    }

    /// Waits as long as the gate is closed.
    fn pass(&self) {
        let mut reading = lock(&self.reading);
        if *reading == Reading::IsToStop {
            *reading = Reading::Stopped;
            self.changed.notify_all();
        }
        let is_closed = |reading: &mut Reading| *reading == Reading::Stopped;
        drop(self.changed.wait_while(reading, is_closed));
    }

    /// Waits until there is something to read, and says what there is.
    fn await_input(&self, stdin: &Stdin) -> Awaited {
        let mut polled =
            [PollFd::new(stdin, PollFlags::IN), PollFd::new(&self.calls, PollFlags::IN)];
        if poll(&mut polled, None).is_err() {
            // It cannot be waited for; then reading has to tell.
            return Awaited::Input;
        }
        let [terminal, calls] = polled.map(|polled| polled.revents());
        if calls.contains(PollFlags::IN) {
            (&self.calls).read_exact(&mut [0]).ok();
            return Awaited::Call;
        }
        if terminal.intersects(PollFlags::HUP | PollFlags::ERR) {
            return Awaited::Gone;
        }
        Awaited::Input
    }
}

impl Resizing {
    /// Tells so.
    pub(in crate::client) fn tell(&self) {
        self.is_resized.store(true, Ordering::Release);
        // If there is no room, the main thread looks once it has made some.
        self.messages.try_send(Message::Resized).ok();
    }
}

/// The work of the thread that reads.
fn read(messages: &SyncSender<Message>, gate: &Gate) -> ExitReason {
    let stdin = io::stdin();
    let mut chunk = vec![0; CHUNK];
    loop {
        gate.pass();
        match gate.await_input(&stdin) {
            Awaited::Input => {}
            Awaited::Call => continue,
            // That it is gone is a way to leave. A signal tells it too, but not to a program that ignores that one or
            // has the terminal from elsewhere; and reading from a terminal that is gone would never end.
            Awaited::Gone => break,
        }
        match rustix::io::read(&stdin, &mut chunk) {
            Ok(0) => break,
            Ok(length) => {
                if messages.send(Message::Bytes(chunk[..length].to_vec())).is_err() {
                    wait_for_the_end();
                }
            }
            Err(Errno::INTR) => {}
            // Another program that has the terminal, too, was faster, or has made reading not wait.
            Err(Errno::AGAIN) => thread::sleep(AGAIN),
            Err(why) => {
                return ExitReason::Failed(Problem::System("read the keyboard", why.into()));
            }
        }
    }
    info!("the terminal is gone");
    ExitReason::Clean
}
