//! What a line looks like besides its words: which colours there are, and the sequences for them.
//!
//! Pure: the environment is handed in. Nothing means anything by its colour alone, so a terminal
//! without colours loses nothing. A sequence is SGR of ECMA-48, and no other.

use std::fmt::Write;

use crate::protocol::name::Likeness;

/// Whether there are to be colours, as the user has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ColorChoice {
    /// As the terminal and the environment have it.
    #[default]
    Auto,
    /// Whatever the environment says.
    Always,
    /// None, and nothing bold or dim either.
    Never,
}

/// How many colours are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Colours {
    /// None, and nothing bold or dim either: no sequence at all.
    None,
    /// None, but bold, dim and reverse, which are no colours (no-color.org).
    Mono,
    /// The basic ones, whose looks are the terminal's choice.
    Sixteen,
    /// The fixed ones of the palette of 256.
    Many,
}

/// How many colours to write to a terminal, by the user's choice and the environment.
pub(super) fn colours(choice: ColorChoice, env: impl Fn(&str) -> Option<String>) -> Colours {
    colours_on(System::THIS, choice, env)
}

fn colours_on(
    system: System,
    choice: ColorChoice,
    env: impl Fn(&str) -> Option<String>,
) -> Colours {
    let depth = depth(system, &env);
    let unwanted = || env("NO_COLOR").is_some_and(|value| !value.is_empty());
    match choice {
        ColorChoice::Never => Colours::None,
        ColorChoice::Always if depth == Colours::None => Colours::Sixteen,
        ColorChoice::Auto if unwanted() && depth != Colours::None => Colours::Mono,
        ColorChoice::Always | ColorChoice::Auto => depth,
    }
}

/// What kind of system the program runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum System {
    /// TERM says what the terminal is.
    Unix,
    /// The console knows all colours, and mostly nobody sets TERM.
    Windows,
}

impl System {
    const THIS: System = if cfg!(windows) { System::Windows } else { System::Unix };
}

/// Terminals that know all colours, whose TERM has their name in it.
const ABLE: [&str; 7] = ["256color", "direct", "kitty", "alacritty", "wezterm", "foot", "ghostty"];

/// How many colours the terminal has.
fn depth(system: System, env: impl Fn(&str) -> Option<String>) -> Colours {
    let term = env("TERM").unwrap_or_default();
    let able = ABLE.iter().any(|able| term.contains(able)) || is_variant_of_xterm(&term);
    let claims = env("COLORTERM").is_some_and(|value| !value.is_empty());
    match (system, term.as_str()) {
        (_, "dumb") => Colours::None,
        (System::Windows, _) => Colours::Many,
        _ if able || claims => Colours::Many,
        (System::Unix, "") => Colours::None,
        (System::Unix, _) => Colours::Sixteen,
    }
}

/// Whether `term` is one of the many that call themselves after xterm, and not one of those whose
/// name says that they have fewer colours.
fn is_variant_of_xterm(term: &str) -> bool {
    let variant = term.strip_prefix("xterm-");
    variant.is_some_and(|variant| !variant.ends_with("color") && variant != "mono")
}

/// The colours of names, of the palette of 256, around the wheel of hues.
///
/// Of the 216 colours of the palette's cube, 68 have a contrast of at least 3:1 (WCAG 2.1, what it
/// asks for large text) to both black and white. From these a dozen were taken, clear in colour and
/// at least 18 degrees of hue apart, without the reds, which are the errors'.
const NAMES: [u8; 12] = [166, 136, 64, 28, 29, 31, 27, 63, 135, 164, 199, 168];

/// The red of errors in the palette of 256, chosen like the names' colours.
const RED: u8 = 160;

/// The colours of names, of the basic sixteen as their SGR parameters: magenta, bright red, bright
/// blue and bright magenta. As xterm shows them, these have a contrast of 3:1 to both black and
/// white; so has red, which is the errors'. Greens, yellows and cyans are lost on white, and blue
/// on black.
const BASIC_NAMES: [u8; 4] = [35, 91, 94, 95];

/// Red, as a parameter of SGR.
const BASIC_RED: u8 = 31;

/// Which of the names' colours a name has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ink(u32);

impl Ink {
    /// The ink of whoever is called so: the same everywhere and always, in any case.
    pub(super) fn of(name: &Likeness) -> Ink {
        // FNV-1a: the standard library's hash may change with its version.
        let hash = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
        Ink(name.folded().bytes().fold(0x811c_9dc5, hash))
    }

    fn of_these(self, colours: &[u8]) -> u8 {
        colours[self.0 as usize % colours.len()]
    }
}

