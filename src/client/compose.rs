//! Writing in the user's own editor: the draft goes into a file for the user alone, the editor runs in the terminal,
//! and what it has written is the draft.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use super::config::PASSWORD_VARIABLE;
use crate::private_file;
use crate::problem::reason;

/// The editor where the environment names none.
const USUAL: &str = if cfg!(windows) { "notepad" } else { "vi" };

/// The exit status of a shell that has not found the program.
#[cfg(unix)]
const NOT_FOUND: i32 = 127;

/// Why the draft stays as it was.
#[derive(Debug)]
pub(super) enum NoText {
    /// The file for it cannot be written or read.
    File(io::Error),
    /// The editor cannot be started.
    NoEditor(String),
    /// It has ended with this status, by which users say that they have changed their minds.
    Failed(String, ExitStatus),
}

impl fmt::Display for NoText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoText::File(why) => {
                write!(f, "there is no file to write in: {}; the text is as it was", reason(why))
            }
            NoText::NoEditor(editor) => {
                write!(f, "cannot start the editor {editor}; VISUAL or EDITOR names another one")
            }
            NoText::Failed(editor, status) => {
                write!(f, "{editor} ended with {status}; the text is as it was")
            }
        }
    }
}

impl From<io::Error> for NoText {
    fn from(why: io::Error) -> NoText {
        NoText::File(why)
    }
}

/// A file that goes when it is dropped.
struct Draft(PathBuf);

impl Drop for Draft {
    fn drop(&mut self) {
        // Whatever is left of it is in a folder for temporary files.
        fs::remove_file(&self.0).ok();
    }
}

/// Has the user edit the text, and gives what it has become. The terminal belongs to the editor meanwhile.
///
/// # Errors
///
/// There is no other text.
pub(super) fn compose(text: &str) -> Result<String, NoText> {
    let draft = write(text)?;
    let editor = ["VISUAL", "EDITOR"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.trim().is_empty()))
        .unwrap_or_else(|| USUAL.to_owned());
    let status = run(&editor, &draft.0)?;
    if !status.success() {
        return Err(NoText::Failed(editor, status));
    }
    let bytes = fs::read(&draft.0)?;
    let text = String::from_utf8_lossy(&bytes);
    Ok(text.trim_start_matches('\u{feff}').trim_end().to_owned())
}

/// Writes the text to a new file.
fn write(text: &str) -> io::Result<Draft> {
    let mut bits = [0; 8];
    getrandom::fill(&mut bits).map_err(io::Error::other)?;
    let name = format!("chatclient-{:016x}.txt", u64::from_ne_bytes(bits));
    let draft = Draft(std::env::temp_dir().join(name));
    let mut file = private_file::create(OpenOptions::new().write(true), &draft.0)?;
    file.write_all(text.as_bytes())?;
    if !text.is_empty() {
        file.write_all(b"\n")?;
    }
    Ok(draft)
}

/// A program that does not get the room's password, which may be in this one's environment.
pub(super) fn without_password(program: &str) -> Command {
    let mut command = Command::new(program);
    command.env_remove(PASSWORD_VARIABLE);
    command
}

/// Runs the editor as others do that read these variables: a shell does, so it may have arguments.
#[cfg(unix)]
fn run(editor: &str, file: &Path) -> Result<ExitStatus, NoText> {
    let status = without_password("sh")
        .arg("-c")
        .arg(format!("{editor} \"$1\""))
        .arg("sh")
        .arg(file)
        .status();
    match status {
        Ok(status) if status.code() == Some(NOT_FOUND) => Err(NoText::NoEditor(editor.to_owned())),
        Ok(status) => Ok(status),
        Err(_) => Err(NoText::NoEditor(editor.to_owned())),
    }
}

/// Runs the editor, which may have arguments.
#[cfg(windows)]
fn run(editor: &str, file: &Path) -> Result<ExitStatus, NoText> {
    let mut words = editor.split_whitespace();
    let program = words.next().unwrap_or(USUAL);
    let status = without_password(program).args(words).arg(file).status();
    status.map_err(|_| NoText::NoEditor(editor.to_owned()))
}
