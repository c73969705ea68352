use proptest::prelude::{Strategy, any, prop_assert, prop_assert_eq, proptest};

use super::*;
use crate::protocol::arbitrary::{name, text};
use crate::protocol::text::is_blank;

const HEX: &str = "000000000000000000000000000000ab";

#[test]
fn a_line_asks_for_what_it_says() {
    let name = |name| Name::parse(name).expect("a good name");
    let cases = [
        ("", Ok(Request::Nothing)),
        (" \t ", Ok(Request::Nothing)),
        ("\u{a0}\u{3000}", Ok(Request::Nothing)),
        ("hello", Ok(Request::Say("hello".into()))),
        ("  hello  ", Ok(Request::Say("  hello  ".into()))),
        ("\u{2800}", Ok(Request::Nothing)),
        ("//who", Ok(Request::Say("/who".into()))),
        ("//", Ok(Request::Say("/".into()))),
        ("///", Ok(Request::Say("//".into()))),
        // What shows nothing before a command does not make it public.
        (" /who", Ok(Request::Who)),
        ("\t /msg bob psst", Ok(Request::Whisper { to: "bob", text: "psst" })),
        ("\u{a0}\u{3000}/who", Ok(Request::Who)),
        ("\u{2800}/who", Ok(Request::Who)),
        ("\u{200f}/msg bob \u{645}", Ok(Request::Whisper { to: "bob", text: "\u{645}" })),
        (" /", Err(Misuse::Unknown("/"))),
        (" \u{a0}/etc x", Err(Misuse::Unknown("/etc"))),
        ("  //who", Ok(Request::Say("  /who".into()))),
        ("\t// a comment", Ok(Request::Say("\t/ a comment".into()))),
        ("/me waits", Ok(Request::Act("waits"))),
        ("/ME   waits ", Ok(Request::Act("waits "))),
        ("/me", Err(Misuse::Arguments(Command::Me))),
        ("/me  ", Err(Misuse::Arguments(Command::Me))),
        ("/me \u{2800} ", Err(Misuse::Arguments(Command::Me))),
        ("/msg bob hi there", Ok(Request::Whisper { to: "bob", text: "hi there" })),
        ("/msg  bob\thi", Ok(Request::Whisper { to: "bob", text: "hi" })),
        ("/msg bob", Err(Misuse::Arguments(Command::Msg))),
        ("/msg bob ", Err(Misuse::Arguments(Command::Msg))),
        ("/msg", Err(Misuse::Arguments(Command::Msg))),
        ("/nick alice", Ok(Request::Rename(name("alice")))),
        ("/Nick  alice ", Ok(Request::Rename(name("alice")))),
        ("/nick", Err(Misuse::Arguments(Command::Nick))),
        ("/nick a b", Err(Misuse::Arguments(Command::Nick))),
        ("/nick you", Err(Misuse::Name(BadName::Reserved("you")))),
        ("/who", Ok(Request::Who)),
        ("/who ", Ok(Request::Who)),
        ("/who bob", Err(Misuse::Arguments(Command::Who))),
        ("/history", Ok(Request::History(20))),
        ("/history 7 ", Ok(Request::History(7))),
        ("/history 99999999999999999999", Ok(Request::History(usize::MAX))),
        ("/history 0", Err(Misuse::Arguments(Command::History))),
        ("/history -1", Err(Misuse::Arguments(Command::History))),
        ("/history all", Err(Misuse::Arguments(Command::History))),
        ("/search build log", Ok(Request::Search { words: "build log", most: 20 })),
        ("/search -50  build  log ", Ok(Request::Search { words: "build  log", most: 50 })),
        ("/search build log 50", Ok(Request::Search { words: "build log 50", most: 20 })),
        ("/search 50", Ok(Request::Search { words: "50", most: 20 })),
        ("/search log -50", Ok(Request::Search { words: "log -50", most: 20 })),
        ("/search -5x", Ok(Request::Search { words: "-5x", most: 20 })),
        ("/search - 5", Ok(Request::Search { words: "- 5", most: 20 })),
        ("/search -99999999999999999999 x", Ok(Request::Search { words: "x", most: usize::MAX })),
        ("/search \"-5\"", Ok(Request::Search { words: "\"-5\"", most: 20 })),
        ("/search", Err(Misuse::Arguments(Command::Search))),
        ("/search -50 ", Err(Misuse::Arguments(Command::Search))),
        ("/search -0 log", Err(Misuse::Arguments(Command::Search))),
        ("/search ...", Err(Misuse::Search(BadQuery::NoWord))),
        ("/search -5 \"\"", Err(Misuse::Search(BadQuery::NoWord))),
        (
            "/search -8 1 2 3 4 5 6 7 H h H",
            Ok(Request::Search { words: "1 2 3 4 5 6 7 H h H", most: 8 }),
        ),
        ("/search 1 2 3 4 5 6 7 \"8 9\" 5", Err(Misuse::Search(BadQuery::TooMany))),
        ("/help", Ok(Request::Help)),
        ("/help me", Err(Misuse::Arguments(Command::Help))),
        ("/quit", Ok(Request::Quit(""))),
        ("/quit good night ", Ok(Request::Quit("good night"))),
        ("/tags", Ok(Request::Tags)),
        ("/TAGS ", Ok(Request::Tags)),
        ("/tags on", Err(Misuse::Arguments(Command::Tags))),
        (&format!("/resume {HEX} 17"), Ok(Request::Resume(Token::new(0xab), 17))),
        (&format!("/Resume  {HEX}  0 "), Ok(Request::Resume(Token::new(0xab), 0))),
        (&format!("/resume {HEX}"), Err(Misuse::Arguments(Command::Resume))),
        (&format!("/resume {HEX} -1"), Err(Misuse::Arguments(Command::Resume))),
        (&format!("/resume {HEX}0 17"), Err(Misuse::Arguments(Command::Resume))),
        ("/resume", Err(Misuse::Arguments(Command::Resume))),
        ("/etc/passwd", Err(Misuse::Unknown("/etc/passwd"))),
        ("/whois bob", Err(Misuse::Unknown("/whois"))),
        ("/", Err(Misuse::Unknown("/"))),
        ("/ who", Err(Misuse::Unknown("/"))),
    ];
    for (line, expected) in cases {
        assert_eq!(parse(line), expected, "{line:?}");
    }
}

