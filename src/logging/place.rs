//! Where records go, one write each: a file or standard error, which may not take them for a while.

use std::io::{self, Write};
use std::time::{Duration, Instant, SystemTime};

use chrono::{DateTime, Local};

/// How often it is told, at most, that a log cannot be written: a disk that is nearly full takes some
/// records and others not.
const TOLD_AGAIN: Duration = Duration::from_secs(60);

/// Something that was logged.
#[derive(Debug, Clone)]
pub(super) struct Record {
    /// When it was logged.
    pub(super) at: SystemTime,
    /// Its text, with its level before it and a newline behind it.
    pub(super) text: Vec<u8>,
}

impl Record {
    /// One of the log's own.
    pub(super) fn warning(text: &str) -> Record {
        Record { at: SystemTime::now(), text: format!("[WARN ] {text}\n").into_bytes() }
    }
}

/// What takes whole records.
pub(super) trait Sink {
    fn take(&mut self, record: Record);
}

/// What a place has to tell about itself.
#[derive(Debug)]
pub(super) enum News {
    /// It cannot be written.
    Lost(io::Error),
    /// It is written again; so many records are missing.
    Back(u64),
    /// There is another file in its place, which cannot be written: it goes on in the old one.
    Stays(io::Error),
}

/// Called with the news of a place.
pub(super) type Tell = Box<dyn FnMut(News) + Send>;

/// Where records are written to.
pub(super) trait Place: Write {
    /// Looks, now and then, whether it is still the right place, and goes on in the right one. Before each
    /// record; `is_in_trouble` is that the last one could not be written. `None` if it has not looked.
    ///
    /// # Errors
    ///
    /// It is not, and the right one cannot be written.
    fn look(&mut self, _now: Instant, _is_in_trouble: bool) -> Option<io::Result<()>> {
        None
    }

    /// Removes the last so many bytes, a part of a record; false if it cannot.
    fn take_back(&mut self, _bytes: u64) -> bool {
        false
    }
}

impl Place for io::Stderr {}

/// Writes records to a place, one after the other.
pub(super) struct Records<P: Place> {
    /// The place.
    to: P,
    /// Tells the user of the place's troubles.
    tell: Tell,
    /// The bytes of the one that is being written.
    line: Vec<u8>,
    /// From the first record that could not be written to the next that can.
    outage: Option<Outage>,
    /// What was written last is a part of a record.
    is_torn: bool,
    /// When an outage was told last.
    told: Option<Instant>,
    /// Another file is in the place, and cannot be written; that was told.
    stays: bool,
}

/// Records cannot be written.
struct Outage {
    /// Why the first one could not.
    why: io::Error,
    /// How many could not.
    missing: u64,
    /// It was told, and so will be its end.
    is_told: bool,
}

impl<P: Place> Records<P> {
    pub(super) fn new(to: P, tell: Tell) -> Records<P> {
        let (line, outage, is_torn, told, stays) = (Vec::new(), None, false, None, false);
        Records { to, tell, line, outage, is_torn, told, stays }
    }

    /// Looks whether the place is still the right one.
    pub(super) fn look(&mut self) {
        let Some(looked) = self.to.look(Instant::now(), self.outage.is_some()) else { return };
        let stayed = std::mem::replace(&mut self.stays, looked.is_err());
        if let Err(why) = looked
            && !stayed
            && self.outage.is_none()
        {
            (self.tell)(News::Stays(why));
        }
    }

    /// Makes the line of a record, and of what there is to say before it.
    fn compose(&mut self, record: &Record) {
        self.line.clear();
        if self.is_torn {
            self.line.push(b'\n');
        }
        if let Some(Outage { why, missing, .. }) = &self.outage {
            let why = crate::problem::reason(why);
            let told = Record::warning(&match missing {
                1 => format!("1 record is missing here: {why}"),
                many => format!("{many} records are missing here: {why}"),
            });
            append(&mut self.line, &told);
        }
        append(&mut self.line, record);
    }

    /// Writes the line, or as good as nothing of it.
    fn write(&mut self) -> io::Result<()> {
        let mut written = 0;
        let why = loop {
            match self.to.write(&self.line[written..]) {
                Ok(0) => break io::ErrorKind::WriteZero.into(),
                Ok(bytes) => written += bytes,
                Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
                Err(why) => break why,
            }
            if written == self.line.len() {
                return Ok(());
            }
        };
        if written > 0 && !self.to.take_back(written as u64) {
            self.is_torn = !self.line[..written].ends_with(b"\n");
        }
        Err(why)
    }

    fn on_failure(&mut self, why: io::Error) {
        if let Some(outage) = &mut self.outage {
            outage.missing += 1;
            return;
        }
        let now = Instant::now();
        let is_told = self.told.is_none_or(|told| now.duration_since(told) >= TOLD_AGAIN);
        if is_told {
            self.told = Some(now);
            (self.tell)(News::Lost(io::Error::new(why.kind(), why.to_string())));
        }
        self.outage = Some(Outage { why, missing: 1, is_told });
    }

    fn on_success(&mut self) {
        self.is_torn = false;
        if let Some(Outage { missing, is_told: true, .. }) = self.outage.take() {
            (self.tell)(News::Back(missing));
        }
    }
}

