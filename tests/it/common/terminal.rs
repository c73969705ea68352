//! A terminal for a program: a pseudo-terminal with an emulator behind it.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Instant;

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

use super::DEADLINE;
use super::process::{HOMES, our_variables};

/// What a program asks a terminal for its cursor with.
const WHERE_IS_THE_CURSOR: &[u8] = b"\x1b[6n";

/// A program in a terminal. It is killed when this is dropped.
pub struct Terminal {
    master: Box<dyn MasterPty + Send>,
    keyboard: Arc<Mutex<Box<dyn Write + Send>>>,
    picture: Arc<Picture>,
    child: Box<dyn Child + Send + Sync>,
}

struct Picture {
    emulator: Mutex<vt100::Parser<Orders>>,
    /// All bytes that the terminal was ever given.
    written: Mutex<Vec<u8>>,
    changed: Condvar,
}

/// What a terminal was told to do besides showing text.
#[derive(Default)]
struct Orders {
    bells: usize,
    /// What no program may tell it that shows others' text.
    odd: Vec<String>,
}

impl Orders {
    fn note(&mut self, what: &str, text: &[u8]) {
        self.odd.push(format!("{what} {}", text.escape_ascii()));
    }
}

impl vt100::Callbacks for Orders {
    fn audible_bell(&mut self, _: &mut vt100::Screen) {
        self.bells += 1;
    }

    fn visual_bell(&mut self, _: &mut vt100::Screen) {
        self.note("flash", b"");
    }

    fn resize(&mut self, _: &mut vt100::Screen, _: (u16, u16)) {
        self.note("resize", b"");
    }

    fn set_window_icon_name(&mut self, _: &mut vt100::Screen, name: &[u8]) {
        self.note("icon", name);
    }

    fn set_window_title(&mut self, _: &mut vt100::Screen, title: &[u8]) {
        self.note("title", title);
    }

    fn copy_to_clipboard(&mut self, _: &mut vt100::Screen, _: &[u8], text: &[u8]) {
        self.note("copy", text);
    }

    fn paste_from_clipboard(&mut self, _: &mut vt100::Screen, _: &[u8]) {
        self.note("paste", b"");
    }

    fn unhandled_control(&mut self, _: &mut vt100::Screen, control: u8) {
        self.note("control", &[control]);
    }

    fn unhandled_osc(&mut self, _: &mut vt100::Screen, parameters: &[&[u8]]) {
        self.note("osc", &parameters.concat());
    }
}

impl Terminal {
    /// Starts a program in a terminal of that size.
    pub fn start(columns: u16, rows: u16, folder: &Path, program: &[&str]) -> Terminal {
        let size = PtySize { rows, cols: columns, ..PtySize::default() };
        let pty = native_pty_system().openpty(size).expect("a pseudo-terminal");
        let mut command = CommandBuilder::new(program[0]);
        command.args(&program[1..]);
        command.cwd(folder);
        for (name, value) in [("TERM", "xterm"), ("TZ", "UTC")] {
            command.env(name, value);
        }
        // What the client keeps across runs stays in the test's folder.
        for name in HOMES {
            command.env(name, folder);
        }
        for name in our_variables().chain(
            ["NO_COLOR", "COLORTERM", "TERM_PROGRAM", "LC_TERMINAL", "TMUX"].map(OsString::from),
        ) {
            command.env_remove(name);
        }
        let child = pty.slave.spawn_command(command).expect("the program starts");
        let output = pty.master.try_clone_reader().expect("a reader");
        let keyboard = pty.master.take_writer().expect("the only writer");
        let keyboard = Arc::new(Mutex::new(keyboard));
        let emulator = vt100::Parser::new_with_callbacks(
            cells(rows),
            cells(columns),
            10_000,
            Orders::default(),
        );
        let (emulator, written) = (Mutex::new(emulator), Mutex::default());
        let picture = Arc::new(Picture { emulator, written, changed: Condvar::new() });
        let (seen, answers) = (Arc::clone(&picture), Arc::clone(&keyboard));
        thread::spawn(move || show(output, &seen, &answers));
        Terminal { master: pty.master, keyboard, picture, child }
    }

    pub fn press(&mut self, keys: &str) {
        let mut keyboard = self.keyboard.lock().unwrap();
        keyboard.write_all(keys.as_bytes()).expect("the terminal is there");
        keyboard.flush().expect("the terminal is there");
    }

    pub fn resize(&mut self, columns: u16, rows: u16) {
        let mut emulator = self.picture.emulator.lock().unwrap();
        emulator.screen_mut().set_size(cells(rows), cells(columns));
        let size = PtySize { rows, cols: columns, ..PtySize::default() };
        self.master.resize(size).expect("a terminal can be resized");
    }

    /// Whether it marks what is pasted, as a program has asked it to.
    pub fn marks_pastes(&self) -> bool {
        self.picture.emulator.lock().unwrap().screen().bracketed_paste()
    }

    /// How often its bell has rung.
    pub fn bells(&self) -> usize {
        self.picture.emulator.lock().unwrap().callbacks().bells
    }

    /// Asserts that it was told to do nothing but to show text, and to ring.
    #[track_caller]
    pub fn assert_not_commanded(&self) {
        let emulator = self.picture.emulator.lock().unwrap();
        assert_eq!(emulator.callbacks().odd, [""; 0]);
    }

    /// What it was told to do besides showing text and ringing, in order.
    pub fn commands(&self) -> Vec<String> {
        self.picture.emulator.lock().unwrap().callbacks().odd.clone()
    }

    /// The rows as they are, with the times.
    pub fn picture(&self) -> String {
        raw_rows(self.picture.emulator.lock().unwrap().screen())
    }

