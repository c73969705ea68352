//! What a member of a trial says, and how that has to stand in the file.

use std::sync::Arc;

use super::proxy::Budget;

/// A line that a member sends.
#[derive(Debug, Clone)]
pub enum Line {
    Public(String),
    Private { to: String, text: String },
    Rename { to: String },
    Who,
}

impl Line {
    /// As it is sent, without its end.
    pub fn sent(&self) -> String {
        match self {
            Line::Public(text) => text.clone(),
            Line::Private { to, text } => format!("/msg {to} {text}"),
            Line::Rename { to } => format!("/nick {to}"),
            Line::Who => "/who".to_owned(),
        }
    }

    /// As the file has it if a member of that name sends it.
    pub fn row(&self, name: &str) -> Option<String> {
        match self {
            Line::Public(text) => Some(format!("<{name}> {text}")),
            Line::Private { text, .. } => Some(format!("[{name} -> you] {text}")),
            Line::Rename { to } => Some(format!("-- {name} is now {to}")),
            Line::Who => None,
        }
    }
}

/// What one member says, line after line.
pub struct Talker {
    /// The name that it has joined under.
    pub first_name: String,
    /// The name that it has once all its lines are taken.
    pub name: String,
    /// Whether it changes its name.
    renames: bool,
    /// To whom it may whisper, if to anybody; they keep their names.
    targets: Arc<Vec<String>>,
    random: Budget,
    /// How many lines it has made.
    count: u64,
}

impl Talker {
    pub fn new(name: &str, renames: bool, targets: &Arc<Vec<String>>, seed: u64) -> Talker {
        let mixed = name.bytes().fold(seed, |seed, byte| seed.wrapping_mul(31) + u64::from(byte));
        Talker {
            first_name: name.to_owned(),
            name: name.to_owned(),
            renames,
            targets: Arc::clone(targets),
            random: Budget::new(mixed),
            count: 0,
        }
    }

    /// A number below `end`.
    pub fn dice(&mut self, end: u64) -> u64 {
        self.random.next(end)
    }

    /// The next line.
    pub fn next(&mut self) -> Line {
        self.count += 1;
        let length = self.dice(40) as usize;
        let text = format!("{} {} {}.", self.first_name, self.count, "é".repeat(length));
        match self.dice(20) {
            0 => Line::Who,
            1 if self.renames => {
                // The same ones again and again: an answer must not be taken for that to a later line.
                let other = format!("{}y", self.first_name);
                let to = if self.name == other { self.first_name.clone() } else { other };
                self.name.clone_from(&to);
                Line::Rename { to }
            }
            2..=5 if !self.targets.is_empty() => {
                let to = self.dice(self.targets.len() as u64) as usize;
                let to = self.targets[to].clone();
                let is_oneself = to == self.first_name;
                if is_oneself { Line::Public(text) } else { Line::Private { to, text } }
            }
            _ => Line::Public(text),
        }
    }

    /// The last word.
    pub fn end(&self) -> Line {
        Line::Public(format!("end of {}", self.first_name))
    }
}

/// Whether a line as it is heard is somebody's last word.
pub fn is_end(line: &str) -> bool {
    line.starts_with('<') && line.contains("> end of ")
}
