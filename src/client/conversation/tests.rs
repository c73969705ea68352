use super::super::colours::tests::picture;
use super::super::typed::Typed;
use super::*;

const ME: &str = "-- you are alice, with 3 others here";

/// A minute past two on the day of that number.
fn at(day: u32) -> Moment {
    let day = NaiveDate::from_ymd_opt(2026, 11, day).expect("a day of November");
    let time = day.and_hms_opt(14, 2, 0).expect("a time of day");
    Moment { time, timing: Timing::Shown }
}

impl Conversation {
    /// One in which we are alice, on the 24th.
    fn of_alice(colours: Colours) -> Conversation {
        let mut conversation = Conversation::new(colours, Medium::Screen);
        conversation.hear(ME);
        conversation
    }

    fn hear_on(&mut self, day: u32, line: &str) -> Shown {
        let mut shown = Shown::default();
        self.receive(&Line::from(Server::Ours, line), at(day), &mut shown);
        shown
    }

    fn hear(&mut self, line: &str) -> Shown {
        self.hear_on(24, line)
    }

    /// What is sent or told, or the action's name in brackets.
    fn typed(&mut self, line: &str) -> String {
        match self.obey(&Typed::new(line)) {
            Action::Send => format!("> {line}"),
            Action::SendInstead(line) => format!("> {line}"),
            Action::Tell(line) => line,
            Action::SendAndHelp => "(help)".to_owned(),
            Action::Clear => "(clear)".to_owned(),
            Action::Open(address) => format!("(open {address})"),
            Action::TellSecrecy => "(server)".to_owned(),
        }
    }
}

#[test]
fn the_addresses_that_were_shown_are_opened_the_newest_first() {
    let mut conversation = Conversation::new(Colours::None, Medium::Screen);
    conversation.hear(ME);
    assert_eq!(conversation.typed("/open"), "!! /open: no address has been shown");
    conversation.hear("<bob> see https://a.b/1 and https://a.b/2.");
    assert_eq!(conversation.typed("/open"), "(open https://a.b/2)");
    assert_eq!(conversation.typed("/open 2"), "(open https://a.b/1)");
    conversation.hear("| 13:58 <bob> https://a.b/1");
    conversation.own("<alice> https://a.b/3", at(24), &mut Shown::default());
    let opened = [1, 2, 3].map(|number| conversation.typed(&format!("/open {number}")));
    let expected = ["https://a.b/3", "https://a.b/1", "https://a.b/2"];
    assert_eq!(opened, expected.map(|address| format!("(open {address})")));
    assert_eq!(conversation.typed("/open 4"), "!! /open: only 3 addresses are known");
    // What is not shown is not opened.
    conversation.typed("/ignore eve");
    conversation.hear("<eve> https://a.b/4");
    assert_eq!(conversation.typed("/open"), "(open https://a.b/3)");
}

#[test]
fn a_conversation_looks_like_this() {
    let lines = [
        (ME, "14:02 -- you are alice, with 3 others here"),
        ("<bob> has anyone the log?", "14:02 <bob> has anyone the log?"),
        ("* bob waits", "14:02 * bob waits"),
        ("[carol -> you] psst", "14:02 [carol -> you] psst"),
        ("[you -> carol] thanks", "14:02 [you -> carol] thanks"),
        ("!! /msg: that is you", "14:02 !! /msg: that is you"),
        ("| 13:58 <bob> hi", "13:58 | <bob> hi"),
        ("| 13:58 -- bob is now eve", "13:58 | -- bob is now eve"),
        ("something else", "14:02 something else"),
        ("", "14:02 "),
    ];
    let mut conversation = Conversation::new(Colours::None, Medium::Screen);
    for (line, expected) in lines {
        assert_eq!(conversation.hear(line).text, format!("{expected}\n"));
    }
}

