//! What keys ask the editor to do, whatever the terminal calls them.

/// What a key asks the editor to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// Write this character.
    Char(char),
    /// Send what is written.
    Enter,
    /// Go on in a row of its own.
    NewRow,
    /// One character to the left.
    Left,
    /// One character to the right.
    Right,
    /// To the beginning of the word.
    WordLeft,
    /// To the end of the word.
    WordRight,
    /// To the beginning of the row.
    Home,
    /// To the end of the row.
    End,
    /// Delete what stands before the cursor.
    Backspace,
    /// Delete what stands after the cursor.
    Delete,
    /// Cut what stands before the cursor, to the last blank.
    CutToBlank,
    /// Cut to the beginning of the word.
    CutWordLeft,
    /// Cut to the end of the word.
    CutWordRight,
    /// Cut what stands before the cursor in its row, or the end of the row before.
    CutToStart,
    /// Cut what stands after the cursor in its row, or the end of the row.
    CutToEnd,
    /// Put in what was cut last.
    Yank,
    /// Exchange the characters around the cursor.
    Transpose,
    /// Take the last change back.
    Undo,
    /// Make it again.
    Redo,
    /// A row up, or from the first one to what was sent before.
    Up,
    /// A row down, or from the last one to what was sent after that.
    Down,
    /// Search what was sent, or search on.
    Search,
    /// Complete what stands before the cursor, or take the next way to.
    Complete(Direction),
    /// Give up a search or a completion.
    Escape,
    /// Paint the input row again.
    Repaint,
    /// Write in another editor.
    Compose,
    /// Stop the program for a while.
    Suspend,
    /// Quit if the line is empty, or else delete what stands after the cursor.
    EndOfInput,
    /// Give the line up, or quit if it is empty.
    Cancel,
}

/// Which of several ways to complete a text comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The next best.
    Forward,
    /// The one before.
    Back,
}
