//! The sequences that a screen commands its terminal with (ECMA-48, and the DEC modes that xterm made
//! common).

/// Back to the first column, and nothing from there on: the row with the cursor, and what is below it.
pub(super) const ERASE: &[u8] = b"\r\x1b[J";

/// Remember where the cursor is, to go back to there. So it stands right even in a terminal that
/// takes a character for wider or narrower than we do.
pub(super) const SAVE_CURSOR: &[u8] = b"\x1b7";
/// Go back to there.
pub(super) const RESTORE_CURSOR: &[u8] = b"\x1b8";

/// Let the terminal show a repaint as one picture (the synchronized update, mode 2026). Those that
/// do not know it pass over it.
pub(super) const HOLD: &[u8] = b"\x1b[?2026h";
/// Show the picture.
pub(super) const RELEASE: &[u8] = b"\x1b[?2026l";

/// Let pasted text come as such, and tell when the window gains and loses the focus. On Windows the
/// console has other ways, and no such modes.
pub(super) const TELL_MORE: &[u8] = if cfg!(windows) { b"" } else { b"\x1b[?2004h\x1b[?1004h" };
/// No more of that.
pub(super) const TELL_LESS: &[u8] = if cfg!(windows) { b"" } else { b"\x1b[?1004l\x1b[?2004l" };

/// Let Shift+Enter differ from Enter, and tell which key a letter stands on, so that Ctrl with a Cyrillic one is known
/// (kitty's protocol).
pub(super) const TELL_KEYS: &[u8] = b"\x1b[>5u";
/// No more of that.
pub(super) const TELL_KEYS_NO_MORE: &[u8] = b"\x1b[<u";

/// Keep the window's title, to be restored (xterm's window manipulation).
pub(super) const KEEP_TITLE: &[u8] = b"\x1b[22;2t";
/// Restore it.
pub(super) const RESTORE_TITLE: &[u8] = b"\x1b[23;2t";

/// Each input row stays one row: what the terminal has no room for, because it has become narrower
/// and has not told us yet, is left out instead of wrapped.
pub(super) const CUT_OFF: &[u8] = b"\x1b[?7l";
/// The terminal wraps again.
pub(super) const WRAP: &[u8] = b"\x1b[?7h";

/// The prompt is set off from the conversation.
pub(super) const BOLD: &[u8] = b"\x1b[1m";
/// What is written is not.
pub(super) const PLAIN: &[u8] = b"\x1b[22m";

/// To the beginning of the last row, however many there are: the terminal may have got another size, and
/// not have told us yet.
pub(super) const LAST_ROW: &[u8] = b"\x1b[999;1H";

/// Nothing in the row, and on to the next.
pub(super) const ERASE_ROW: &str = "\x1b[2K\x1b[B";

/// Takes the row out; those below it move up.
pub(super) const DELETE_ROW: &str = "\x1b[M";

/// An empty terminal; what was in it stays in most terminals' scrollback.
pub(super) const CLEAR: &[u8] = b"\x1b[H\x1b[2J";

/// Moves the cursor up by so many rows, or to the first one.
pub(super) fn up(rows: usize) -> String {
    if rows == 0 { String::new() } else { format!("\x1b[{rows}A") }
}
