//! A shell in a terminal, what is typed there, and a film of what is to be seen.

use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use vt100::{Parser, Screen};

use super::Result;
use super::film::Film;
use super::room::Room;

const COLUMNS: NonZeroU16 = NonZeroU16::new(72).expect("not zero");
const ROWS: NonZeroU16 = NonZeroU16::new(16).expect("not zero");

/// How long anything may take: far longer than it does on a busy machine.
const DEADLINE: Duration = Duration::from_secs(10);

/// A screen that has not changed for so long is at rest: what a program writes for one key, or for
/// one line, comes closer together.
const REST: Duration = Duration::from_millis(50);

/// What is filmed, and the film so far.
pub(crate) struct Scene {
    shell: Box<dyn Child + Send + Sync>,
    /// When this is dropped, the terminal is gone.
    _terminal: Box<dyn MasterPty + Send>,
    keyboard: Box<dyn Write + Send>,
    /// What the terminal is to show, as it comes.
    output: mpsc::Receiver<Vec<u8>>,
    emulator: Parser,
    pub(crate) film: Film,
}

impl Scene {
    /// Starts a shell that knows of the room.
    pub(crate) fn begin(room: &Room) -> Result<Scene> {
        let size = PtySize { rows: ROWS.get(), cols: COLUMNS.get(), ..PtySize::default() };
        let pty = native_pty_system().openpty(size)?;
        let mut command = CommandBuilder::new("sh");
        command.cwd(&room.folder);
        room.environment()?.iter().for_each(|(variable, value)| command.env(variable, value));
        ["ENV", "NO_COLOR"].iter().for_each(|variable| command.env_remove(variable));
        let shell = pty.slave.spawn_command(command)?;
        let reader = pty.master.try_clone_reader()?;
        let (to_emulator, output) = mpsc::channel();
        thread::spawn(move || pass_on(reader, &to_emulator));
        let keyboard = pty.master.take_writer()?;
        let emulator = Parser::new(ROWS, COLUMNS, 0);
        let film = Film::new(COLUMNS.get(), ROWS.get());
        Ok(Scene { shell, _terminal: pty.master, keyboard, output, emulator, film })
    }

    /// Lets the picture stand for so many milliseconds.
    pub(crate) fn pause(&mut self, milliseconds: u32) {
        self.film.length += milliseconds;
    }

    /// Films what is there when this text is.
    pub(crate) fn sees(&mut self, text: &str) -> Result<()> {
        self.films_when(text, |screen| screen.contents().contains(text))
    }

    /// Types a text, not all keys equally fast, and films what comes of each but Enter.
    pub(crate) fn types(&mut self, text: &str) -> Result<()> {
        self.types_on("", text)
    }

    /// The same, behind what she has typed already.
    pub(crate) fn types_on(&mut self, typed: &str, text: &str) -> Result<()> {
        let mut typed = typed.to_owned();
        let mut delays = [55, 85, 65, 110, 50, 75].into_iter().cycle();
        for key in text.chars() {
            let hesitation = match key {
                '\r' | '\x7f' => 150,
                ' ' => 40,
                _ => 0,
            };
            self.pause(hesitation + delays.next().unwrap_or_default());
            self.keyboard.write_all(key.to_string().as_bytes())?;
            match key {
                '\r' => return Ok(()),
                '\x7f' => drop(typed.pop()),
                _ => typed.push(key),
            }
            self.films_when(&typed, |screen| before_cursor(screen).ends_with(&typed))?;
        }
        Ok(())
    }

    /// Films what is there when it is as expected, and at rest.
    fn films_when(&mut self, what: &str, is_there: impl Fn(&Screen) -> bool) -> Result<()> {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let there = is_there(self.emulator.screen());
            let left = deadline.saturating_duration_since(Instant::now());
            match self.output.recv_timeout(if there { REST } else { left }) {
                Ok(bytes) => self.emulator.process(&bytes),
                Err(_) if there => break,
                Err(_) => {
                    let rows = self.emulator.screen().contents();
                    return Err(format!("no {what:?} within {DEADLINE:?}, but\n{rows}").into());
                }
            }
        }
        self.film.shoot(self.emulator.screen());
        Ok(())
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.shell.kill().ok();
        self.shell.wait().ok();
    }
}

fn pass_on(mut reader: Box<dyn Read + Send>, to_emulator: &mpsc::Sender<Vec<u8>>) {
    let mut bytes = [0; 4096];
    while let Ok(length @ 1..) = reader.read(&mut bytes) {
        if to_emulator.send(bytes[..length].to_vec()).is_err() {
            return;
        }
    }
}

fn before_cursor(screen: &Screen) -> String {
    let (row, column) = screen.cursor_position();
    screen.contents_between(row, 0, row, column)
}