/// From what comes next on, text is like this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// Fainter than usual, until [`Plain`](Style::Plain).
    Dim,
    /// Bolder than usual, until [`Plain`](Style::Plain).
    Bold,
    /// Neither bold nor dim.
    Plain,
    /// With the colours of text and ground exchanged, until [`Upright`](Style::Upright).
    Reverse,
    /// Not so any more.
    Upright,
    /// In a name's colour, until [`Uncoloured`](Style::Uncoloured).
    Name(Ink),
    /// In the colour of errors, until [`Uncoloured`](Style::Uncoloured).
    Error,
    /// In the terminal's own colour.
    Uncoloured,
    /// As the terminal has it of itself. It stands at the end of each line.
    Reset,
}

impl Colours {
    /// Writes what turns a terminal with so many colours to `style`.
    pub(super) fn write(self, style: Style, out: &mut String) {
        match (self, style) {
            (Colours::Sixteen, Style::Name(ink)) => basic(ink.of_these(&BASIC_NAMES), out),
            (Colours::Sixteen, Style::Error) => basic(BASIC_RED, out),
            (Colours::Many, Style::Name(ink)) => of_palette(ink.of_these(&NAMES), out),
            (Colours::Many, Style::Error) => of_palette(RED, out),
            (_, style) => out.push_str(self.sequence(style)),
        }
    }

    /// The same for what is no colour; a colour has no fixed sequence.
    pub(super) fn sequence(self, style: Style) -> &'static str {
        match (self, style) {
            (Colours::None, _) | (_, Style::Name(_) | Style::Error) => "",
            (Colours::Mono, Style::Uncoloured) => "",
            (_, Style::Dim) => "\x1b[2m",
            (_, Style::Bold) => "\x1b[1m",
            (_, Style::Plain) => "\x1b[22m",
            (_, Style::Reverse) => "\x1b[7m",
            (_, Style::Upright) => "\x1b[27m",
            (_, Style::Uncoloured) => "\x1b[39m",
            (_, Style::Reset) => "\x1b[0m",
        }
    }
}

fn basic(parameter: u8, out: &mut String) {
    // Writing to a string does not fail.
    let _ = write!(out, "\x1b[{parameter}m");
}

