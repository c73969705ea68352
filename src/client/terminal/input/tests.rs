use proptest::collection::vec;
use proptest::prelude::{Strategy, any, prop_assert_eq, prop_oneof, proptest};
use proptest::sample::select;

use super::*;
use crate::client::conversation::Focus;
use crate::client::terminal::fuzzing::{Sender, assert_is_heard};

/// The pause between two keys of a person's, which is longer than a silence.
const MOMENT: Duration = Duration::from_millis(150);

fn pictures(events: &[Event]) -> String {
    events.iter().map(picture).collect()
}

fn picture(event: &Event) -> String {
    match event {
        Event::Key(Chord::Plain(Code::Char(c))) => c.to_string(),
        Event::Key(Chord::Plain(code)) => format!("<{}>", name(*code)),
        Event::Key(Chord::Ctrl(code)) => format!("<C-{}>", name(*code)),
        Event::Key(Chord::Alt(code)) => format!("<A-{}>", name(*code)),
        Event::Key(Chord::CtrlAlt(code)) => format!("<C-A-{}>", name(*code)),
        Event::Paste(text) => format!("{{{text}}}"),
        Event::PasteTooLong => "{too long}".to_owned(),
        Event::PasteStalls => "{stalls}".to_owned(),
        Event::Focus(Focus::Here) => "{here}".to_owned(),
        Event::Focus(Focus::Away) => "{away}".to_owned(),
        Event::Resized => "{resized}".to_owned(),
    }
}

fn name(code: Code) -> String {
    match code {
        Code::Char(c) => c.to_string(),
        code => format!("{code:?}").to_lowercase(),
    }
}

/// What is told when these come, with a moment after each.
fn told(pieces: &[&[u8]]) -> String {
    told_in_chunks(pieces, usize::MAX)
}

/// The same, byte by byte, without a moment between the bytes of a piece.
fn told_bytewise(pieces: &[&[u8]]) -> String {
    told_in_chunks(pieces, 1)
}

fn told_in_chunks(pieces: &[&[u8]], size: usize) -> String {
    let mut sender = Sender::new();
    for piece in pieces {
        sender.sends(piece, size);
        sender.waits(MOMENT);
    }
    sender.waits(LATE);
    pictures(&sender.told)
}

#[track_caller]
fn assert_told(cases: &[(&[&[u8]], &str)]) {
    for (pieces, expected) in cases {
        let shown: Vec<String> =
            pieces.iter().map(|piece| piece.escape_ascii().to_string()).collect();
        assert_eq!(told(pieces), *expected, "{shown:?}");
        assert_eq!(told_bytewise(pieces), *expected, "byte by byte: {shown:?}");
    }
}

