//! What a search costs, whatever is said and looked for: `cargo bench --bench search`.
//!
//! Printed is the processor's time, in milliseconds, to look through 16 MB of lines that do not have
//! all of the words: the least of some trials, since on a shared machine all the others measure what
//! else runs there.

use std::hint::black_box;

use chatroom::server::words::Matcher;
use rustix::time::{ClockId, clock_gettime};

/// What a room remembers by default, in bytes.
const MEMORY: usize = 16 << 20;

const TRIALS: usize = 7;

/// About how long the lines are, in bytes.
const LENGTHS: [usize; 3] = [8, 100, 4000];

fn main() {
    let long_word = format!("{}c", "ab".repeat(1000));
    let scripts = [
        ("ASCII", "the quick brown fox jumps over the lazy dog; ", "quack"),
        ("ASCII, two letters", "ab", "a b c"),
        ("ASCII, eight words", "abcdefg ", "ab bc cd de ef fg gh a"),
        ("ASCII, a long word", "ab", &long_word),
        ("German", "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich; ", "strasse"),
        ("Cyrillic", "Съешь же ещё этих мягких французских булок; ", "булка"),
        ("Greek", "Τάχιστη αλώπηξ βαφής ψημένη γη, δρασκελίζει υπέρ νωθρού κυνός; ", "κύων"),
        (
            "polytonic Greek",
            "Μῆνιν ἄειδε, θεά, Πηληϊάδεω Ἀχιλῆος οὐλομένην, ἣ μυρί' Ἀχαιοῖς ᾧ ",
            "ἄλγεα",
        ),
        ("Vietnamese", "Tiếng Việt là ngôn ngữ của người Việt và là ngôn ngữ chính thức; ", "quốc"),
        (
            "Vietnamese, decomposed",
            "Tie\u{302}\u{301}ng Vie\u{323}\u{302}t la\u{300} ngo\u{302}n ngu\u{31b}\u{303} cu\u{309}a ngu\u{31b}o\u{31b}\u{300}i ",
            "quốc",
        ),
        ("Chinese", "我能吞下玻璃而不伤身体。", "伤体"),
        ("Japanese", "いろはにほへと ちりぬるを わか\u{3099}よたれそ つねならむ ", "いろわ"),
        ("Korean", "다람쥐 헌 쳇바퀴에 타고파 ", "다람쥐꼬리"),
        (
            "Korean, as jamo",
            "\u{1103}\u{1161}\u{1105}\u{1161}\u{11b7}\u{110c}\u{1171} ",
            "다람쥐꼬리",
        ),
        ("Hindi", "ऋषियों को सताने वाले दुष्ट राक्षसों के राजा रावण का सर्वनाश करने वाले ", "राक्षसी"),
        ("Thai", "เป็นมนุษย์สุดประเสริฐเลิศคุณค่า กว่าบรรดาฝูงสัตว์เดรัจฉาน ", "มนุษญ"),
        ("Arabic", "نص حكيم له سر قاطع وذو شأن عظيم مكتوب على ثوب أخضر ", "كتاب"),
        ("Hebrew, with points", "בְּרֵאשִׁית בָּרָא אֱלֹהִים אֵת הַשָּׁמַיִם ", "הארץ"),
        ("emoji", "👩\u{200d}👩\u{200d}👧🎉👍🏽 🇩🇪", "🎈"),
        ("sharp s alone", "ß", "sst"),
        ("é, decomposed", "e\u{301}", "ez"),
        ("é and a mark before its own", "\u{e9}\u{323}", "ez"),
        ("piled marks", "a\u{316}\u{301}\u{321}\u{300}\u{31b}\u{323}\u{302}\u{327}", "e"),
    ];
    print!("{:30}", "CPU in ms, lines of");
    LENGTHS.iter().for_each(|length| print!("{length:>7} B"));
    println!();
    for (script, text, words) in scripts {
        print!("{script:30}");
        for length in LENGTHS {
            print!("{:9.1}", cost(&line(text, length), words));
        }
        println!();
    }
    let mut seed = 1_u64;
    let mut random = move |most: usize| {
        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (seed >> 33) as usize % most
    };
    print!("{:30}", "any letters and marks");
    for length in LENGTHS {
        let mut lines = Vec::new();
        let mut bytes = 0;
        while bytes < MEMORY {
            let mut line = "<a> ".to_owned();
            while line.len() < length {
                line.push((b'a' + random(26) as u8) as char);
                for _ in 0..random(3) {
                    line.push(char::from_u32(0x300 + random(0x30) as u32).expect("a mark"));
                }
            }
            bytes += line.len() + 1;
            lines.push(line);
        }
        print!("{:9.1}", cost_of(&lines.iter().map(|l| &**l).collect::<Vec<_>>(), "e\u{300}zzz"));
    }
    println!();
}

/// A line of a member's of about that length.
fn line(text: &str, length: usize) -> String {
    let mut line = "<a> ".to_owned();
    while line.len() < length {
        line += text;
    }
    line
}

fn cost(line: &str, words: &str) -> f64 {
    let lines: Vec<&str> = std::iter::repeat_n(line, MEMORY / (line.len() + 1)).collect();
    cost_of(&lines, words)
}

fn cost_of(lines: &[&str], words: &str) -> f64 {
    let mut matcher = Matcher::new(words);
    let trial = || {
        let begin = millis();
        let found = lines.iter().filter(|line| matcher.has_all(black_box(line))).count();
        assert_eq!(found, 0);
        millis() - begin
    };
    std::iter::repeat_with(trial).take(TRIALS).fold(f64::MAX, f64::min)
}

/// The processor's time of this thread so far.
fn millis() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e3 + time.tv_nsec as f64 / 1e6
}
