//! Lines that a member says, as they go to the log of a room that several servers hold: not rendered, since the name that
//! the member has then is known where they are applied. Pure.

/// One line of a member's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Utterance<'a> {
    /// What becomes of it.
    pub(crate) manner: Manner,
    /// What it says; nothing for [`Manner::Silent`].
    pub(crate) text: &'a str,
}

/// What becomes of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// It is said.
    Said,
    /// It is done (`/me`).
    Done,
    /// It is taken, and no event: it was answered, or there was nothing in it.
    Silent,
}

/// Lines that were gathered, in their order.
#[derive(Debug, Default)]
pub(crate) struct Utterances {
    /// Of each its number, what becomes of it, and where its text ends.
    lines: Vec<(u64, Manner, usize)>,
    /// Their texts, one behind the other.
    texts: String,
}

/// How many bytes an utterance has in the log besides its text.
const OVERHEAD: usize = 3;

impl Utterances {
    /// Adds the line of that number, which is higher than those before.
    pub(crate) fn push(&mut self, line: u64, manner: Manner, text: &str) {
        self.texts.push_str(text);
        self.lines.push((line, manner, self.texts.len()));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// How many bytes their texts have.
    pub(crate) fn bytes(&self) -> usize {
        self.texts.len()
    }

    /// Becomes empty, and keeps its memory.
    pub(crate) fn clear(&mut self) {
        self.lines.clear();
        self.texts.clear();
    }

    /// All lines behind `told` up to `last`, in portions of about `most` bytes, each with the number of its last line. Those
    /// that were not added are silent.
    pub(crate) fn portions(
        &self,
        told: u64,
        last: u64,
        most: usize,
        mut take: impl FnMut(u64, Vec<Utterance<'_>>),
    ) {
        let mut said = self.lines.iter().scan(0, |from, &(line, manner, end)| {
            let text = &self.texts[std::mem::replace(from, end)..end];
            Some((line, Utterance { manner, text }))
        });
        let mut next = said.next();
        let (mut portion, mut bytes) = (Vec::new(), 0);
        for line in told + 1..=last {
            let utterance = match next {
                Some((number, utterance)) if number == line => {
                    next = said.next();
                    utterance
                }
                _ => Utterance { manner: Manner::Silent, text: "" },
            };
            bytes += OVERHEAD + utterance.text.len();
            if bytes > most && !portion.is_empty() {
                take(line - 1, std::mem::take(&mut portion));
                bytes = OVERHEAD + utterance.text.len();
            }
            portion.push(utterance);
        }
        if !portion.is_empty() {
            take(last, portion);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_in_one_portion_and_what_was_not_said_is_silent() {
        let mut gathered = Utterances::default();
        gathered.push(3, Manner::Said, "three");
        gathered.push(5, Manner::Done, "five");
        let mut portions = Vec::new();
        gathered.portions(1, 6, 12, |last, lines| {
            let lines: Vec<_> =
                lines.iter().map(|line| (line.manner, line.text.to_owned())).collect();
            portions.push((last, lines));
        });
        let silent = (Manner::Silent, String::new());
        let said = |manner, text: &str| (manner, text.to_owned());
        let expected = [
            (3, vec![silent.clone(), said(Manner::Said, "three")]),
            (5, vec![silent.clone(), said(Manner::Done, "five")]),
            (6, vec![silent]),
        ];
        assert_eq!(portions, expected);
        gathered.clear();
        gathered.portions(6, 6, 12, |_, _| panic!("there is nothing"));
        assert!(gathered.is_empty() && gathered.bytes() == 0);
    }
}