fn of_palette(colour: u8, out: &mut String) {
    let _ = write!(out, "\x1b[38;5;{colour}m");
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// `text` with a readable mark for each sequence.
    pub(in crate::client) fn picture(text: &str) -> String {
        let mut picture = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("\x1b[") {
            let (parameters, after) = after.split_once('m').expect("SGR and nothing else");
            let mark = match parameters {
                "0" => "{/}",
                "1" => "{bold}",
                "2" => "{dim}",
                "22" => "{plain}",
                "7" => "{reverse}",
                "27" => "{upright}",
                "39" => "{-}",
                "31" | "38;5;160" => "{red}",
                _ => "{+}",
            };
            picture += before;
            picture += mark;
            rest = after;
        }
        picture + rest
    }

    fn chosen(choice: ColorChoice, variables: &[(&str, &str)]) -> Colours {
        colours_on(System::Unix, choice, |name| {
            let found = variables.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_terminal_and_the_user_decide_about_colours() {
        use Colours::{Many, Mono, None, Sixteen};
        // TERM, the other variables, and what auto and always come to.
        type Case = (&'static str, &'static [(&'static str, &'static str)], Colours, Colours);
        let cases: &[Case] = &[
            ("xterm", &[], Sixteen, Sixteen),
            ("linux", &[], Sixteen, Sixteen),
            ("screen", &[], Sixteen, Sixteen),
            ("xterm-color", &[], Sixteen, Sixteen),
            ("xterm-16color", &[], Sixteen, Sixteen),
            ("xterm-mono", &[], Sixteen, Sixteen),
            ("xterm-256color", &[], Many, Many),
            ("tmux-256color", &[], Many, Many),
            ("xterm-direct", &[], Many, Many),
            ("xterm-kitty", &[], Many, Many),
            ("xterm-ghostty", &[], Many, Many),
            ("xterm-termite", &[], Many, Many),
            ("alacritty", &[], Many, Many),
            ("foot-extra", &[], Many, Many),
            ("wezterm", &[], Many, Many),
            ("xterm", &[("COLORTERM", "truecolor")], Many, Many),
            ("xterm", &[("COLORTERM", "")], Sixteen, Sixteen),
            ("dumb", &[], None, Sixteen),
            ("dumb", &[("COLORTERM", "truecolor")], None, Sixteen),
            ("", &[], None, Sixteen),
            ("xterm", &[("NO_COLOR", "1")], Mono, Sixteen),
            ("dumb", &[("NO_COLOR", "1")], None, Sixteen),
            ("xterm", &[("NO_COLOR", "")], Sixteen, Sixteen),
            ("xterm-256color", &[("NO_COLOR", "0")], Mono, Many),
        ];
        for (term, others, auto, always) in cases {
            let variables = [&[("TERM", *term)], *others].concat();
            assert_eq!(chosen(ColorChoice::Auto, &variables), *auto, "{variables:?}");
            assert_eq!(chosen(ColorChoice::Always, &variables), *always, "{variables:?}");
            assert_eq!(chosen(ColorChoice::Never, &variables), None, "{variables:?}");
        }
    }

    #[test]
    fn a_console_of_windows_has_all_colours() {
        let term = |value: &'static str| move |name: &str| (name == "TERM").then(|| value.into());
        assert_eq!(depth(System::Windows, |_| None), Colours::Many);
        assert_eq!(depth(System::Windows, term("xterm")), Colours::Many);
        assert_eq!(depth(System::Windows, term("dumb")), Colours::None);
        assert_eq!(depth(System::Unix, |_| None), Colours::None);
    }

    /// The red, green and blue of a colour of the palette's cube, as xterm has it.
    fn rgb(colour: u8) -> [f64; 3] {
        assert!((16..232).contains(&colour), "{colour} is not in the cube");
        let level = |step: u8| if step == 0 { 0.0 } else { 55.0 + 40.0 * f64::from(step) };
        let place = colour - 16;
        [level(place / 36), level(place / 6 % 6), level(place % 6)]
    }

    /// The relative luminance of WCAG 2.1.
    fn luminance(rgb: [f64; 3]) -> f64 {
        let linear = |level: f64| match level / 255.0 {
            low if low <= 0.03928 => low / 12.92,
            high => ((high + 0.055) / 1.055).powf(2.4),
        };
        0.2126 * linear(rgb[0]) + 0.7152 * linear(rgb[1]) + 0.0722 * linear(rgb[2])
    }

    fn assert_readable(rgb: [f64; 3]) {
        let on_black = (luminance(rgb) + 0.05) / 0.05;
        let on_white = 1.05 / (luminance(rgb) + 0.05);
        assert!(on_black >= 3.0 && on_white >= 3.0, "{rgb:?}: {on_black:.2}, {on_white:.2}");
    }

    /// In degrees around the wheel.
    fn hue([red, green, blue]: [f64; 3]) -> f64 {
        let (most, least) = (red.max(green).max(blue), red.min(green).min(blue));
        let span = most - least;
        let sixth = match most {
            most if most == red => ((green - blue) / span).rem_euclid(6.0),
            most if most == green => (blue - red) / span + 2.0,
            _ => (red - green) / span + 4.0,
        };
        60.0 * sixth
    }

    #[test]
    fn every_colour_can_be_read_on_black_and_on_white() {
        NAMES.into_iter().chain([RED]).for_each(|colour| assert_readable(rgb(colour)));
        let xterm = [[205, 0, 205], [255, 0, 0], [92, 92, 255], [255, 0, 255], [205, 0, 0]];
        xterm.into_iter().for_each(|rgb| assert_readable(rgb.map(f64::from)));
        let able = (16..232).map(rgb).map(luminance);
        let able = able.filter(|y| (y + 0.05) / 0.05 >= 3.0 && 1.05 / (y + 0.05) >= 3.0).count();
        assert_eq!(able, 68, "as the comment at the list says");
    }

    #[test]
    fn no_two_colours_of_names_are_neighbours() {
        let hues: Vec<f64> = NAMES.into_iter().chain([RED]).map(|c| hue(rgb(c))).collect();
        for (i, one) in hues.iter().enumerate() {
            for other in &hues[i + 1..] {
                let apart = (one - other).abs();
                assert!(apart.min(360.0 - apart) >= 18.0, "{one} {other}");
            }
        }
    }

    #[test]
    fn a_name_has_the_same_colour_for_ever_and_in_any_case() {
        let ink = |name: &str| Ink::of(&Likeness::of(name));
        for (name, many, basic) in
            [("alice", 168, 95), ("bob", 135, 35), ("carol", 64, 94), ("李雷", 168, 95)]
        {
            assert_eq!(ink(name).of_these(&NAMES), many, "{name}");
            assert_eq!(ink(name).of_these(&BASIC_NAMES), basic, "{name}");
        }
        assert_eq!(ink("ALICE"), ink("alice"));
        assert_eq!(ink("Zoe\u{308}"), ink("ZO\u{cb}"));
        let used: std::collections::HashSet<u8> =
            (1..100).map(|n| ink(&format!("guest{n}")).of_these(&NAMES)).collect();
        assert_eq!(used.len(), NAMES.len());
    }
}
