//! The way to a place that may hold up the thread that writes to it: a queue, and a thread that empties it.

use std::io;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::{Duration, Instant};

use super::place::{Place, Record, Records, Sink};

/// How many records may wait to be written. More than that are left out, and their number is told.
pub(super) const QUEUE: usize = 10_000;

/// How long a program that ends waits for the last records to be written.
const LAST_RECORDS: Duration = Duration::from_millis(100);

/// The sender's half of all queues, which get the records in the same order.
pub(super) struct Queues(Vec<Queue>);

/// What is sent to the thread.
#[derive(Debug)]
pub(super) enum Message {
    /// Write this record.
    Record(Record),
    /// Look whether the place is still the right one.
    Look,
    /// Find out anew when there is a sum to be told.
    Wake,
    /// Answer once everything before this is written.
    Flush(SyncSender<()>),
}

/// The way to one place.
pub(super) struct Queue {
    /// The queue's end that sends.
    messages: SyncSender<Message>,
    /// How many records were left out since the last one that fitted into the queue.
    left_out: u64,
}

/// Has the sums told that are due, and says when the next one is. It runs in each queue's thread: the
/// first one that has time tells them.
pub(super) type Sums = fn(now: Instant) -> Option<Instant>;

impl Queues {
    pub(super) fn new(queues: Vec<Queue>) -> Queues {
        Queues(queues)
    }
}

impl Sink for Queues {
    /// Never waits.
    fn take(&mut self, record: Record) {
        self.0.iter_mut().for_each(|queue| queue.send(record.clone()));
    }
}

impl Queue {
    /// Starts the thread that writes to a place.
    ///
    /// # Errors
    ///
    /// The system has no thread to spare.
    pub(super) fn begin<P: Place + Send + 'static>(
        to: Records<P>,
        sums: Sums,
    ) -> io::Result<Queue> {
        let (messages, queued) = mpsc::sync_channel(QUEUE);
        let write = move || write(to, &queued, sums);
        thread::Builder::new().name("log".to_owned()).spawn(write)?;
        Ok(Queue { messages, left_out: 0 })
    }

    /// Another way to send to it.
    pub(super) fn messages(&self) -> SyncSender<Message> {
        self.messages.clone()
    }

    fn send(&mut self, record: Record) {
        if self.left_out > 0 {
            let told = format!("{} records were left out: the log was held up", self.left_out);
            if self.messages.try_send(Message::Record(Record::warning(&told))).is_ok() {
                self.left_out = 0;
            }
        }
        let sent = self.messages.try_send(Message::Record(record));
        self.left_out += u64::from(sent.is_err());
    }
}

/// Waits a moment until all that was sent before is written.
pub(super) fn flush(queues: &[SyncSender<Message>]) {
    let deadline = Instant::now() + LAST_RECORDS;
    for messages in queues {
        let (done, written) = mpsc::sync_channel(1);
        if messages.try_send(Message::Flush(done)).is_ok() {
            written.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok();
        }
    }
}

/// The thread's work. It sleeps without a timeout unless there is a sum to be told.
fn write<P: Place>(mut to: Records<P>, queued: &Receiver<Message>, sums: Sums) {
    loop {
        let now = Instant::now();
        let message = match sums(now) {
            None => queued.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(due) => queued.recv_timeout(due.saturating_duration_since(now)),
        };
        match message {
            Ok(Message::Record(record)) => to.take(record),
            Ok(Message::Look) => to.look(),
            Ok(Message::Flush(done)) => done.send(()).unwrap_or_default(),
            Ok(Message::Wake) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// Writes one record for each permission.
    struct Terminal {
        permissions: Receiver<()>,
        written: mpsc::Sender<String>,
    }

    impl Write for Terminal {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.permissions.recv().ok();
            let text = String::from_utf8_lossy(bytes).into_owned();
            self.written.send(text.split_once(' ').expect("a time").1.to_owned()).ok();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Place for Terminal {}

    #[test]
    fn a_log_that_is_held_up_holds_nobody_up_and_tells_how_much_it_left_out() {
        let (permit, permissions) = mpsc::channel();
        let (writes, written) = mpsc::channel();
        let terminal = Records::new(Terminal { permissions, written: writes }, Box::new(|_| {}));
        let mut queue = Queue::begin(terminal, |_| None).expect("a thread");
        let record = |text: String| Record { text: text.into_bytes(), ..Record::warning("") };
        // One more than fits may be in the thread's hands.
        for number in 0..QUEUE + 10 {
            queue.send(record(format!("{number}\n")));
        }
        drop(permit);
        for number in 0..QUEUE {
            assert_eq!(written.recv().as_deref(), Ok(format!("{number}\n").as_str()));
        }
        queue.send(record("again\n".to_owned()));
        let in_hand = format!("{QUEUE}\n");
        let told = written.iter().find(|record| *record != in_hand).expect("it goes on");
        assert!(told.starts_with("[WARN ] "), "{told}");
        assert!(told.ends_with(" records were left out: the log was held up\n"), "{told}");
    }
}