    /// All rows that it has ever shown, with those that have left it at the top; without the times.
    pub fn all_rows(&self) -> Vec<String> {
        let mut emulator = self.picture.emulator.lock().unwrap();
        let screen = emulator.screen_mut();
        let height = usize::from(screen.size().0.get());
        screen.set_scrollback(usize::MAX);
        let mut above = screen.scrollback();
        let mut all = Vec::new();
        while above > 0 {
            screen.set_scrollback(above);
            let rows = rows_with(screen, None);
            all.extend(rows.lines().take(above).map(|row| without_time(row).to_owned()));
            above = above.saturating_sub(height);
        }
        screen.set_scrollback(0);
        all.extend(rows_with(screen, None).lines().map(|row| without_time(row).to_owned()));
        all
    }

    /// Asserts that this was never written to it, be it for a moment.
    #[track_caller]
    pub fn assert_never_wrote(&self, text: &str) {
        let written = String::from_utf8_lossy(&self.picture.written.lock().unwrap()).into_owned();
        assert!(!written.contains(text), "{}", self.picture());
    }

    /// Waits until the last rows are these, with `|` where the cursor is and without the times.
    #[track_caller]
    pub fn shows(&mut self, expected: &[&str]) {
        self.shows_what(&expected.join("\n"), |rows| {
            let rows: Vec<&str> = rows.lines().collect();
            rows.ends_with(expected)
        });
    }

    /// Waits until `is_there` finds what it looks for among the rows; `what` is for the message.
    #[track_caller]
    pub fn shows_what(&mut self, what: &str, is_there: impl Fn(&str) -> bool) {
        let deadline = Instant::now() + DEADLINE;
        let mut emulator = self.picture.emulator.lock().unwrap();
        loop {
            let rows = rows(emulator.screen());
            if is_there(&rows) {
                return;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "expected:\n{what}\n\ngot:\n{rows}\n");
            emulator = self.picture.changed.wait_timeout(emulator, left).unwrap().0;
        }
    }

    /// Whether this text stands on it, all of it bold.
    pub fn is_bold(&self, text: &str) -> bool {
        let emulator = self.picture.emulator.lock().unwrap();
        let screen = emulator.screen();
        let rows = raw_rows(screen);
        let found = rows.lines().enumerate().find_map(|(row, line)| Some((row, line.find(text)?)));
        let Some((row, column)) = found else { return false };
        let cells = column..column + text.len();
        cells.into_iter().all(|column| {
            let cell = screen.cell(row as u16, column as u16);
            cell.is_some_and(vt100::Cell::bold)
        })
    }

    pub fn process_id(&self) -> u32 {
        self.child.process_id().expect("it has been started")
    }

    /// Waits for the program to end, and returns its exit status.
    #[track_caller]
    pub fn ends(&mut self) -> u32 {
        let deadline = Instant::now() + DEADLINE;
        loop {
            if let Some(status) = self.child.try_wait().expect("it is our child") {
                return status.exit_code();
            }
            let rows = rows(self.picture.emulator.lock().unwrap().screen());
            assert!(Instant::now() < deadline, "it does not end:\n{rows}\n");
            thread::sleep(std::time::Duration::from_millis(5));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn show(
    mut output: Box<dyn Read + Send>,
    picture: &Picture,
    keyboard: &Mutex<Box<dyn Write + Send>>,
) {
    let mut bytes = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = output.read(&mut bytes) {
        let bytes = &bytes[..length];
        let Ok(mut emulator) = picture.emulator.lock() else { return };
        picture.written.lock().unwrap().extend_from_slice(bytes);
        emulator.process(bytes);
        let (row, column) = emulator.screen().cursor_position();
        drop(emulator);
        picture.changed.notify_all();
        if bytes.windows(WHERE_IS_THE_CURSOR.len()).any(|window| window == WHERE_IS_THE_CURSOR) {
            let answer = format!("\x1b[{};{}R", row + 1, column + 1);
            keyboard.lock().unwrap().write_all(answer.as_bytes()).ok();
        }
    }
}

fn cells(count: u16) -> NonZeroU16 {
    NonZeroU16::new(count).expect("a terminal has cells")
}

/// What the terminal shows, without the times, without the blanks at the right, and with `|` for
/// the cursor.
fn rows(screen: &vt100::Screen) -> String {
    raw_rows(screen).lines().map(without_time).collect::<Vec<_>>().join("\n")
}

fn without_time(row: &str) -> &str {
    let digit = |at: usize| row.as_bytes().get(at).is_some_and(u8::is_ascii_digit);
    let has_time = [0, 1, 3, 4].into_iter().all(digit) && row[2..].starts_with(':');
    match row.get(5..) {
        Some(rest) if has_time => rest.strip_prefix(' ').unwrap_or(rest),
        _ => row,
    }
}

fn raw_rows(screen: &vt100::Screen) -> String {
    rows_with(screen, Some(screen.cursor_position()))
}

/// What it shows, with `|` at that place.
fn rows_with(screen: &vt100::Screen, cursor: Option<(u16, u16)>) -> String {
    let (height, width) = screen.size();
    let mut rows = Vec::new();
    for row in 0..height.get() {
        let mut text = String::new();
        for column in 0..=width.get() {
            if Some((row, column)) == cursor {
                text.push('|');
            }
            match screen.cell(row, column) {
                Some(cell) if cell.is_wide_continuation() => {}
                Some(cell) if cell.has_contents() => text.push_str(cell.contents()),
                _ => text.push(' '),
            }
        }
        rows.push(text.trim_end().to_owned());
    }
    rows.join("\n")
}