#[test]
fn a_key_is_known_by_its_sequence_in_every_terminal() {
    let cases: &[(&[u8], &str)] = &[
        (b"aZ 1~", "aZ 1~"),
        ("äß日本🎉".as_bytes(), "äß日本🎉"),
        (b"\r\n\t\x7f\x08", "<enter><C-j><tab><backspace><C-h>"),
        (b"\x01\x03\x04\x1a", "<C-a><C-c><C-d><C-z>"),
        (b"\x00\x1c\x1d\x1e\x1f", "<C- ><C-\\><C-]><C-^><C-_>"),
        // As xterm, and most others.
        (b"\x1b[A\x1b[B\x1b[C\x1b[D", "<up><down><right><left>"),
        (b"\x1b[H\x1b[F\x1b[Z", "<home><end><backtab>"),
        (b"\x1b[1;5D\x1b[1;5C\x1b[1;3D\x1b[1;2D", "<C-left><C-right><A-left><left>"),
        (b"\x1b[1;7C\x1b[1;9D", "<C-A-right><A-left>"),
        (b"\x1b[3~\x1b[3;5~\x1b[2~\x1b[5~\x1b[6~", "<delete><C-delete><other><other><other>"),
        (b"\x1b[1~\x1b[4~\x1b[7~\x1b[8~", "<home><end><home><end>"),
        (b"\x1bOA\x1bOD\x1bOH\x1bOF", "<up><left><home><end>"),
        (b"\x1bOP\x1b[15~\x1b[24;2~\x1b[1;2P", "<other><other><other><other>"),
        (b"\x1bb\x1bF\x1bd\x1b\x7f\x1b\x08", "<A-b><A-F><A-d><A-backspace><C-A-h>"),
        (b"\x1b\r\x1b@\x1bx", "<A-enter><A-@><A-x>"),
        ("\x1bé".as_bytes(), "é"),
        // Option and an arrow on a Mac, in its ways.
        (b"\x1b\x1b[D\x1b\x1bOC\x1b\x1b\x1b[D", "<A-left><A-right><A-left>"),
        // The keypad, as it may have been left.
        (b"\x1bOM\x1bOp\x1bOy\x1bOk\x1bOX", "<enter>09+="),
        // rxvt, the Linux console, SCO's console, KDE's old one.
        (b"\x1bOd\x1bOc\x1b[a\x1b[3^\x1b[7@", "<C-left><C-right><up><C-delete><C-home>"),
        (b"\x1b[[A\x1b[[E", "<other><other>"),
        (b"\x1bO5D\x1b[5C", "<C-left><C-right>"),
        // xterm's modifyOtherKeys.
        (b"\x1b[27;5;13~\x1b[27;2;13~\x1b[27;5;99~", "<C-enter><shiftenter><C-c>"),
        (b"\x1b[27;2;65~\x1b[27;6;95~\x1b[27;3;98~", "A<C-_><A-b>"),
        (b"\x1b[27;2;9~\x1b[27;5;9~", "<backtab><C-tab>"),
        // Kitty's protocol.
        (
            b"\x1b[13;2u\x1b[13u\x1b[27u\x1b[9;2u\x1b[127;3u",
            "<shiftenter><enter><esc><backtab><A-backspace>",
        ),
        (b"\x1b[99;5u\x1b[98;3u\x1b[97u\x1b[97;2u\x1b[97:65;2u", "<C-c><A-b>aAA"),
        (b"\x1b[1089::99;5u\x1b[1073::98;3u\x1b[1089::99u", "<C-c><A-b>с"),
        (b"\x1b[49:33;2u\x1b[97;65u\x1b[97;66u", "!Aa"),
        (b"\x1b[97;1:1u\x1b[97;1:2u\x1b[97;1:3u\x1b[1;1:3D\x1b[1;5:1D", "aa<C-left>"),
        (
            b"\x1b[99;9u\x1b[57358u\x1b[57400u\x1b[57414u\x1b[57417;5u",
            "<other><other>1<enter><C-left>",
        ),
        ("\x1b[97;;228u\x1b[0;;26085:26412u\x1b[228u".as_bytes(), "ä日本ä"),
        (b"\x1b[I\x1b[O", "{here}{away}"),
    ];
    for (bytes, expected) in cases {
        assert_told(&[(&[bytes], expected)]);
    }
}

#[test]
fn a_key_that_ends_in_no_known_way_is_told_after_a_moment() {
    assert_told(&[
        (&[b"\x1b"], "<esc>"),
        (&[b"\x1b\x1b"], "<esc>"),
        (&[b"\x1b[3$", b"\x1b[7$", b"x"], "<delete><home>x"),
        (&[b"\x1b_"], "<A-_>"),
        (&[b"\x1b[M", b"x"], "x"),
    ]);
}

