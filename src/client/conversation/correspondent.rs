//! Whom `/r` answers. Pure.

/// Those whom we exchanged private lines with last.
#[derive(Debug, Default)]
pub(super) struct Correspondent {
    /// Whose private line came last.
    heard_from: Option<String>,
    /// Whom our last private line went to.
    wrote_to: Option<String>,
}

impl Correspondent {
    /// Whose private line came last, and if none has come, whom our last one went to. Whoever has
    /// left stays it: the server knows best who is here.
    pub(super) fn name(&self) -> Option<&str> {
        self.heard_from.as_deref().or(self.wrote_to.as_deref())
    }

    /// A private line has come.
    pub(super) fn heard_from(&mut self, name: &str) {
        self.heard_from = Some(name.to_owned());
    }

    /// A private line has gone.
    pub(super) fn wrote_to(&mut self, name: &str) {
        self.wrote_to = Some(name.to_owned());
    }

    /// Whoever was meant is meant under the new name too.
    pub(super) fn rename(&mut self, old: &str, new: &str) {
        for name in [&mut self.heard_from, &mut self.wrote_to].into_iter().flatten() {
            if name == old {
                new.clone_into(name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_wrote_last_is_answered_and_else_whom_we_wrote_to() {
        let mut correspondent = Correspondent::default();
        assert_eq!(correspondent.name(), None);
        correspondent.wrote_to("bob");
        correspondent.rename("bob", "rob");
        correspondent.rename("bob", "bobby");
        assert_eq!(correspondent.name(), Some("rob"));
        correspondent.heard_from("carol");
        correspondent.wrote_to("bob");
        assert_eq!(correspondent.name(), Some("carol"));
        correspondent.rename("carol", "cate");
        assert_eq!(correspondent.name(), Some("cate"));
    }
}
