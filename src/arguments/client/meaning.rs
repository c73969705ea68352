//! What the arguments mean for the client: the configuration that they make, or what is to be done in place of joining.

use super::{Arguments, Bell, Color, Joins, Wrap, known_servers};
use crate::arguments::{Place, Places};
use crate::client::{
    self, BellChoice, ColorChoice, Config, Encryption, Errand, IdentityChoice, Input, JoinsChoice,
    OnLoss, PasswordSource, Secret, ServerAddress, WrapChoice,
};
use crate::protocol::{DEFAULT_ADDRESS, DEFAULT_PORT};

impl Arguments {
    /// What is to be done in place of joining a room, if anything is.
    #[must_use]
    pub fn errand(&self) -> Option<Errand> {
        let forget = || Errand::Forget(self.servers());
        match (self.find, self.known) {
            (true, _) => Some(Errand::Find),
            (_, true) => Some(Errand::List),
            _ => self.forget.then(forget),
        }
    }

    /// The servers, each once; without a word of the user's, the one on this machine.
    fn servers(&self) -> Vec<ServerAddress> {
        let here = [Place { host: DEFAULT_ADDRESS.to_owned(), port: None }];
        let places = self.host.as_ref().map_or(&here[..], Places::all);
        let mut servers = Vec::new();
        for Place { host, port } in places {
            let port = port.or(self.port).unwrap_or(DEFAULT_PORT);
            let server = ServerAddress { host: host.clone(), port };
            if !servers.contains(&server) {
                servers.push(server);
            }
        }
        servers
    }

    fn encryption(&self) -> Encryption {
        match &self.fingerprint {
            // A fingerprint besides stands in the environment, for other rooms.
            _ if self.plain => Encryption::Never,
            Some(fingerprint) => Encryption::Only(fingerprint.clone()),
            None if self.tls => Encryption::Always,
            None => Encryption::WherePossible,
        }
    }

    /// A file that is named counts more than a variable that may be set for every room.
    fn password(&self) -> Option<PasswordSource> {
        let given = || {
            let password = std::env::var(client::PASSWORD_VARIABLE).ok()?;
            Secret::on_first_line(&password).map(PasswordSource::Given)
        };
        self.password_file.clone().map(PasswordSource::File).or_else(given)
    }

    fn identity(&self) -> IdentityChoice {
        match &self.identity {
            // One that stands in the environment is what is usual.
            _ if self.no_identity => IdentityChoice::None,
            Some(path) => IdentityChoice::Named(path.clone()),
            None => IdentityChoice::InStateFolder,
        }
    }

    /// What cannot be done, if two arguments do not go together.
    #[must_use]
    pub fn contradiction(&self) -> Option<String> {
        let (hosts, port) = (self.host.as_ref()?.all(), self.port?);
        // One that stands in the environment is for hosts without a port.
        let is_usual = std::env::var("CHATROOM_PORT").is_ok_and(|usual| usual == port.to_string());
        let is_for_one = |host: &Place| host.port.is_none_or(|with_host| with_host == port);
        if is_usual || hosts.iter().any(is_for_one) {
            return None;
        }
        Some(match hosts {
            [Place { port: Some(with_host), .. }] => {
                format!("the port is given twice: {with_host} and {port}")
            }
            _ => format!("each of the servers has its port, so {port} is for none of them"),
        })
    }
}

impl From<Arguments> for Config {
    fn from(arguments: Arguments) -> Config {
        Config {
            encryption: arguments.encryption(),
            password: arguments.password(),
            identity: arguments.identity(),
            known_servers: known_servers(),
            learns_servers: !arguments.no_history,
            servers: arguments.servers(),
            is_nowhere: arguments.host.is_none(),
            name: arguments.name.or_else(client::login_name),
            log_file: arguments.log_file,
            log_level: arguments.log_level,
            color: match arguments.color {
                Color::Auto => ColorChoice::Auto,
                Color::Always => ColorChoice::Always,
                Color::Never => ColorChoice::Never,
            },
            bell: match arguments.bell {
                Bell::Off => BellChoice::Off,
                Bell::Mentions => BellChoice::Mentions,
                Bell::All => BellChoice::All,
            },
            wrap: match arguments.wrap {
                Wrap::Words => WrapChoice::Words,
                Wrap::Terminal => WrapChoice::Terminal,
            },
            time: arguments.time,
            highlights: arguments.highlight,
            notify: arguments.notify,
            joins: match arguments.joins {
                Joins::All => JoinsChoice::All,
                Joins::Spoken => JoinsChoice::Spoken,
                Joins::None => JoinsChoice::None,
            },
            input: match (arguments.listen, arguments.commands, arguments.json) {
                (true, _, _) => Input::Unread,
                (false, true, _) => Input::Commands,
                (false, false, true) => Input::Json,
                (false, false, false) => Input::Text,
            },
            json: arguments.json,
            quiet: arguments.quiet,
            history: if arguments.no_history { None } else { client::history_path() },
            set_aside: Vec::new(),
            on_loss: match (arguments.reconnect, arguments.no_reconnect) {
                (true, _) => Some(OnLoss::ComesBack),
                (false, true) => Some(OnLoss::Ends),
                (false, false) => None,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use clap::Parser;

    use super::super::PROGRAM;
    use super::*;

    #[test]
    fn no_identity_is_none_whatever_else_is_said() {
        let choice = |arguments: &[&str]| {
            let program = [&[PROGRAM], arguments].concat();
            Arguments::try_parse_from(program).expect("they are right").identity()
        };
        assert_eq!(choice(&[]), IdentityChoice::InStateFolder);
        let named = IdentityChoice::Named(PathBuf::from("a.pem"));
        assert_eq!(choice(&["--identity", "a.pem"]), named);
        assert_eq!(choice(&["--no-identity"]), IdentityChoice::None);
        assert_eq!(choice(&["--identity", "a.pem", "--no-identity"]), IdentityChoice::None);
    }

    #[test]
    fn a_port_is_for_the_servers_without_one_and_each_server_counts_once() {
        let read = |arguments: &[&str]| {
            let program = [&[PROGRAM], arguments].concat();
            let arguments = Arguments::try_parse_from(program).expect("they are right");
            let servers = arguments.servers();
            let servers = servers.iter().map(|it| format!("{} {}", it.host, it.port));
            (servers.collect::<Vec<_>>(), arguments.contradiction())
        };
        let right = |servers: &[&str]| (servers.iter().map(ToString::to_string).collect(), None);
        assert_eq!(read(&["a,b:5001"]), right(&["a 5000", "b 5001"]));
        assert_eq!(read(&["a,b:5001", "6000"]), right(&["a 6000", "b 5001"]));
        assert_eq!(read(&["a,b:6000,a:6000", "6000"]), right(&["a 6000", "b 6000"]));
        assert_eq!(read(&["a:6000", "6000"]), right(&["a 6000"]));
        let twice = "the port is given twice: 6000 and 6001";
        assert_eq!(read(&["a:6000", "6001"]).1.as_deref(), Some(twice));
        let none = "each of the servers has its port, so 6002 is for none of them";
        assert_eq!(read(&["a:6000,b:6001", "6002"]).1.as_deref(), Some(none));
    }
}