#[test]
fn what_is_for_us_stands_out_and_says_so() {
    use Alert::{Line, Mention, Nothing};
    let cases = [
        ("<bob> hi", "{dim}14:02{plain} <{+}bob{-}> hi{/}\n", Line),
        ("* bob waits", "{dim}14:02{plain} * {+}bob{-} waits{/}\n", Line),
        ("<bob> Alice: hi", "{dim}14:02{plain} {bold}<{+}bob{-}> Alice: hi{/}\n", Mention),
        ("* bob greets alice", "{dim}14:02{plain} {bold}* {+}bob{-} greets alice{/}\n", Mention),
        (
            "[bob -> you] x",
            "{dim}14:02{plain} {bold}{reverse}[{+}bob{-} -> you]{upright} x{/}\n",
            Mention,
        ),
        (
            "[you -> bob] x",
            "{dim}14:02{plain} {reverse}[you -> {+}bob{-}]{upright} x{/}\n",
            Nothing,
        ),
        ("<alice> I am alice", "{dim}14:02{plain} <{+}alice{-}> I am alice{/}\n", Line),
        ("-- alice2 joined", "{dim}14:02 -- alice2 joined{/}\n", Nothing),
        ("-- bob left: alice!", "{dim}14:02 -- bob left: alice!{/}\n", Nothing),
        ("!! no alice", "{dim}14:02{plain} {bold}{red}!!{-}{plain} no alice{/}\n", Nothing),
        ("| 13:58 <bob> alice!", "{dim}13:58 |{plain} {bold}<{+}bob{-}> alice!{/}\n", Nothing),
        ("| 13:58 -- bob is now x", "{dim}13:58 | -- bob is now x{/}\n", Nothing),
    ];
    for (line, expected, alert) in cases {
        let shown = Conversation::of_alice(Colours::Many).hear(line);
        assert_eq!(picture(&shown.text), expected);
        assert_eq!(shown.alert, alert, "{line}");
    }
}

#[test]
fn we_are_mentioned_by_the_name_that_we_have_now() {
    let mut conversation = Conversation::of_alice(Colours::None);
    conversation.hear("-- you are now al");
    assert_eq!(conversation.hear("<bob> alice: hi").alert, Alert::Line);
    assert_eq!(conversation.hear("<bob> AL: hi").alert, Alert::Mention);
}

#[test]
fn the_alert_of_many_lines_is_the_most_that_one_asks_for() {
    let mut conversation = Conversation::of_alice(Colours::None);
    let mut shown = Shown::default();
    for line in ["-- bob joined", "<bob> alice!", "<bob> hi"] {
        conversation.receive(&Line::from(Server::Ours, line), at(24), &mut shown);
    }
    assert_eq!(shown.text, "14:02 -- bob joined\n14:02 <bob> alice!\n14:02 <bob> hi\n");
    assert_eq!(shown.alert, Alert::Mention);
}

#[test]
fn a_new_day_stands_above_its_first_line() {
    let mut conversation = Conversation::new(Colours::None, Medium::Screen);
    let steps = [
        (23, "<bob> late", "14:02 <bob> late\n"),
        (24, "<bob> early", "-- 2026-11-24\n14:02 <bob> early\n"),
        (24, "<bob> later", "14:02 <bob> later\n"),
        (24, "| -- 2026-11-22", "-- 2026-11-22\n"),
        (24, "| 09:00 <bob> old", "09:00 | <bob> old\n"),
        (24, "| -- 2026-11-24", "-- 2026-11-24\n"),
        (24, "| 09:00 <bob> new", "09:00 | <bob> new\n"),
        (24, "| -- 2026-11-24", ""),
        (24, "<bob> now", "14:02 <bob> now\n"),
        (24, "| -- 2026-11-23", "-- 2026-11-23\n"),
        (24, "<bob> now", "-- 2026-11-24\n14:02 <bob> now\n"),
    ];
    for (day, line, expected) in steps {
        assert_eq!(conversation.hear_on(day, line).text, expected, "{line}");
    }
    let mut shown = Shown::default();
    conversation.own("<alice> hi", at(25), &mut shown);
    assert_eq!(shown.text, "-- 2026-11-25\n14:02 <alice> hi\n");
}

#[test]
fn a_rule_stands_above_what_came_while_nobody_looked() {
    let mut conversation = Conversation::of_alice(Colours::None);
    conversation.typed("/ignore eve");
    let steps = [
        (Focus::Here, "<bob> 1", "14:02 <bob> 1\n"),
        (Focus::Away, "<eve> not shown", ""),
        (Focus::Away, "<bob> 2", "-- new\n14:02 <bob> 2\n"),
        (Focus::Away, "<bob> 3", "14:02 <bob> 3\n"),
        (Focus::Here, "<bob> 4", "14:02 <bob> 4\n"),
        (Focus::Away, "| 09:00 <bob> 5", "-- new\n09:00 | <bob> 5\n"),
    ];
    for (focus, line, expected) in steps {
        conversation.focus(focus);
        assert_eq!(conversation.hear(line).text, expected, "{line}");
    }
    conversation.focus(Focus::Here);
    conversation.focus(Focus::Away);
    conversation.focus(Focus::Here);
    assert_eq!(conversation.hear("<bob> 6").text, "14:02 <bob> 6\n");
}

