//! Whether the terminal has kitty's keyboard protocol, by which it tells Shift+Enter from Enter. Pure.
//!
//! A terminal that is not known to have it is not asked for it: some would print the question.

/// Whether the terminal has it that the environment describes. What stands between it and us, as tmux, has its own
/// `TERM`, and would not pass the question on.
pub(super) fn is_spoken(env: impl Fn(&str) -> Option<String>) -> bool {
    const TERMS: [&str; 6] =
        ["xterm-kitty", "xterm-ghostty", "foot", "alacritty", "wezterm", "rio"];
    const PROGRAMS: [&str; 3] = ["ghostty", "WezTerm", "iTerm.app"];
    let [term, program] = ["TERM", "TERM_PROGRAM"].map(|name| env(name).unwrap_or_default());
    let is_between =
        env("TMUX").is_some() || ["tmux", "screen"].iter().any(|it| term.starts_with(it));
    let is_known = TERMS.iter().any(|it| term.starts_with(it)) || PROGRAMS.contains(&&*program);
    is_known && !is_between
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_asked_if_it_is_known_and_nothing_stands_between() {
        let cases: &[(&[(&str, &str)], bool)] = &[
            (&[("TERM", "xterm-kitty")], true),
            (&[("TERM", "foot-extra")], true),
            (&[("TERM", "xterm-256color"), ("TERM_PROGRAM", "WezTerm")], true),
            (&[("TERM", "xterm-256color")], false),
            (&[("TERM", "linux")], false),
            (&[("TERM", "tmux-256color"), ("TERM_PROGRAM", "WezTerm")], false),
            (&[("TERM", "xterm-kitty"), ("TMUX", "/tmp/x")], false),
            (&[], false),
        ];
        for (variables, expected) in cases {
            let env = |name: &str| {
                let found = variables.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            };
            assert_eq!(is_spoken(env), *expected, "{variables:?}");
        }
    }
}
