//! What the console tells of on Windows, where crossterm knows how to ask it.

use std::io;
use std::time::Duration;

use crossterm::event::{self, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::Event;
use crate::client::conversation::Focus;
use crate::client::exit::Exit;
use crate::client::keys::{Chord, Code};
use crate::problem::Problem;

/// The events of the console.
pub(in crate::client) struct Events;

impl Events {
    /// # Errors
    ///
    /// None here.
    pub(in crate::client) fn begin(_: &Exit) -> Result<Events, Problem> {
        Ok(Events)
    }

    /// Nothing reads the console besides the caller.
    pub(in crate::client) fn pause(&self) {}

    /// The caller reads it again.
    pub(in crate::client) fn resume(&self) {}

    /// Waits for the next event, or for as long as `timeout`. `None` if there is none by then.
    ///
    /// # Errors
    ///
    /// The console cannot be read.
    pub(in crate::client) fn next(
        &mut self,
        timeout: Option<Duration>,
    ) -> io::Result<Option<Event>> {
        loop {
            if let Some(timeout) = timeout
                && !event::poll(timeout)?
            {
                return Ok(None);
            }
            if let Some(event) = told(event::read()?) {
                return Ok(Some(event));
            }
        }
    }

    /// The console tells Esc from Alt.
    pub(in crate::client) fn on_escape_answered(&mut self) {}
}

fn told(event: event::Event) -> Option<Event> {
    match event {
        event::Event::Key(key) => chord(&key).map(Event::Key),
        event::Event::FocusGained => Some(Event::Focus(Focus::Here)),
        event::Event::FocusLost => Some(Event::Focus(Focus::Away)),
        event::Event::Resize(..) => Some(Event::Resized),
        event::Event::Mouse(_) => None,
    }
}

/// Windows tells of a key's release, too.
fn chord(key: &KeyEvent) -> Option<Chord> {
    if key.kind == KeyEventKind::Release {
        return None;
    }
    let code = match key.code {
        KeyCode::Char(c) => Code::Char(c),
        KeyCode::Enter if key.modifiers.contains(KeyModifiers::SHIFT) => Code::ShiftEnter,
        KeyCode::Enter => Code::Enter,
        KeyCode::Tab => Code::Tab,
        KeyCode::BackTab => Code::BackTab,
        KeyCode::Esc => Code::Esc,
        KeyCode::Backspace => Code::Backspace,
        KeyCode::Delete => Code::Delete,
        KeyCode::Left => Code::Left,
        KeyCode::Right => Code::Right,
        KeyCode::Up => Code::Up,
        KeyCode::Down => Code::Down,
        KeyCode::Home => Code::Home,
        KeyCode::End => Code::End,
        _ => Code::Other,
    };
    let has = |modifier| key.modifiers.contains(modifier);
    Some(Chord::new(code, has(KeyModifiers::CONTROL), has(KeyModifiers::ALT)))
}