#[test]
fn where_lines_were_missed_there_is_a_rule_on_a_screen_and_a_line_elsewhere() {
    for line in ["-- you missed 3 lines (you were away)", NOT_SEEN] {
        for (medium, expected) in
            [(Medium::Screen, format!("{line}\n")), (Medium::Lines, format!("14:02 {line}\n"))]
        {
            let mut shown = Shown::default();
            let mut conversation = Conversation::new(Colours::None, medium);
            conversation.receive(&Line::from(Server::Ours, line), at(24), &mut shown);
            assert_eq!(shown.text, expected);
        }
    }
}

#[test]
fn our_own_lines_and_the_clients_have_their_time_too() {
    let mut conversation = Conversation::of_alice(Colours::Sixteen);
    let mut shown = Shown::default();
    conversation.own("<alice> I, alice", at(24), &mut shown);
    conversation.own("* alice waits", at(24), &mut shown);
    conversation.own("<you> unnamed", at(24), &mut shown);
    conversation.notice("the log is lost", at(24), &mut shown);
    conversation.tell("!! /r: no", at(24), &mut shown);
    let expected = "{dim}14:02{plain} <{+}alice{-}> I, alice{/}\n\
        {dim}14:02{plain} * {+}alice{-} waits{/}\n\
        {dim}14:02{plain} <you> unnamed{/}\n\
        {dim}14:02 -- the log is lost{/}\n\
        {dim}14:02{plain} {bold}{red}!!{-}{plain} /r: no{/}\n";
    assert_eq!(picture(&shown.text), expected);
    assert_eq!(shown.alert, Alert::Nothing);
}

#[test]
fn nothing_is_read_into_the_lines_of_another_server() {
    for line in ["<bob> alice", "-- bob joined", "| 13:58 <bob> hi", "[bob -> you] hi", "hi"] {
        let mut conversation = Conversation::of_alice(Colours::Many);
        let mut shown = Shown::default();
        conversation.receive(&Line::from(Server::Foreign, line), at(24), &mut shown);
        assert_eq!(picture(&shown.text), format!("{{dim}}14:02{{plain}} {line}{{/}}\n"));
        assert_eq!(shown.alert, Alert::Line);
        assert!(conversation.candidates("b").options.is_empty());
    }
}

#[test]
fn nothing_is_seen_of_whom_we_ignore() {
    let mut conversation = Conversation::of_alice(Colours::None);
    assert_eq!(conversation.typed("/ignore Bob"), "-- Bob is ignored, on this screen alone");
    let hidden = [
        "<bob> alice: hi",
        "* BOB waits for alice",
        "[bob -> you] hi",
        "-- bob left: alice!",
        "-- bob joined",
        "| 13:58 <bob> hi",
        "| 13:58 [bob -> you] hi",
        "| 13:58 -- bob is now carol",
        "-- bob is now robert",
        "<robert> it is me",
    ];
    for line in hidden {
        assert_eq!(conversation.hear(line), Shown::default(), "{line}");
    }
    for line in ["<bobby> hi", "[you -> robert] hi", "<carol> bob is here", "-- 1 here: robert"] {
        assert!(!conversation.hear(line).text.is_empty(), "{line}");
    }
    assert_eq!(conversation.typed("/ignore"), "-- ignored: robert");
    assert_eq!(conversation.typed("/unignore ROBERT"), "-- ROBERT is not ignored any more");
    assert!(!conversation.hear("<robert> me again").text.is_empty());
}

#[test]
fn who_is_not_here_is_ignored_and_that_is_told() {
    let mut conversation = Conversation::of_alice(Colours::None);
    conversation.hear("-- 2 here: alice, bob");
    let told =
        "-- nobody here is called Bbo; who comes under that name is ignored, on this screen alone";
    assert_eq!(conversation.typed("/ignore Bbo"), told);
    assert_eq!(conversation.typed("/ignore BOB"), "-- BOB is ignored, on this screen alone");
    assert_eq!(conversation.hear("<bbo> hi"), Shown::default());
}

