//! A film of a terminal as one SVG file, which moves by its style sheet alone: in a README, where a
//! picture can neither run scripts nor load anything, it plays.
//!
//! The screen is two bands, the conversation and the last row, because a key changes only the latter.
//! All that a band shows hangs below it like a strip of film behind a window, and is pulled up from
//! one state to the next. Without animation the last state is seen.

use std::collections::BTreeSet;
use std::ops::Range;

use vt100::Screen;

use super::row::{self, BACKGROUND, CELL, FOREGROUND, ROW};

/// Around the terminal, and above it for the window's bar, in pixels.
const MARGIN: usize = 16;
const BAR: usize = 40;

const FONTS: &str = "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace";

/// Everything that was seen, and when.
pub(crate) struct Film {
    columns: usize,
    rows: usize,
    frames: Vec<Frame>,
    /// In milliseconds, so far.
    pub(crate) length: u32,
}

/// What the terminal shows from a time on.
struct Frame {
    at: u32,
    /// The rows, each drawn.
    rows: Vec<String>,
}

impl Film {
    /// An empty film of a terminal of that size.
    pub(crate) fn new(columns: u16, rows: u16) -> Film {
        Film { columns: columns.into(), rows: rows.into(), frames: Vec::new(), length: 0 }
    }

    /// Adds what is on the screen, at the film's end.
    pub(crate) fn shoot(&mut self, screen: &Screen) {
        let rows = (0..screen.size().0.get()).map(|row| row::draw(screen, row)).collect();
        self.frames.push(Frame { at: self.length, rows });
    }

    /// The whole file.
    pub(crate) fn draw(&self) -> String {
        let rows = self.frames.iter().flat_map(|frame| &frame.rows).map(String::as_str);
        // A blank one needs no drawing.
        let rows: BTreeSet<&str> = rows.filter(|row| !row.is_empty()).collect();
        let rows: Vec<&str> = rows.into_iter().collect();
        let drawn = rows.iter().enumerate();
        let drawn = drawn.map(|(id, row)| format!("<g id=\"r{id}\">{row}</g>\n"));
        let last = self.rows - 1;
        let (width, height) = (self.columns * CELL + 2 * MARGIN, self.rows * ROW + BAR + MARGIN);
        format!(
            r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" font-family="{FONTS}" font-size="15" fill="{FOREGROUND}" xml:space="preserve">
<title>A session in chatclient</title>
<style>
.band{{animation:{length}ms step-end infinite}}
@media(prefers-reduced-motion:reduce){{.band{{animation:none!important}}}}
</style>
<defs>
{drawn}</defs>
<rect x="1" y="1" width="{inner_width}" height="{inner_height}" rx="10" fill="{BACKGROUND}" stroke="#484f58"/>
<circle cx="22" cy="20" r="6" fill="#ff5f57"/><circle cx="42" cy="20" r="6" fill="#febc2e"/><circle cx="62" cy="20" r="6" fill="#28c840"/>
{talk}{input}</svg>
"##,
            length = self.length,
            drawn = drawn.collect::<String>(),
            inner_width = width - 2,
            inner_height = height - 2,
            talk = self.band("talk", 0..last, &rows),
            input = self.band("input", last..self.rows, &rows),
        )
    }

    /// Some rows of the screen through the whole film; `drawn` is what there is to be used.
    fn band(&self, name: &str, rows: Range<usize>, drawn: &[&str]) -> String {
        let frames = self.frames.iter();
        let mut states: Vec<(u32, &[String])> =
            frames.map(|frame| (frame.at, &frame.rows[rows.clone()])).collect();
        states.dedup_by_key(|state| state.1);
        let (mut strip, mut steps) = (String::new(), String::new());
        let (mut shown, mut next) = (0, 0);
        for (at, state) in states {
            shown = next;
            let percent = f64::from(at) * 100.0 / f64::from(self.length);
            steps += &format!("{percent:.2}%{{transform:translateY(-{shown}px)}}");
            for row in state {
                if let Ok(id) = drawn.binary_search(&row.as_str()) {
                    strip += &format!(r##"<use href="#r{id}" y="{next}"/>"##);
                }
                next += ROW;
            }
        }
        let (width, height, top) = (self.columns * CELL, rows.len() * ROW, BAR + rows.start * ROW);
        format!(
            r#"<style>#{name}{{animation-name:{name}}}@keyframes {name}{{{steps}}}</style>
<svg x="{MARGIN}" y="{top}" width="{width}" height="{height}"><g id="{name}" class="band" transform="translate(0 -{shown})">
{strip}
</g></svg>
"#
        )
    }
}
