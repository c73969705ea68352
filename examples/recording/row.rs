//! One row of a terminal in SVG: a text for each run of cells that look alike, at its column and
//! stretched to its width, so that columns stand below each other in any font.

use vt100::{Cell, Color, Screen};

/// The size of a cell, in pixels.
pub(crate) const CELL: usize = 9;
pub(crate) const ROW: usize = 20;

/// Where the letters stand in a row.
const BASELINE: usize = 15;

pub(crate) const FOREGROUND: &str = "#e6edf3";
pub(crate) const BACKGROUND: &str = "#0d1117";

/// The first sixteen colours, each but black to be read on the background.
const PALETTE: [&str; 16] = [
    "#161b22", "#ff7b72", "#56d364", "#e3b341", "#79c0ff", "#d2a8ff", "#56d4dd", "#c9d1d9",
    "#8b949e", "#ffa198", "#7ee787", "#f2cc60", "#a5d6ff", "#e2c5ff", "#8be9f0", "#ffffff",
];

/// The steps of each of red, green and blue in the colours 16 to 231.
const CUBE: [u8; 6] = [0, 95, 135, 175, 215, 255];

/// Cells side by side that look alike.
struct Run {
    column: usize,
    columns: usize,
    text: String,
    style: Style,
}

#[derive(PartialEq)]
struct Style {
    colour: Option<String>,
    background: Option<String>,
    /// All else, as attributes of the text.
    attributes: String,
    /// A wide character is a run of its own, since its font may be another.
    width: usize,
}

/// The row, or nothing if it is blank. The cell with the cursor is inverse.
pub(crate) fn draw(screen: &Screen, row: u16) -> String {
    let mut runs: Vec<Run> = Vec::new();
    for column in 0..screen.size().1.get() {
        let Some(cell) = screen.cell(row, column).filter(|cell| !cell.is_wide_continuation())
        else {
            continue;
        };
        let has_cursor = !screen.hide_cursor() && screen.cursor_position() == (row, column);
        let style = Style::of(cell, has_cursor);
        let text = if cell.has_contents() { cell.contents() } else { " " };
        match runs.last_mut() {
            Some(run) if run.style == style && style.width == 1 => {
                run.text += text;
                run.columns += 1;
            }
            _ => runs.push(Run {
                column: column.into(),
                columns: style.width,
                text: text.to_owned(),
                style,
            }),
        }
    }
    runs.iter().map(Run::draw).collect()
}

impl Run {
    fn draw(&self) -> String {
        let Style { colour, background, attributes, .. } = &self.style;
        let mut svg = String::new();
        if let Some(colour) = background {
            let (x, width) = (self.column * CELL, self.columns * CELL);
            svg += &format!(r#"<rect x="{x}" width="{width}" height="{ROW}" fill="{colour}"/>"#);
        }
        // The blanks around it are a column each, and a byte.
        let text = self.text.trim_matches(' ');
        if !text.is_empty() {
            let left = self.text.len() - self.text.trim_start_matches(' ').len();
            let x = (self.column + left) * CELL;
            let width = (self.columns + text.len() - self.text.len()) * CELL;
            let fill = colour.as_ref().map_or(String::new(), |c| format!(r#" fill="{c}""#));
            let text = text.replace('&', "&amp;").replace('<', "&lt;");
            svg += &format!(
                r#"<text x="{x}" y="{BASELINE}" textLength="{width}"{fill}{attributes}>{text}</text>"#
            );
        }
        svg
    }
}

impl Style {
    fn of(cell: &Cell, has_cursor: bool) -> Style {
        let mut colours = (colour(cell.fgcolor()), colour(cell.bgcolor()));
        if cell.inverse() != has_cursor {
            colours = (
                colours.1.or(Some(BACKGROUND.to_owned())),
                colours.0.or(Some(FOREGROUND.to_owned())),
            );
        }
        let attributes = [
            (cell.bold(), r#" font-weight="bold""#),
            (cell.dim(), r#" fill-opacity=".65""#),
            (cell.italic(), r#" font-style="italic""#),
            (cell.underline(), r#" text-decoration="underline""#),
        ];
        Style {
            colour: colours.0,
            background: colours.1,
            attributes: attributes.iter().filter(|(has, _)| *has).map(|(_, text)| *text).collect(),
            width: if cell.is_wide() { 2 } else { 1 },
        }
    }
}

/// What a terminal's colour is in SVG, if it is not the usual one.
fn colour(colour: Color) -> Option<String> {
    let step = |index: u8| CUBE[usize::from(index % 6)];
    let (red, green, blue) = match colour {
        Color::Default => return None,
        Color::Idx(index @ ..16) => return Some(PALETTE[usize::from(index)].to_owned()),
        Color::Idx(index @ 16..232) => {
            (step((index - 16) / 36), step((index - 16) / 6), step(index - 16))
        }
        Color::Idx(index @ 232..) => {
            let grey = 8 + (index - 232) * 10;
            (grey, grey, grey)
        }
        Color::Rgb(red, green, blue) => (red, green, blue),
    };
    Some(format!("#{red:02x}{green:02x}{blue:02x}"))
}