#[test]
fn a_wrong_command_is_told_how_it_goes() {
    let mut conversation = Conversation::of_alice(Colours::None);
    let cases = [
        ("hello", "> hello"),
        ("/msg bob hi", "> /msg bob hi"),
        ("/frob", "> /frob"),
        ("/help", "(help)"),
        ("/clear", "(clear)"),
        ("/clear x", "!! /clear goes like this: /clear"),
        ("/ignore a b", "!! /ignore goes like this: /ignore [NAME]"),
        ("/ignore ALICE", "!! /ignore: that is you"),
        ("/ignore you", "!! /ignore: nobody can be called you"),
        ("/ignore", "-- nobody is ignored"),
        ("/unignore", "!! /unignore goes like this: /unignore NAME"),
        ("/unignore bob", "!! /unignore: bob is not ignored"),
        ("/ignore bob", "-- bob is ignored, on this screen alone"),
        ("/ignore Bob", "!! /ignore: Bob is ignored already"),
        ("/r", "!! /r goes like this: /r TEXT"),
    ];
    for (line, expected) in cases {
        assert_eq!(conversation.typed(line), expected, "{line}");
    }
}

#[test]
fn an_answer_goes_to_whoever_wrote_last_and_else_to_whom_we_wrote() {
    let mut conversation = Conversation::of_alice(Colours::None);
    conversation.typed("/ignore eve");
    let steps = [
        ("<bob> hi", "!! /r: there is no private line to answer"),
        ("| 13:58 [bob -> you] hi", "!! /r: there is no private line to answer"),
        ("[you -> bob] hi", "> /msg bob hi there"),
        ("-- bob is now rob", "> /msg rob hi there"),
        ("[carol -> you] hi", "> /msg carol hi there"),
        ("[eve -> you] hi", "> /msg carol hi there"),
        ("[you -> rob] hi", "> /msg carol hi there"),
        ("-- carol is now cate", "> /msg cate hi there"),
        ("-- cate left", "> /msg cate hi there"),
    ];
    for (line, expected) in steps {
        conversation.hear(line);
        assert_eq!(conversation.typed("/r  hi there"), expected, "{line}");
    }
}

#[test]
fn whoever_was_heard_last_is_completed_first() {
    let mut conversation = Conversation::of_alice(Colours::None);
    conversation.typed("/ignore bill");
    let lines =
        ["* bob waits", "[ben -> you] hi", "[you -> bart] hi", "<bill> hi", "| 13:58 <bea> hi"];
    for line in lines {
        conversation.hear(line);
    }
    let candidates = conversation.candidates("ask b");
    assert_eq!(candidates.start, 4);
    assert_eq!(candidates.options, ["ben ", "bob ", "bart ", "bill "]);
}

/// Every two pieces of what a line may be made of, on a server of each kind.
#[test]
fn the_looks_are_nothing_but_the_looks() {
    const PIECES: [&str; 14] = [
        "<bob> ",
        "* bob ",
        "[bob -> you] ",
        "[you -> bob] ",
        "-- ",
        "!! ",
        "| ",
        "14:05 ",
        "alice",
        "日本",
        "bob joined",
        "2026-11-22",
        "",
        "\t",
    ];
    for i in 0..PIECES.len().pow(3) {
        let line = [PIECES[i / 196], PIECES[i / 14 % 14], PIECES[i % 14]].concat();
        for server in [Server::Ours, Server::Foreign] {
            let mut plain = Shown::default();
            let mut conversation = Conversation::of_alice(Colours::None);
            conversation.focus(Focus::Away);
            conversation.receive(&Line::from(server, &line), at(25), &mut plain);
            assert!(!plain.text.contains('\u{1b}'), "{line}");
            for colours in [Colours::Sixteen, Colours::Many] {
                let mut shown = Shown::default();
                let mut conversation = Conversation::of_alice(colours);
                conversation.focus(Focus::Away);
                conversation.receive(&Line::from(server, &line), at(25), &mut shown);
                let ends_reset = |line: &str| line.ends_with("\u{1b}[0m");
                assert!(shown.text.lines().all(ends_reset), "{:?}", shown.text);
                assert_eq!(without_sequences(&shown.text), plain.text, "{line}");
                assert_eq!(shown.alert, plain.alert, "{line}");
            }
        }
    }
}

fn without_sequences(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let first = parts.next().unwrap_or_default().to_owned();
    let end = |part: &str| part.find('m').expect("SGR and nothing else") + 1;
    first + &parts.map(|part| &part[end(part)..]).collect::<String>()
}