#[test]
fn lines_for_the_connection_alone_are_not_counted() {
    for line in
        ["/tags", "/TAGS on", "/resume", "/resume x 1", " /tags", "\u{a0}/resume x", "/Key a b"]
    {
        assert!(!is_counted(line), "{line}");
    }
    for line in ["", "hi", "/me x", "/nosuch", " //tags", "//tags", "/tagsx", "/"] {
        assert!(is_counted(line), "{line}");
    }
}

#[test]
fn a_password_and_a_code_are_all_that_stands_behind_the_command() {
    let alice = Name::parse("alice").expect("a name");
    let seconds = Duration::from_secs;
    let cases = [
        ("/register a long  secret ", Ok(Request::Register("a long  secret"))),
        ("/register", Err(Misuse::Arguments(Command::Register))),
        ("/login alice my secret", Ok(Request::Login { name: alice, password: "my secret" })),
        ("/login alice", Err(Misuse::Arguments(Command::Login))),
        ("/login you secret", Err(Misuse::Name(BadName::Reserved("you")))),
        ("/unregister", Ok(Request::Unregister)),
        ("/unregister alice", Err(Misuse::Arguments(Command::Unregister))),
        ("/PASS 7q4k-2mpx", Ok(Request::Pass("7q4k-2mpx"))),
        ("/pass ", Err(Misuse::Arguments(Command::Pass))),
        ("/invite", Ok(Request::Invite(seconds(86_400)))),
        ("/invite 2h", Ok(Request::Invite(seconds(7200)))),
        ("/invite bob", Err(Misuse::Arguments(Command::Invite))),
        ("/key abc", Err(Misuse::Arguments(Command::Key))),
        ("/key abc def", Err(Misuse::Arguments(Command::Key))),
    ];
    for (line, expected) in cases {
        assert_eq!(parse(line), expected, "{line}");
    }
}