/// Whatever a terminal says of itself is no text and takes none along.
#[test]
fn a_report_shows_nothing_and_eats_nothing() {
    let reports: &[&[u8]] = &[
        b"\x1b]11;rgb:1e1e/1e1e/1e1e\x1b\\",
        b"\x1b]10;rgb:ffff/ffff/ffff\x07",
        b"\x1b]52;c;aGVsbG8gd29ybGQ=\x07",
        b"\x1b]lthe title\x1b\\",
        b"\x1bP>|xterm(370)\x1b\\",
        b"\x1bP1$r0m\x1b\\",
        b"\x1bP!|00000000\x1b\\",
        b"\x1b_Gi=31;OK\x1b\\",
        b"\x1b^private\x1b\\",
        b"\x1bXstring\x1b\\",
        b"\x1b[?997;1n",
        b"\x1b[?2026;2$y",
        b"\x1b[4;2$y",
        b"\x1b[?1;2c",
        b"\x1b[>41;370;0c",
        b"\x1b[?62;1;6;22c",
        b"\x1b[0n",
        b"\x1b[5;12R",
        b"\x1b[?5;12R",
        b"\x1b[?1;0;256S",
        b"\x1b[?0u",
        b"\x1b[>4;2m",
        b"\x1b[8;24;80t",
        b"\x1b[48;24;80;480;800t",
        b"\x1b[2;1;1;112;112;1;0x",
        b"\x1b[<35;10;20M",
        b"\x1b[<0;10;20m",
        b"\x1b[M #!",
        b"\x1b[M\x20\xff\x80",
        b"\x1b[32;10;20M",
        b"\x1b[201~",
        // Known to nobody.
        b"\x1b[?1;2;3z",
        b"\x1b[1!p",
        b"\x1b[=5l",
        b"\x1b[38;2;1;2;3;38;2;1;2;3;38;2;1;2;3;38;2;1;2;3;38;2;1;2;3;38;2;1;2;3;38;2;1;2;3;38;2;1;2;3;\
          38;2;1;2;3;38;2;1;2;3;38;2;1;2;3;38;2;1;2;3z",
    ];
    for report in reports {
        let together = [report, &b"let me talk about cats"[..]].concat();
        assert_told(&[
            (&[report], ""),
            (&[&together], "let me talk about cats"),
            (&[report, b"l", b"et me"], "let me"),
        ]);
        // Somebody has pressed Esc just before.
        let behind_escape = [b"\x1b", *report].concat();
        assert_told(&[(&[&behind_escape, b"x"], "<esc>x")]);
    }
}

/// The end of a report may be lost, and what is typed next is no part of it.
#[test]
fn what_was_cut_short_shows_nothing_and_eats_nothing() {
    let whole: &[&[u8]] = &[
        b"\x1b]11;rgb:1e1e/1e1e/1e1e",
        b"\x1bP>|xterm(370)",
        b"\x1b_Gi=31;OK",
        b"\x1b[?997;1",
        b"\x1b[?2026;2$",
        b"\x1b[>41;370;0",
        b"\x1b[1;",
        b"\x1b[M #",
    ];
    for report in whole {
        for length in 2..=report.len() {
            let cut = &report[..length];
            let typed: &[(&[u8], &str)] = &[
                (b"let me talk", "let me talk"),
                (b"x", "x"),
                (b"3 cats", "3 cats"),
                (b"\x03", "<C-c>"),
                (b"\r", "<enter>"),
                (b"\x7f", "<backspace>"),
                (b"\x1b[D", "<left>"),
                ("äh".as_bytes(), "äh"),
                (b"\x1b[200~x\x1b[201~", "{x}"),
            ];
            for (typed, expected) in typed {
                let (cut, first) = (&[cut, &typed[..1], &typed[1..]], told(&[cut]));
                assert_eq!(told(&cut[..1]), first);
                let pieces = [cut[0], *typed];
                assert_told(&[(&pieces, &format!("{first}{expected}"))]);
            }
            // What controls something needs no silence before it.
            for (key, expected) in [(b"\x03", "<C-c>"), (b"\x04", "<C-d>"), (b"\r", "<enter>")] {
                let pieces: [&[u8]; 1] = [&[cut, key].concat()];
                assert_told(&[(&pieces, expected)]);
            }
        }
    }
}

/// On a slow way it comes in two pieces.
#[test]
fn what_comes_in_pieces_is_what_it_is_in_one() {
    assert_told(&[
        (&[b"ab", b"\x1b", b"b"], "ab<esc><A-b>"),
        (&[b"ab", b"\x1b", b"[D"], "ab<esc><left>"),
        // Better a row more than a text that is sent too soon.
        (&[b"\x1b", b"\r"], "<esc><A-enter>"),
        (&[b"\x1b[", b"D"], "<left>"),
        (&[b"\x1b[1;5", b"D"], "<C-left>"),
        (&[b"\x1b[1", b";5D"], "<C-left>"),
        (&[b"\x1bO", b"C"], "<right>"),
        (&[b"\x1b[20", b"0~x\x1b[20", b"1~"], "{x}"),
        (&[b"\x1b", b"[200~x\x1b", b"[201~"], "<esc>{x}"),
        (&[b"\x1b]11;rgb:1e1e", b"/1e1e/1e1e\x1b\\"], ""),
        (&[b"\x1b]11;rgb:1e1e/1e1e/1e1e\x1b", b"\\x"], "x"),
        (&[b"\x1b", b"]11;rgb:1e1e/1e1e/1e1e\x07"], "<esc>"),
        (&[b"\x1b[?997", b";1nx"], "x"),
        (&[b"\xe6", b"\x97", b"\xa5"], "日"),
        (&[b"\xf0\x9f", b"\x8e\x89"], "🎉"),
    ]);
}

