//! How the terminal calls its user: by its bell, and by its window's notifications and title.

use std::time::{Duration, Instant};

use super::{Face, Terminal};
use crate::client::attention::{self, Notifier};
use crate::client::config::BellChoice;
use crate::client::conversation::Alert;

/// How long there is no further call after one: many lines are no alarm.
const REST: Duration = Duration::from_secs(1);

/// How the terminal's window tells of what comes while it is not in focus.
#[derive(Debug)]
pub(in crate::client) struct Window {
    /// How it shows notifications, if it is known to.
    pub(in crate::client) notifier: Option<Notifier>,
    /// The server, as the user named it.
    pub(in crate::client) host: String,
}

impl Terminal {
    /// Whether its window is known to show notifications, and is to.
    pub(in crate::client) fn shows_notifications(&self) -> bool {
        self.window.as_ref().is_some_and(|window| window.notifier.is_some())
    }

    /// Has the window's title say how much is unread, if it is to and does not yet.
    pub(super) fn set_title(&self, face: &mut Face) {
        let unread = face.conversation.unread();
        if let Some(window) = &self.window
            && face.titled.replace(unread) != Some(unread)
        {
            face.screen.command(&attention::title(unread, &window.host));
        }
    }

    /// Calls the user to the conversation, if what has come asks for it.
    pub(super) fn call(&self, face: &mut Face, alert: Alert) {
        if face.rang.is_some_and(|rang| rang.elapsed() < REST) {
            return;
        }
        let notifier = self.window.as_ref().and_then(|window| window.notifier);
        let notification = face.call.take().zip(notifier);
        let rings = self.rings_for(alert);
        if rings || notification.is_some() {
            face.rang = Some(Instant::now());
        }
        if rings {
            face.screen.ring();
        }
        if let Some((line, notifier)) = notification {
            face.screen.command(&notifier.sequence(&line));
        }
    }

    fn rings_for(&self, alert: Alert) -> bool {
        match (self.bell, alert) {
            (BellChoice::Off, _) | (_, Alert::Nothing) => false,
            (BellChoice::Mentions, alert) => alert == Alert::Mention,
            (BellChoice::All, Alert::Line | Alert::Mention) => true,
        }
    }
}