/// The line that asks for this.
fn written(request: &Request<'_>) -> String {
    match request {
        Request::Nothing => String::new(),
        Request::Say(text) => saying(text).into_owned(),
        Request::Act(text) => format!("/me {text}"),
        Request::Whisper { to, text } => format!("/msg {to} {text}"),
        Request::Rename(name) => format!("/nick {name}"),
        Request::Who => "/who".to_owned(),
        Request::History(most) => format!("/history {most}"),
        Request::Search { words, most } => format!("/search -{most} {words}"),
        Request::Help => "/help".to_owned(),
        Request::Quit(farewell) => format!("/quit {farewell}"),
        Request::Tags => "/tags".to_owned(),
        Request::Resume(token, seq) => format!("/resume {token} {seq}"),
        Request::Key(public, signature) => format!("/key {public} {signature}"),
        other => panic!("{other:?} has a test of its own"),
    }
}

proptest! {
    #[test]
    fn a_request_is_read_as_it_is_written(
        text in text().prop_filter("blank", |text| !is_blank(text)),
        name in name(),
        most in 1..usize::MAX,
        bits in any::<u128>(),
        seq in any::<u64>(),
        public: [u8; 32],
        half: [u8; 32],
    ) {
        let said = text.as_str();
        let act = from_first_shown(said);
        let words = act.trim_end();
        let to = name.as_str();
        let signature = [public, half].concat().try_into().expect("64 bytes");
        let requests = [
            Request::Nothing,
            Request::Say(said.into()),
            Request::Act(act),
            Request::Whisper { to, text: act },
            Request::Rename(name.clone()),
            Request::Who,
            Request::History(most),
            Request::Search { words, most },
            Request::Help,
            Request::Quit(words),
            Request::Tags,
            Request::Resume(Token::new(bits), seq),
            Request::Key(PublicKey::new(public), Signature::new(signature)),
        ];
        for request in requests {
            let line = written(&request);
            let is_for_programs =
                matches!(request, Request::Tags | Request::Resume(..) | Request::Key(..));
            prop_assert_eq!(is_counted(&line), !is_for_programs);
            let is_search = matches!(request, Request::Search { .. });
            let expected = match Query::parse(words) {
                Err(bad) if is_search => Err(Misuse::Search(bad)),
                _ => Ok(request),
            };
            prop_assert_eq!(parse(&line), expected);
        }
    }

    #[test]
    fn any_text_can_be_said(text in text(), beginning in "[ \t\u{a0}]{0,2}/{0,3}") {
        let text = beginning + &text;
        let said = || Request::Say(Cow::Borrowed(&text));
        let expected = if is_blank(&text) { Request::Nothing } else { said() };
        let line = saying(&text);
        prop_assert_eq!(parse(&line), Ok(expected));
    }

    #[test]
    fn whatever_is_read_is_a_part_of_the_line(line in text()) {
        let part = match parse(&line) {
            Ok(Request::Say(Cow::Borrowed(text)) | Request::Act(text) | Request::Quit(text)) => text,
            Ok(Request::Whisper { to, text }) if line.contains(to) => text,
            Ok(Request::Search { words, .. }) => words,
            Err(Misuse::Unknown(word)) => word,
            _ => "",
        };
        prop_assert!(line.contains(part), "{part:?} of {line:?}");
        prop_assert!(is_counted(&line) || from_first_shown(&line).starts_with('/'));
    }
}
