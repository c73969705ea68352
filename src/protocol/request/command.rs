//! The commands: their words, how they are used, and what they are for. Pure.

/// The commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// `/me`
    Me,
    /// `/msg`
    Msg,
    /// `/nick`
    Nick,
    /// `/who`
    Who,
    /// `/history`
    History,
    /// `/search`
    Search,
    /// `/register`
    Register,
    /// `/login`
    Login,
    /// `/unregister`
    Unregister,
    /// `/pass`
    Pass,
    /// `/invite`
    Invite,
    /// `/help`
    Help,
    /// `/quit`
    Quit,
    /// `/kick`
    Kick,
    /// `/mute`
    Mute,
    /// `/unmute`
    Unmute,
    /// `/ban`
    Ban,
    /// `/unban`
    Unban,
    /// `/bans`
    Bans,
    /// `/op`
    Op,
    /// `/deop`
    Deop,
    /// `/allow`
    Allow,
    /// `/erase`
    Erase,
    /// `/topic`
    Topic,
    /// `/stats`
    Stats,
    /// `/tags`
    Tags,
    /// `/resume`
    Resume,
    /// `/key`
    Key,
}

impl Command {
    /// Those for everybody, in the order in which `/help` lists them.
    pub const FOR_EVERYBODY: [Command; 12] = [
        Command::Me,
        Command::Msg,
        Command::Nick,
        Command::Who,
        Command::History,
        Command::Search,
        Command::Topic,
        Command::Register,
        Command::Login,
        Command::Unregister,
        Command::Help,
        Command::Quit,
    ];

    /// Those for who comes into a room that is not open to everybody, and brings others in.
    pub const FOR_CLOSED_ROOMS: [Command; 2] = [Command::Pass, Command::Invite];

    /// Those for operators, in the order in which `/help` lists them.
    pub const FOR_OPERATORS: [Command; 11] = [
        Command::Kick,
        Command::Mute,
        Command::Unmute,
        Command::Ban,
        Command::Unban,
        Command::Bans,
        Command::Erase,
        Command::Op,
        Command::Deop,
        Command::Allow,
        Command::Stats,
    ];

    /// Those that programs alone need, which `/help` does not list.
    pub const FOR_PROGRAMS: [Command; 3] = [Command::Tags, Command::Resume, Command::Key];

    /// All that a person types.
    pub fn for_people() -> impl Iterator<Item = Command> {
        Command::FOR_EVERYBODY
            .into_iter()
            .chain(Command::FOR_CLOSED_ROOMS)
            .chain(Command::FOR_OPERATORS)
    }

    /// All commands.
    pub fn all() -> impl Iterator<Item = Command> {
        Command::for_people().chain(Command::FOR_PROGRAMS)
    }

    /// The word that stands at the beginning of the line.
    #[must_use]
    pub fn word(self) -> &'static str {
        let usage = self.usage();
        usage.split_once(' ').map_or(usage, |(word, _)| word)
    }

    /// The whole command, with its arguments in capitals.
    #[must_use]
    pub fn usage(self) -> &'static str {
        match self {
            Command::Me => "/me TEXT",
            Command::Msg => "/msg NAME TEXT",
            Command::Nick => "/nick NAME",
            Command::Who => "/who",
            Command::History => "/history [N]",
            Command::Search => "/search [-N] WORDS",
            Command::Register => "/register PASSWORD",
            Command::Login => "/login NAME PASSWORD",
            Command::Unregister => "/unregister",
            Command::Pass => "/pass SECRET",
            Command::Invite => "/invite [FOR]",
            Command::Help => "/help",
            Command::Quit => "/quit [TEXT]",
            Command::Kick => "/kick NAME [WHY]",
            Command::Mute => "/mute NAME [FOR] [WHY]",
            Command::Unmute => "/unmute NAME",
            Command::Ban => "/ban WHOM [FOR] [WHY]",
            Command::Unban => "/unban WHOM",
            Command::Bans => "/bans",
            Command::Op => "/op NAME",
            Command::Deop => "/deop NAME",
            Command::Allow => "/allow NAME",
            Command::Erase => "/erase NAME [FOR]",
            Command::Topic => "/topic [TEXT]",
            Command::Stats => "/stats",
            Command::Tags => "/tags",
            Command::Resume => "/resume TOKEN SEQ",
            Command::Key => "/key PUBLIC SIGNATURE",
        }
    }

    /// What it is for, in a few words.
    #[must_use]
    pub fn purpose(self) -> &'static str {
        match self {
            Command::Me => "say what you do",
            Command::Msg => "say it to one member alone",
            Command::Nick => "change your name",
            Command::Who => "list who is here",
            Command::History => "show the last 20 lines again, or N",
            Command::Search => "show the newest 20, or N, with all WORDS",
            Command::Register => "make your name your own, by a password",
            Command::Login => "have the name that is your own",
            Command::Unregister => "give up the name that is your own",
            Command::Pass => "come in with the room's password, or a code",
            Command::Invite => "get a code that lets one person in",
            Command::Help => "list the commands",
            Command::Quit => "leave, with a farewell",
            Command::Kick => "remove a member, who may come back",
            Command::Mute => "let a member not speak, for 10m or FOR",
            Command::Unmute => "let a member speak again",
            Command::Ban => "keep out a NAME, ADDRESS or NETWORK",
            Command::Unban => "let back in what /bans lists",
            Command::Bans => "list who is kept out",
            Command::Op => "make a member an operator",
            Command::Deop => "make an operator a member",
            Command::Allow => "let in who owns NAME",
            Command::Erase => "remove what NAME said in the last 10m, or FOR",
            Command::Topic => "show the topic; operators set it (- for none)",
            Command::Stats => "show how the server is",
            Command::Tags => "get lines in the tagged form",
            Command::Resume => "come back after a lost connection",
            Command::Key => "prove to own a key",
        }
    }

    /// The command of that word, in any case.
    pub(super) fn from_word(word: &str) -> Option<Command> {
        Command::all().find(|command| command.word().eq_ignore_ascii_case(word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_found_by_its_word() {
        for command in Command::all() {
            assert_eq!(Command::from_word(command.word()), Some(command));
            assert!(command.word().starts_with('/'));
        }
        assert_eq!(Command::all().count(), 28);
    }
}