impl<P: Place> Sink for Records<P> {
    /// Never fails, since nobody could do anything about it.
    fn take(&mut self, record: Record) {
        self.look();
        self.compose(&record);
        match self.write() {
            Ok(()) => self.on_success(),
            Err(why) => self.on_failure(why),
        }
    }
}

/// The local time to the millisecond, as in RFC 3339, and the text. The zone's offset is that of the
/// record's time, so that it follows the change to summer time.
fn append(line: &mut Vec<u8>, record: &Record) {
    let at = DateTime::<Local>::from(record.at).format("%Y-%m-%dT%H:%M:%S%.3f%:z");
    write!(line, "{at} ").expect("a Vec takes all that is written");
    line.extend_from_slice(&record.text);
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex, mpsc};

    use super::*;

    /// A disk, and how many bytes it still takes.
    #[derive(Clone, Default)]
    struct Disk(Arc<Mutex<(String, usize)>>, bool);

    impl Disk {
        fn set_space(&self, space: usize) {
            self.0.lock().expect("no panic").1 = space;
        }

        /// What is on it, without the times.
        fn texts(&self) -> Vec<String> {
            let text = self.0.lock().expect("no panic").0.clone();
            let without_time = |line: &str| line.split_once(' ').map_or(line, |it| it.1).to_owned();
            text.split_inclusive('\n').map(without_time).collect()
        }
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let (text, space) = &mut *self.0.lock().expect("no panic");
            let taken = bytes.len().min(*space);
            if taken == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            *space -= taken;
            text.push_str(&String::from_utf8_lossy(&bytes[..taken]));
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Place for Disk {
        fn take_back(&mut self, bytes: u64) -> bool {
            let (text, space) = &mut *self.0.lock().expect("no panic");
            if self.1 {
                text.truncate(text.len() - bytes as usize);
                *space += bytes as usize;
            }
            self.1
        }
    }

    fn records(disk: &Disk) -> (Records<Disk>, mpsc::Receiver<String>) {
        let (news, told) = mpsc::channel();
        let tell = Box::new(move |it| {
            let text = match it {
                News::Lost(why) => format!("Lost({why})"),
                News::Back(missing) => format!("Back({missing})"),
                News::Stays(why) => format!("Stays({why})"),
            };
            news.send(text).expect("the test listens");
        });
        (Records::new(disk.clone(), tell), told)
    }

    fn log(records: &mut Records<Disk>, text: &str) {
        let text = format!("[INFO ] {text}\n").into_bytes();
        records.take(Record { at: SystemTime::now(), text });
    }

    #[test]
    fn a_full_disk_costs_whole_records_and_their_number_is_told_when_there_is_space() {
        for takes_back in [true, false] {
            let disk = Disk(Arc::default(), takes_back);
            let (mut records, told) = records(&disk);
            disk.set_space(60);
            ["one", "two", "three"].iter().for_each(|text| log(&mut records, text));
            disk.set_space(1000);
            ["four", "five"].iter().for_each(|text| log(&mut records, text));
            let texts = disk.texts();
            let rest = if takes_back { 1 } else { 2 };
            assert_eq!(texts[0], "[INFO ] one\n");
            assert_eq!(
                texts[rest..],
                [
                    "[WARN ] 2 records are missing here: no storage space\n",
                    "[INFO ] four\n",
                    "[INFO ] five\n"
                ]
            );
            let told: Vec<_> = told.try_iter().collect();
            assert_eq!(told, ["Lost(no storage space)", "Back(2)"]);
        }
    }

    #[test]
    fn a_disk_that_is_full_now_and_then_is_told_of_once_in_a_minute() {
        let disk = Disk(Arc::default(), true);
        let (mut records, told) = records(&disk);
        for space in [0, 1000, 0, 1000, 0] {
            disk.set_space(space);
            log(&mut records, "text");
        }
        assert_eq!(told.try_iter().count(), 2);
        let missing = disk.texts().iter().filter(|it| it.contains("1 record is missing")).count();
        assert_eq!(missing, 2);
    }

    #[test]
    fn another_file_that_cannot_be_written_is_told_of_once() {
        /// Looks every second time, and may not write the other file.
        #[derive(Default)]
        struct Moved(usize);
        impl Write for Moved {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        impl Place for Moved {
            fn look(&mut self, _: Instant, _: bool) -> Option<io::Result<()>> {
                self.0 += 1;
                self.0.is_multiple_of(2).then(|| Err(io::ErrorKind::PermissionDenied.into()))
            }
        }
        let (news, told) = mpsc::channel();
        let tell = Box::new(move |it| news.send(matches!(it, News::Stays(_))).expect("it listens"));
        let mut records = Records::new(Moved::default(), tell);
        (0..9).for_each(|_| records.take(Record::warning("text")));
        assert_eq!(told.try_iter().collect::<Vec<_>>(), [true]);
    }

    #[test]
    fn a_record_begins_with_the_local_time() {
        let mut line = Vec::new();
        let at = SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_123);
        append(&mut line, &Record { at, text: b"[INFO ] hi\n".to_vec() });
        let line = String::from_utf8(line).expect("it is text");
        let (time, text) = line.split_once(' ').expect("a time");
        let parsed = DateTime::parse_from_rfc3339(time).expect("RFC 3339");
        assert_eq!((parsed.timestamp_millis(), time.len()), (1_700_000_000_123, 29));
        assert_eq!(text, "[INFO ] hi\n");
    }
}
