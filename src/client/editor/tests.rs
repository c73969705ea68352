use proptest::collection::vec;
use proptest::prelude::{Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use proptest::sample::select;

use super::*;
use crate::client::fuzzing;
use crate::protocol::arbitrary::text;

impl Editor {
    /// An editor in the middle of things: `|` is the cursor.
    fn showing(picture: &str) -> Editor {
        let mut editor = Editor::new(4096, Vec::new());
        editor.buffer.cursor = picture.find('|').expect("a cursor in the picture");
        editor.buffer.text = picture.replace('|', "");
        editor
    }

    fn picture(&self) -> String {
        format!("{}|{}", self.buffer.before(), self.buffer.after())
    }

    fn assert_valid(&self) {
        fuzzing::assert_valid(self);
        assert!(self.text().len() <= MOST, "too long");
    }

    /// Presses `keys`, where `<left>` and the like are keys of that name, and returns what was
    /// submitted.
    fn type_keys(&mut self, keys: &str) -> Vec<String> {
        let mut submitted = Vec::new();
        let mut rest = keys;
        while let Some(c) = rest.chars().next() {
            let key = match rest.strip_prefix('<').and_then(|rest| rest.split_once('>')) {
                Some((name, after)) => {
                    rest = after;
                    named(name)
                }
                None => {
                    rest = &rest[c.len_utf8()..];
                    Key::Char(c)
                }
            };
            match self.press(key) {
                Outcome::Submit(Submission { lines, .. }) => {
                    submitted.extend(lines.iter().map(|line| line.text().to_owned()));
                }
                Outcome::Complete(direction) => {
                    self.complete(direction, fruit);
                }
                _ => {}
            }
            self.assert_valid();
        }
        submitted
    }
}

/// What was sent in earlier runs.
fn sent(entries: &[&str]) -> Vec<Memorable> {
    entries.iter().map(|entry| Memorable::of_text(entry).expect("no password")).collect()
}

/// The last word's completions.
fn fruit(before: &str) -> Candidates {
    let start = before.rfind(' ').map_or(0, |blank| blank + 1);
    let all = ["apple ", "apricot ", "banana "];
    let options = all.iter().filter(|fruit| fruit.starts_with(&before[start..]));
    Candidates { start, options: options.map(ToString::to_string).collect() }
}

const NAMES: [(&str, Key); 29] = [
    ("row", Key::NewRow),
    ("enter", Key::Enter),
    ("left", Key::Left),
    ("right", Key::Right),
    ("wleft", Key::WordLeft),
    ("wright", Key::WordRight),
    ("home", Key::Home),
    ("end", Key::End),
    ("bs", Key::Backspace),
    ("del", Key::Delete),
    ("blank", Key::CutToBlank),
    ("cutl", Key::CutWordLeft),
    ("cutr", Key::CutWordRight),
    ("start", Key::CutToStart),
    ("toend", Key::CutToEnd),
    ("yank", Key::Yank),
    ("swap", Key::Transpose),
    ("undo", Key::Undo),
    ("redo", Key::Redo),
    ("up", Key::Up),
    ("down", Key::Down),
    ("search", Key::Search),
    ("tab", Key::Complete(Direction::Forward)),
    ("back", Key::Complete(Direction::Back)),
    ("esc", Key::Escape),
    ("eof", Key::EndOfInput),
    ("repaint", Key::Repaint),
    ("suspend", Key::Suspend),
    ("cancel", Key::Cancel),
];

fn named(name: &str) -> Key {
    let found = NAMES.iter().find(|(known, _)| *known == name);
    found.unwrap_or_else(|| panic!("no key is called {name}")).1
}

#[test]
fn every_key_does_what_its_name_says() {
    let cases = [
        ("|", "hi", "hi|"),
        ("hel|lo", "X", "helX|lo"),
        ("hel|lo", "<left>", "he|llo"),
        ("hel|lo", "<right><right><right>", "hello|"),
        ("|hello", "<left><bs>", "|hello"),
        ("hel|lo", "<left><bs>", "h|llo"),
        ("hel|lo", "<del>", "hel|o"),
        ("hel|lo", "<eof>", "hel|o"),
        ("hello|", "<del><eof>", "hello|"),
        ("hel|lo", "<home>", "|hello"),
        ("hel|lo", "<end>", "hello|"),
        ("one two.three|", "<wleft>", "one two.|three"),
        ("one two.three|", "<wleft><wleft><wleft>", "|one two.three"),
        ("|one, two", "<wright>", "one|, two"),
        ("|one, two", "<wright><wright><wright>", "one, two|"),
        ("日本 e\u{301}a|", "<wleft>", "日本 |e\u{301}a"),
        ("hel|lo", "<start>", "|lo"),
        ("hel|lo", "<toend>", "hel|"),
        ("one two.three|", "<blank>", "one |"),
        ("one two.three|", "<cutl>", "one two.|"),
        ("one| two.three", "<cutr>", "one|.three"),
        ("one two  | three", "<blank>", "one | three"),
        ("one two|", "<blank><blank><blank>", "|"),
        ("  |x", "<blank>", "|x"),
        ("one\u{3000}two|", "<blank>", "one\u{3000}|"),
        ("ab|cd", "<swap>", "acb|d"),
        ("abcd|", "<swap>", "abdc|"),
        ("|ab", "<swap>", "|ab"),
        ("a|", "<swap>", "a|"),
        ("a👩‍👩‍👧|🇩🇪", "<swap>", "a🇩🇪👩‍👩‍👧|"),
        ("hel|lo", "<up><down><esc>", "hel|lo"),
        ("a|b", "\t", "a\t|b"),
        ("a|b", "\u{7}\u{9b}", "a|b"),
    ];
    for (before, keys, after) in cases {
        let mut editor = Editor::showing(before);
        editor.type_keys(keys);
        assert_eq!(editor.picture(), after, "{before} {keys}");
    }
}

#[test]
fn a_character_is_what_a_reader_takes_for_one() {
    let cases = [
        ("日本|語", "<bs>", "日|語"),
        ("日本|語", "<left><del>", "日|語"),
        ("e\u{301}|x", "<left>", "|e\u{301}x"),
        ("e\u{301}|x", "<bs>", "|x"),
        ("e|x", "\u{301}", "e\u{301}|x"),
        ("👩‍👩‍👧|!", "<left>", "|👩‍👩‍👧!"),
        ("👩‍👩‍👧|!", "<bs>", "|!"),
        ("|👩‍👩‍👧!", "<del>", "|!"),
        ("🇩🇪|🇫🇷", "<right>", "🇩🇪🇫🇷|"),
        ("🇩🇪🇫🇷|", "<left><bs>", "|🇫🇷"),
        ("👍🏽|", "<bs>", "|"),
        // Neighbours that join: the cursor goes behind what they have become.
        ("|👧", "👩\u{200d}", "👩\u{200d}👧|"),
        ("|🇪", "🇩", "🇩🇪|"),
        ("ax|\u{301}", "<bs>", "a\u{301}|"),
    ];
    for (before, keys, after) in cases {
        let mut editor = Editor::showing(before);
        editor.type_keys(keys);
        assert_eq!(editor.picture(), after, "{before} {keys}");
    }
}

#[test]
fn what_was_cut_comes_back_and_cuts_that_follow_each_other_are_one() {
    let cases = [
        ("one two|", "<blank><yank><yank>", "one twotwo|"),
        ("one two three|", "<blank><blank><home><yank>", "two three|one "),
        ("one |two", "<toend><start><yank>", "one two|"),
        ("one two|", "<blank><left><toend><yank>", "one |"),
        ("one two|", "<blank>x<yank>", "one xtwo|"),
        ("one two|", "<bs><yank>", "one tw|"),
        ("|", "<yank>", "|"),
    ];
    for (before, keys, after) in cases {
        let mut editor = Editor::showing(before);
        editor.type_keys(keys);
        assert_eq!(editor.picture(), after, "{before} {keys}");
    }
}

#[test]
fn changes_are_taken_back_word_by_word_and_made_again() {
    let cases = [
        ("|", "one two<undo>", "one |"),
        ("|", "one two<undo><undo>", "|"),
        ("|", "one two<undo><undo><undo>", "|"),
        ("|", "one two<undo><undo><redo>", "one |"),
        ("|", "one two<undo><undo><redo><redo><redo>", "one two|"),
        ("|", "one two<undo>x<redo>", "one x|"),
        ("a|b", "<bs><del><undo><undo>", "a|b"),
        ("one two|", "<start><undo>", "one two|"),
        ("one two|", "<blank><home>x<undo><undo>", "one two|"),
        ("ab|", "<swap><undo>", "ab|"),
        ("|", "ap<tab><undo>", "ap|"),
    ];
    for (before, keys, after) in cases {
        let mut editor = Editor::showing(before);
        editor.type_keys(keys);
        assert_eq!(editor.picture(), after, "{before} {keys}");
    }
}

#[test]
fn tab_goes_through_what_there_is_and_through_what_was_typed() {
    let cases = [
        ("a|", "<tab>", "apple |"),
        ("a|", "<tab><tab>", "apricot |"),
        ("a|", "<tab><tab><tab>", "a|"),
        ("a|", "<tab><tab><tab><tab>", "apple |"),
        ("a|", "<back>", "apricot |"),
        ("a|", "<tab><tab><back>", "apple |"),
        ("a|", "<tab><esc>", "a|"),
        ("a|", "<tab>x<tab>", "apple x|"),
        ("eat ap|!", "<tab>", "eat apple |!"),
        ("ap| pie", "<tab>", "apple| pie"),
        ("eat x|", "<tab>", "eat x|"),
        ("b|", "<search><tab><esc>", "b|"),
    ];
    for (before, keys, after) in cases {
        let mut editor = Editor::showing(before);
        editor.type_keys(keys);
        assert_eq!(editor.picture(), after, "{before} {keys}");
    }
    let mut editor = Editor::showing("x|");
    assert_eq!(editor.complete(Direction::Forward, fruit), Outcome::Full);
}

#[test]
fn lines_that_were_sent_come_back_and_the_draft_is_kept() {
    let mut editor = Editor::new(4096, sent(&["zero"]));
    assert_eq!(editor.type_keys("one<enter>two<enter>two<enter>"), ["one", "two", "two"]);
    let cases = [
        ("dra<left>", "dr|a"),
        ("<up>", "two|"),
        ("<up>", "one|"),
        ("<up>", "zero|"),
        ("<up>", "zero|"),
        ("!<down>", "one|"),
        ("<down><down>", "dra|"),
        ("<down>", "dra|"),
    ];
    for (keys, after) in cases {
        editor.type_keys(keys);
        assert_eq!(editor.picture(), after, "{keys}");
    }
    assert_eq!(editor.type_keys("<up><up>?<enter>"), ["one?"]);
    assert_eq!(editor.type_keys("<up><enter>"), ["one?"]);
}

#[test]
fn what_was_sent_is_searched_from_the_newest_on() {
    let sent = sent(&["build 1", "test", "build 2", "ship"]);
    let cases = [
        ("dra<search>", "dra|", Prompt::Search { query: "", found: true }),
        ("<search>b", "|build 2", Prompt::Search { query: "b", found: true }),
        ("<search>b<search>", "|build 1", Prompt::Search { query: "b", found: true }),
        ("<search>b<search><search>", "|build 1", Prompt::Search { query: "b", found: false }),
        ("<search>ld 1", "bui|ld 1", Prompt::Search { query: "ld 1", found: true }),
        ("<search>x", "|", Prompt::Search { query: "x", found: false }),
        ("<search>tx", "tes|t", Prompt::Search { query: "tx", found: false }),
        ("<search>tx<bs>", "tes|t", Prompt::Search { query: "t", found: true }),
        ("dra<search>b<bs>", "dra|", Prompt::Search { query: "", found: true }),
        ("dra<search>b<esc>", "dra|", Prompt::Name),
        ("dra<search>b<end>!", "build 2!|", Prompt::Name),
        ("dra<search>b<up>", "test|", Prompt::Name),
        ("dra<search>b<down><down>", "dra|", Prompt::Name),
    ];
    for (keys, after, prompt) in cases {
        let mut editor = Editor::new(4096, sent.clone());
        editor.type_keys(keys);
        assert_eq!((editor.picture().as_str(), editor.prompt()), (after, prompt), "{keys}");
    }
    let mut editor = Editor::new(4096, sent);
    assert_eq!(editor.type_keys("<search>b<search><enter>"), ["build 1"]);
}

#[test]
fn a_paste_is_text_and_every_line_of_it_is_sent() {
    let mut editor = Editor::showing("<|>");
    assert_eq!(editor.paste("one\r\n\ttwo\rthree \x1b[31mred\x07\n\n"), Outcome::Edited);
    assert_eq!(editor.picture(), "<one\n\ttwo\nthree red|>");
    assert_eq!(editor.type_keys("<enter>"), ["<one", "\ttwo", "three red>"]);
    assert_eq!(editor.type_keys("<up><undo>"), [""; 0]);
    assert_eq!(editor.picture(), "<one\n\ttwo\nthree red>|");
}

#[test]
fn every_kind_of_line_end_ends_a_line_of_a_paste() {
    let mut editor = Editor::showing("|");
    editor.paste("a\nb\r\nc\rd\u{2028}e\u{2029}f");
    assert_eq!(editor.text(), "a\nb\nc\nd\ne\nf");
}

#[test]
fn a_paste_into_a_search_goes_into_what_was_found() {
    let mut editor = Editor::new(4096, sent(&["xy"]));
    editor.type_keys("hello world<search>x");
    assert_eq!(editor.paste("z"), Outcome::Edited);
    assert_eq!((editor.picture(), editor.prompt()), ("z|xy".to_owned(), Prompt::Name));
    editor.type_keys("<undo><undo><undo>");
    assert_eq!(editor.picture(), "|xy");
}

#[test]
fn many_lines_are_not_sent_without_a_question_and_none_is_lost() {
    let text = |lines| (0..lines).map(|i| format!("{i}\n")).collect::<String>();
    let mut editor = Editor::new(4096, Vec::new());
    editor.paste(&text(20));
    assert_eq!(editor.type_keys("<enter>").len(), 20);
    for (keys, sent) in [("<enter>y", 21), ("<enter><enter>", 21), ("<enter>n", 0)] {
        let mut editor = Editor::new(4096, Vec::new());
        editor.paste(&text(21));
        assert_eq!(editor.type_keys(keys).len(), sent, "{keys}");
        assert_eq!(editor.text().is_empty(), sent > 0);
    }
    // Another key is no answer, and does what it does.
    for (key, left) in [("<bs>", "\n28\n2|"), ("<start>", "|"), ("<cancel>", "|"), ("x", "\n29x|")]
    {
        let mut editor = Editor::new(4096, Vec::new());
        editor.paste(&text(30));
        editor.press(Key::Enter);
        assert_eq!(editor.prompt(), Prompt::Question { lines: 30, as_text: false });
        assert!(editor.type_keys(key).is_empty());
        assert!(editor.picture().ends_with(left), "{key}: {}", editor.picture());
    }
}

#[test]
fn lines_that_were_pasted_together_are_text() {
    let cases: &[(&str, &[&str])] = &[
        ("/etc/hosts\n// x\n", &["//etc/hosts", "/// x"]),
        ("a\n/quit", &["a", "//quit"]),
        // One line is one line, whatever blank ones are around it.
        ("/quit\n", &["/quit"]),
        ("\n/who", &["/who"]),
    ];
    for (pasted, lines) in cases {
        let mut editor = Editor::new(4096, Vec::new());
        editor.paste(pasted);
        assert_eq!(editor.type_keys("<enter>"), *lines, "{pasted}");
    }
}

#[test]
fn several_rows_are_for_whom_the_first_one_is() {
    let cases: &[(&str, &[&str], Option<&str>)] = &[
        ("/msg bob hi<row>/quit", &["/msg bob hi", "/msg bob /quit"], Some("bob")),
        ("/msg bob<row>hi<row><row>there", &["/msg bob hi", "/msg bob there"], Some("bob")),
        ("/me sits<row>stands up", &["/me sits", "/me stands up"], None),
        ("/r one<row>two", &["/r one", "/r two"], None),
        ("hi<row>/msg bob hi", &["hi", "//msg bob hi"], None),
    ];
    for (keys, lines, to) in cases {
        let mut editor = Editor::new(4096, Vec::new());
        editor.type_keys(keys);
        assert_eq!((editor.extent().lines, editor.extent().to), (lines.len(), *to), "{keys}");
        assert_eq!(editor.type_keys("<enter>"), *lines, "{keys}");
    }
    // What only looks like a command is not said to all without a question.
    for keys in ["/mgs bob hi<row>there", "/who<row>is there"] {
        let mut editor = Editor::new(4096, Vec::new());
        editor.type_keys(keys);
        assert_eq!(editor.type_keys("<enter>"), [""; 0], "{keys}");
        assert_eq!(editor.prompt(), Prompt::Question { lines: 2, as_text: true });
        assert_eq!(editor.type_keys("<enter>").len(), 2);
    }
}

#[test]
fn what_is_too_long_for_a_line_is_sent_in_several_and_remembered_as_one() {
    let mut editor = Editor::new(16, Vec::new());
    editor.type_keys("one two three four<row>/me five");
    assert_eq!(editor.extent(), Extent { lines: 3, ..Extent::default() });
    assert_eq!(editor.type_keys("<enter>"), ["one two three ", "four", "//me five"]);
    editor.type_keys("<up>");
    assert_eq!(editor.picture(), "one two three four\n/me five|");
    // A server of which nothing is known gets lines as they are.
    editor.set_limit(None);
    assert_eq!(editor.type_keys("<enter>"), ["one two three four", "/me five"]);
    // A paste of one line may be many.
    editor.set_limit(Some(16));
    editor.paste(&"x".repeat(16 * 21));
    assert_eq!(editor.type_keys("<enter>"), [""; 0]);
    assert_eq!(editor.prompt(), Prompt::Question { lines: 21, as_text: false });
    assert_eq!(editor.type_keys("y").len(), 21);
}

#[test]
fn keys_go_through_the_rows_before_they_go_to_what_was_sent() {
    let cases = [
        ("ab|", "<row>c", "ab\nc|"),
        ("a|b", "<row><bs>", "a|b"),
        ("a|", "<row>b<undo><undo>", "a|"),
        ("one\ntwo|\nx", "<up>", "one|\ntwo\nx"),
        ("one\ntwo|\nx", "<down>", "one\ntwo\nx|"),
        ("one\n\ntw|o", "<up><up>", "on|e\n\ntwo"),
        ("one\n\ntw|o", "<up><end><up>", "|one\n\ntwo"),
        ("on|e\ne\u{301}e\u{301}e", "<down>", "one\ne\u{301}e\u{301}|e"),
        ("one|\ntwo", "<up>", "sent|"),
        ("one|\ntwo", "<up><down>", "one\ntwo|"),
        ("one\ntw|o", "<down>", "one\ntw|o"),
        ("one\ntw|o\nx", "<home>", "one\n|two\nx"),
        ("one\ntw|o\nx", "<end>", "one\ntwo|\nx"),
        ("one\ntw|o\nx", "<start><start><start>", "|o\nx"),
        ("one\ntw|o\nx", "<start><start><yank>", "one\ntw|o\nx"),
        ("one\ntw|o\nx", "<toend><toend>", "one\ntw|x"),
        ("one\ntw|o\nx", "<toend><toend><yank>", "one\ntwo\n|x"),
        ("one\n|two", "<wleft>", "|one\ntwo"),
        ("one|\ntwo", "<wright>", "one\ntwo|"),
        ("one\ntwo|\nx", "<swap>", "one\ntow|\nx"),
        ("one\n|two", "<swap>", "one\n|two"),
        ("a\nap|", "<tab>", "a\napple |"),
        ("|a\nb", "<del><del>", "|b"),
    ];
    for (before, keys, after) in cases {
        let mut editor = Editor::showing(before);
        editor.input_history = InputHistory::of(sent(&["sent"]));
        editor.type_keys(keys);
        assert_eq!(editor.picture(), after, "{before:?} {keys}");
    }
}

#[test]
fn a_row_that_begins_like_a_command_is_not_completed_like_one() {
    for (text, given) in [("one\n/wh", "one\n/wh"), ("/msg bob\nhi al", "hi al"), ("/wh", "/wh")] {
        let mut editor = Editor::new(4096, Vec::new());
        editor.paste(text);
        editor.complete(Direction::Forward, |before| {
            assert_eq!(before, given);
            Candidates { start: before.len(), options: vec!["!".to_owned()] }
        });
        assert_eq!(editor.text(), format!("{text}!"));
    }
}

#[test]
fn ctrl_c_gives_the_line_up_before_it_leaves() {
    let mut editor = Editor::new(4096, Vec::new());
    editor.type_keys("a draft");
    assert_eq!(editor.press(Key::Cancel), Outcome::GivenUp(Memorable::of_text("a draft")));
    assert_eq!((editor.text(), editor.prompt()), ("", Prompt::Leaving));
    editor.press(Key::Up);
    assert_eq!((editor.text(), editor.prompt()), ("a draft", Prompt::Name));
    editor.type_keys("<down>");
    editor.type_keys("<start>b<search>dra");
    assert_eq!(editor.press(Key::Cancel), Outcome::Edited);
    assert_eq!(editor.text(), "b");
    assert_eq!(editor.press(Key::Cancel), Outcome::GivenUp(Memorable::of_text("b")));
    assert_eq!(editor.press(Key::Cancel), Outcome::Quit);
}

#[test]
fn a_blank_line_is_nothing_to_send() {
    let mut editor = Editor::new(4096, Vec::new());
    assert!(editor.type_keys("<enter>  <enter>\t<enter><up>").is_empty());
    assert_eq!(editor.picture(), "|");
}

#[test]
fn no_password_is_remembered() {
    assert_eq!(Memorable::of_text("one\n/login me secret"), None);
    let mut editor = Editor::new(4096, Vec::new());
    editor.type_keys("hi<enter>/PASSWORD secret<enter>/passing by<enter>");
    editor.type_keys("<up><up><up>");
    assert_eq!(editor.picture(), "hi|");
}

#[test]
fn a_secret_is_edited_unseen_and_no_key_shows_it() {
    let cases = [
        ("|", "/pass ab", "/pass ••|"),
        ("/pass a|b", "<left><bs>x", "/pass •|••"),
        ("/pass ab|", "<left>x<bs><bs>", "/pass |•"),
        ("/pass ab|", "<blank>x", "/pass •|"),
        ("/pass ab|", "<start>x", "x|"),
        ("/pass ab|", "<home><toend>x", "x|"),
        ("/pass ab|", "<home><del>", "|/pass ••"),
        ("/pass ab|", "<home>x", "|/pass ••"),
        ("/pass |ab", "<blank><cutl>", "/pass |••"),
        ("/pass |ab", "<swap>", "/pass |••"),
        ("/login alice |ab", "<blank>", "/login alice |••"),
        ("/login alice| ab", "<bs><bs>obert", "/login aliobert| ••"),
        ("/pass ab|", "<swap><wleft><wright>", "/pass ••|"),
        // What was cut is not kept, and what was cut before is.
        ("/pass ab|", "<start><yank>x", "x|"),
        ("hi|", "<start>/pass ab<blank><yank>", "/pass ••|"),
        ("hi|", "<start>/pass ab<start><yank>", "hi|"),
        // What is taken back comes again.
        ("|", "/pass ab<start><undo>", "/pass ••|"),
        ("|", "/pass ab<undo><undo><undo><redo><redo>", "/pass ••|"),
        ("|", "/pass ab<cancel><undo>", "/pass ••|"),
        ("|", "hi<enter>/pass ab<up><down>", "/pass ••|"),
        ("|", "/pass ab<enter><up>", "|"),
        ("|", "/pass ab<cancel><up>", "|"),
        ("|", "hi<enter>/pass ab<search>h<esc>", "/pass ••|"),
        // Nothing is known that could stand there.
        ("|", "/pass ap<tab>", "/pass ••|"),
        ("/pass a|", "<home><right><tab>", "/|pass •"),
    ];
    for (before, keys, after) in cases {
        let mut editor = Editor::showing(before);
        editor.type_keys(keys);
        let (shown, cursor) = secret::dotted(editor.text(), editor.cursor());
        let picture = format!("{}|{}", &shown[..cursor], &shown[cursor..]);
        assert_eq!(picture, after, "{before} {keys}");
    }
}

#[test]
fn a_paste_into_a_secret_is_a_part_of_it_unless_it_would_be_said_to_all() {
    let mut editor = Editor::showing("/pass |");
    assert_eq!(editor.paste("a b\n"), Outcome::Edited);
    assert_eq!(editor.paste("one\ntwo"), Outcome::Full);
    assert_eq!((editor.picture(), editor.has_secret()), ("/pass a b|".to_owned(), true));
    assert_eq!(editor.type_keys("<enter>"), ["/pass a b"]);
}

#[test]
fn a_secret_among_several_lines_is_not_said_without_a_question() {
    let mut editor = Editor::new(4096, Vec::new());
    editor.paste("one\n/login alice ab");
    assert_eq!(editor.type_keys("<enter>"), [""; 0]);
    assert_eq!(editor.prompt(), Prompt::Question { lines: 2, as_text: true });
    assert_eq!(editor.type_keys("n<enter>y"), ["one", "//login alice ab"]);
    // One line is what it would be if it were typed, whatever blanks are around it.
    editor.paste("\n \n/login alice ab");
    let Outcome::Submit(submission) = editor.press(Key::Enter) else { panic!("a question") };
    assert!(submission.lines[0].is_secret() && submission.entry.is_none());
}

#[test]
fn what_is_too_long_is_kept_to_be_shortened_and_has_an_end() {
    let mut editor = Editor::new(16, Vec::new());
    for command in ["/topic é01234567", "/pass 01234567890", "/msg 0123456789 ab"] {
        assert!(editor.type_keys(&format!("{command}<enter>")).is_empty(), "{command}");
        assert_eq!(editor.extent().too_long, command.len());
        assert_eq!(editor.press(Key::Enter), Outcome::TooLong(command.len()));
        assert_eq!(editor.text(), command);
        assert_eq!(editor.type_keys("<bs><bs><enter>").len(), 1);
    }
    assert_eq!(editor.paste(&"x".repeat(MOST)), Outcome::Edited);
    assert_eq!(editor.press(Key::Char('a')), Outcome::Full);
    assert_eq!(editor.paste("a"), Outcome::Full);
    assert_eq!(editor.text().len(), MOST);
}

#[test]
fn the_end_of_input_quits_only_on_an_empty_line() {
    let mut editor = Editor::new(4096, Vec::new());
    assert_eq!(editor.press(Key::Char('a')), Outcome::Edited);
    assert_eq!(editor.press(Key::EndOfInput), Outcome::Edited);
    editor.press(Key::Backspace);
    assert_eq!(editor.press(Key::EndOfInput), Outcome::Quit);
}

/// What changes the text, and nothing else.
fn change() -> impl Strategy<Value = Result<Key, String>> {
    const KEYS: [Key; 12] = [
        Key::Left,
        Key::Right,
        Key::WordLeft,
        Key::Home,
        Key::Backspace,
        Key::Delete,
        Key::CutToBlank,
        Key::CutWordLeft,
        Key::CutWordRight,
        Key::CutToEnd,
        Key::Yank,
        Key::Transpose,
    ];
    prop_oneof![
        3 => select(&KEYS[..]).prop_map(Ok),
        2 => text().prop_map(Err),
        3 => any::<char>().prop_map(|c| Ok(Key::Char(c))),
        2 => select(&['a', ' ', '\u{301}', '🇩', '\u{200d}', '日'][..]).prop_map(|c| Ok(Key::Char(c))),
    ]
}

proptest! {
    #[test]
    fn every_change_is_taken_back_and_made_again(before in text(), changes in vec(change(), 0..60)) {
        let mut editor = Editor::new(4096, Vec::new());
        editor.paste(&before);
        editor.undo = Undo::default();
        let before = editor.text().to_owned();
        for change in changes {
            match change {
                Ok(key) => editor.press(key),
                Err(text) => editor.paste(&text),
            };
            editor.assert_valid();
        }
        let after = editor.text().to_owned();
        let mut repeat = |key| {
            while editor.press(key) == Outcome::Edited {
                editor.assert_valid();
            }
            editor.text().to_owned()
        };
        prop_assert_eq!(repeat(Key::Undo), before);
        prop_assert_eq!(repeat(Key::Redo), after);
    }
}

/// Any key but those that send, leave or call something else back; or a paste.
fn edit() -> impl Strategy<Value = Result<Key, String>> {
    let other =
        [Key::Undo, Key::Redo, Key::Complete(Direction::Forward), Key::CutToStart, Key::End];
    prop_oneof![8 => change(), 2 => select(other.to_vec()).prop_map(Ok)]
}

proptest! {
    #[test]
    fn what_was_hidden_is_never_seen(edits in vec(edit(), 0..60), with_name in any::<bool>()) {
        /// In the secret alone.
        const SECRET: &str = "§§ §";
        let mut editor = Editor::new(4096, Vec::new());
        editor.paste(&format!("{} {SECRET}", if with_name { "/login alice" } else { "/pass" }));
        editor.undo = Undo::default();
        for edit in edits {
            let outcome = match edit {
                // What is typed elsewhere is no part of the secret.
                Ok(Key::Char('§')) => continue,
                Ok(key) => editor.press(key),
                Err(text) => editor.paste(&text.replace('§', "")),
            };
            if let Outcome::Complete(direction) = outcome {
                editor.complete(direction, fruit);
            }
            let shown = secret::dotted(editor.text(), editor.cursor()).0.into_owned();
            let is_text = editor.text().contains('\n') && editor.text().contains('§');
            prop_assert!(!shown.contains('§') && !is_text, "{shown}");
        }
    }
}

#[test]
fn characters_that_nobody_would_get_are_not_written() {
    let mut editor = Editor::new(100, Vec::new());
    for c in ['\u{2066}', '\u{202e}', '\u{7}', '\u{9b}'] {
        assert_eq!(editor.press(Key::Char(c)), Outcome::Edited);
    }
    assert_eq!(editor.text(), "");
    assert_eq!(editor.press(Key::Enter), Outcome::Edited, "there is nothing to send");
    // Joiners and selectors act on what is written around them.
    for c in ['a', '\t', '\u{1f469}', '\u{200d}', '\u{1f4bb}', '\u{fe0f}'] {
        editor.press(Key::Char(c));
    }
    assert_eq!(editor.text(), "a\t\u{1f469}\u{200d}\u{1f4bb}\u{fe0f}");
}