#[test]
fn what_is_typed_behind_half_a_key_is_not_eaten() {
    assert_told(&[
        (&[b"\x1b[", b"x", b"y"], "xy"),
        (&[b"\x1bO", b"x", b"y"], "xy"),
        (&[b"\x1b", b"x", b"y"], "<esc>xy"),
        (&[b"\x1b", b"hello"], "<esc>hello"),
        (&[b"\x1b", b"[", b"x"], "<esc>[x"),
        (&[b"\x1b", b"]", b"x"], "<esc>]x"),
        (&[b"\x1b", b"\x1b[D"], "<esc><left>"),
        (&[b"\x1b\x03"], "<esc><C-c>"),
        (&[b"\x1b\t"], "<esc><tab>"),
        // Half a character, as a terminal in Latin-1 sends it.
        (&[b"\xe9", b"a", b"b"], "\u{fffd}ab"),
        (&[b"\xe9abc"], "\u{fffd}abc"),
        (&[b"\xe9\x1b[D\xe9\x03"], "\u{fffd}<left>\u{fffd}<C-c>"),
        (&[b"caf\xe9"], "caf\u{fffd}"),
        (&[b"\x80\xff\xc0\xafx"], "\u{fffd}\u{fffd}\u{fffd}\u{fffd}x"),
    ]);
}

#[test]
fn behind_an_escape_that_was_for_something_a_letter_is_a_letter() {
    let mut sender = Sender::new();
    sender.sends(b"\x1b", usize::MAX);
    sender.waits(MOMENT);
    sender.input.on_escape_answered();
    sender.sends(b"b", usize::MAX);
    assert_eq!(pictures(&sender.told), "<esc>b");
    sender.sends(b"\x1b", usize::MAX);
    sender.waits(MOMENT);
    sender.input.on_escape_answered();
    sender.sends(b"[D", usize::MAX);
    assert_eq!(pictures(&sender.told), "<esc>b<esc><left>");
    // Half a second later there is nothing to be told apart.
    sender.sends(b"\x1b", usize::MAX);
    sender.waits(SILENCE + LATE);
    sender.sends(b"b", usize::MAX);
    assert_eq!(pictures(&sender.told), "<esc>b<esc><left><esc>b");
}

#[test]
fn a_paste_is_its_text_whatever_is_in_it() {
    let cases: &[(&[u8], &str)] = &[
        (b"\x1b[200~one\ntwo\x1b[201~x", "{one\ntwo}x"),
        (b"\x1b[200~\x1b[201~", "{}"),
        (b"a\x1b[200~\x03\x04\x1b[D\x1b[20\xe9\x1b[201~b", "a{\u{3}\u{4}\x1b[D\x1b[20\u{fffd}}b"),
        (b"\x1b[200~\x1b\x1b[201~", "{\x1b}"),
    ];
    for (bytes, expected) in cases {
        assert_told(&[(&[bytes], expected)]);
        for at in 6..bytes.len() - 1 {
            let (before, after) = bytes.split_at(at);
            assert_eq!(told(&[before, after]), *expected, "{at}: {}", bytes.escape_ascii());
        }
    }
}

#[test]
fn a_long_paste_is_whole_and_one_without_end_is_bounded() {
    let text = "a line of text\n".repeat(100_000);
    let pasted = format!("\x1b[200~{text}\x1b[201~x");
    let mut sender = Sender::new();
    sender.sends(pasted.as_bytes(), 1021);
    assert!(pictures(&sender.told) == format!("{{{text}}}x"));
    let mut sender = Sender::new();
    sender.sends(b"\x1b[200~", usize::MAX);
    (0..40).for_each(|_| sender.sends(&[b'x'; 1024 * 1024], 16 * 1024));
    sender.sends(b"\x1b[201~x", usize::MAX);
    assert_eq!(pictures(&sender.told), "{too long}x");
}

const SECOND: Duration = Duration::from_secs(1);

/// A paste that has begun, with this time since.
fn open_paste(since: Duration) -> Sender {
    let mut sender = Sender::new();
    sender.sends(b"\x1b[200~half", usize::MAX);
    sender.waits(since);
    sender
}

