//! How many columns text takes in a terminal. Pure.
//!
//! Terminals disagree about characters of several code points: some join the parts of an emoji, others
//! show them side by side. Here each takes as many columns as it may take anywhere, so that what is
//! said to fit does.

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The most columns that a terminal gives to `text`, in which a tab or a line end takes one.
pub(super) fn width(text: &str) -> usize {
    if text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') {
        return text.len();
    }
    text.graphemes(true).map(grapheme_width).sum()
}

/// The same for a single character, as readers see it.
pub(super) fn grapheme_width(grapheme: &str) -> usize {
    if matches!(grapheme, "\t" | "\n") {
        return 1;
    }
    let apart = grapheme.chars().map(|c| c.width().unwrap_or(0)).sum();
    grapheme.width().max(apart)
}
