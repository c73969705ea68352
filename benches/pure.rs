//! The pure parts, in bytes per second: `cargo bench --bench pure`.

use std::fmt::Write;
use std::hint::black_box;

use chatroom::protocol::lines::{Line, LineSplitter};
use chatroom::protocol::name::Name;
use chatroom::protocol::reply::Speech;
use chatroom::protocol::request;
use chatroom::protocol::text::make_safe;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// What a session reads at once in a flood.
const CHUNK: usize = 64 * 1024;

fn ascii() -> String {
    "The build is done: 812 tests passed, 3 were ignored, and nobody broke anything today."
        .to_owned()
}

fn mixed() -> String {
    "日本語の行 mit Umlauten äöü, ein e\u{301} und 👩‍👩‍👧, so wie Leute eben schreiben.".to_owned()
}

fn coloured() -> String {
    "\u{1b}[32m   Compiling\u{1b}[0m chatroom v0.1.0 (\u{1b}]8;;file:///x\u{1b}\\here\u{1b}]8;;\u{1b}\\)"
        .to_owned()
}

fn chunk(line: &str) -> Vec<u8> {
    let line = format!("{line}\n");
    line.repeat(CHUNK / line.len()).into_bytes()
}

fn splitting(c: &mut Criterion) {
    let mut group = c.benchmark_group("split");
    let chunk = chunk(&ascii());
    group.throughput(Throughput::Bytes(chunk.len() as u64));
    group.bench_function("lines of 85 bytes", |b| {
        let mut splitter = LineSplitter::new(4096);
        b.iter(|| {
            let mut rest = &chunk[..];
            while let Some(line) = splitter.next(&mut rest) {
                black_box(matches!(line, Line::Whole(_)));
            }
        });
    });
}

fn safety(c: &mut Criterion) {
    let mut group = c.benchmark_group("make_safe");
    for (what, line) in [("ascii", ascii()), ("mixed", mixed()), ("escapes", coloured())] {
        group.throughput(Throughput::Bytes(line.len() as u64));
        group.bench_function(what, |b| b.iter(|| black_box(make_safe(black_box(line.as_bytes())))));
    }
}

/// From a line's bytes to what is sent to the others.
fn rendering(c: &mut Criterion) {
    let mut group = c.benchmark_group("line to event");
    let name = Name::parse("alice").expect("a good name");
    for (what, line) in [("ascii", ascii()), ("mixed", mixed())] {
        group.throughput(Throughput::Bytes(line.len() as u64));
        let mut events = String::with_capacity(CHUNK);
        group.bench_function(what, |b| {
            b.iter(|| {
                events.clear();
                let text = make_safe(black_box(line.as_bytes()));
                if let Ok(request::Request::Say(text)) = request::parse(&text) {
                    writeln!(events, "{}", Speech::Said(&name, &text)).expect("a String takes all");
                }
                black_box(events.len())
            });
        });
    }
}

criterion_group!(benches, splitting, safety, rendering);
criterion_main!(benches);