#[test]
fn a_key_ends_a_paste_whose_end_is_lost() {
    for key in [b"\x03", b"\x04", b"\x1b"] {
        let mut sender = open_paste(SECOND);
        assert_eq!(pictures(&sender.told), "{stalls}");
        sender.sends(key, usize::MAX);
        sender.waits(MOMENT);
        sender.sends(b"x\x03", usize::MAX);
        assert_eq!(pictures(&sender.told), "{stalls}{half}x<C-c>", "{}", key.escape_ascii());
    }
    // Whoever does not wait types on.
    let mut sender = open_paste(MOMENT);
    for key in [b"\x03", b"\x04", b"\x1b", b"\x03", b"\r", b"\x03", b"a", b"b"] {
        sender.sends(key, usize::MAX);
        sender.waits(MOMENT);
    }
    sender.waits(SECOND);
    sender.sends(b"\x03\x03", usize::MAX);
    assert_eq!(pictures(&sender.told), "{stalls}{half\u{3}\u{4}\x1b\u{3}\r\u{3}ab}<C-c>");
}

#[test]
fn a_paste_that_is_only_slow_is_one_paste() {
    // A second has passed, but these are no keys.
    let mut sender = open_paste(SECOND);
    sender.sends(&[b"x".repeat(BURST), b"\x03\x04 \x1b".to_vec()].concat(), usize::MAX);
    sender.waits(MOMENT);
    sender.sends(b"\x1b", usize::MAX);
    sender.sends(b"[201~", usize::MAX);
    let text = format!("half{}\u{3}\u{4} \x1b", "x".repeat(BURST));
    assert_eq!(pictures(&sender.told), format!("{{stalls}}{{{text}}}"));
    // It is not over before its end, however long that takes: a line end would send.
    let mut sender = open_paste(SECOND * 100);
    sender.sends(b"\r/quit\r", usize::MAX);
    sender.waits(SECOND);
    sender.sends(b"\x1b[201~", usize::MAX);
    assert_eq!(pictures(&sender.told), "{stalls}{half\r/quit\r}");
}

/// Pieces of what terminals send.
fn pieces() -> impl Strategy<Value = Vec<Vec<u8>>> {
    const PIECES: &[&[u8]] = &[
        b"\x1b",
        b"\x1b[",
        b"\x1bO",
        b"\x1b]11;",
        b"\x1bP",
        b"\x1b_",
        b"\x1b\\",
        b"\x07",
        b"\x1b[200~",
        b"\x1b[201~",
        b"\x1b[M",
        b"\x1b[[",
        b"1;5",
        b"?",
        b"$",
        b"y",
        b"D",
        b"u",
        b"~",
        b"R",
        b"I",
        b"\x03",
        b"\r",
        b"\x7f",
        b"\xe9",
        b"\xe6\x97\xa5",
        b"b",
        b" ",
        b"@",
        b"\x9b",
    ];
    let piece = prop_oneof![
        6 => select(PIECES).prop_map(<[u8]>::to_vec),
        1 => vec(any::<u8>(), 0..6),
    ];
    vec(piece, 0..12)
}

proptest! {
    #[test]
    fn how_the_bytes_are_cut_makes_no_difference(pieces in vec(pieces(), 0..6)) {
        let pieces: Vec<Vec<u8>> = pieces.iter().map(|pieces| pieces.concat()).collect();
        let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
        prop_assert_eq!(told(&pieces), told_bytewise(&pieces));
    }

    #[test]
    fn nothing_wedges_the_keyboard(pieces in vec(pieces(), 0..6)) {
        let mut sender = Sender::new();
        for piece in pieces {
            sender.sends(&piece.concat(), usize::MAX);
            sender.waits(MOMENT);
        }
        assert_is_heard(sender);
    }

    /// What is typed by hand is told key by key, at once and as it is.
    #[test]
    fn text_is_text(text in "[^\\p{Cc}]*") {
        prop_assert_eq!(told(&[text.as_bytes()]), text);
    }

    #[test]
    fn what_is_not_utf_8_is_read_as_the_library_reads_it(bytes in vec(0x80_u8.., 0..20)) {
        prop_assert_eq!(told(&[&bytes]), String::from_utf8_lossy(&bytes));
    }
}
