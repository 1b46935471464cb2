//! What came of each row of the data, for the page and for its sums.

use std::collections::BTreeMap;

/// How a row was put into worldflow's words.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Verdict {
    /// It means what it meant.
    Exact,
    /// Nearly, and what differs.
    Nearly(&'static str),
    /// Not at all, and why.
    #[expect(
        dead_code,
        reason = "there is a word for everything in the data; what there is none for has to say so"
    )]
    Not(&'static str),
}

/// All rows of a kind.
#[derive(Default)]
pub(crate) struct Kind {
    /// How it is written.
    pub(crate) written: &'static str,
    pub(crate) exact: u64,
    pub(crate) nearly: BTreeMap<&'static str, u64>,
    pub(crate) not: BTreeMap<&'static str, u64>,
}

impl Kind {
    pub(crate) fn rows(&self) -> u64 {
        self.exact + self.nearly.values().sum::<u64>() + self.not.values().sum::<u64>()
    }

    fn add(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Exact => self.exact += 1,
            Verdict::Nearly(why) => *self.nearly.entry(why).or_insert(0) += 1,
            Verdict::Not(why) => *self.not.entry(why).or_insert(0) += 1,
        }
    }
}

/// The tables: by section, in the order in which rows of a kind were first met.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) sections: Vec<(&'static str, Vec<(&'static str, Kind)>)>,
    /// What came of whole definitions, by id.
    pub(crate) definitions: BTreeMap<String, Verdict>,
}

impl Tally {
    fn kind(&mut self, section: &'static str, name: &'static str) -> &mut Kind {
        let place = self.sections.iter().position(|(known, _)| *known == section);
        let place = place.unwrap_or_else(|| {
            self.sections.push((section, Vec::new()));
            self.sections.len() - 1
        });
        let kinds = &mut self.sections[place].1;
        let place = kinds.iter().position(|(known, _)| *known == name);
        let place = place.unwrap_or_else(|| {
            kinds.push((name, Kind::default()));
            kinds.len() - 1
        });
        &mut kinds[place].1
    }
}

/// One definition in the making: the least exact of its rows is what came of it.
pub(crate) struct Judged<'t> {
    tally: &'t mut Tally,
    id: String,
    kind: &'static str,
    worst: Verdict,
}

impl<'t> Judged<'t> {
    pub(crate) fn new(tally: &'t mut Tally, id: &str, kind: &'static str) -> Judged<'t> {
        Judged { tally, id: id.to_owned(), kind, worst: Verdict::Exact }
    }

    /// One row: what it is, how it is written, and what came of it.
    pub(crate) fn row(
        &mut self,
        section: &'static str,
        name: &'static str,
        written: &'static str,
        verdict: Verdict,
    ) {
        let kind = self.tally.kind(section, name);
        kind.written = written;
        kind.add(verdict);
        self.worst = self.worst.max(verdict);
    }

    /// Counts the definition.
    pub(crate) fn finish(self) {
        self.tally.kind("Definitions", self.kind).add(self.worst);
        let known = self.tally.definitions.insert(self.id.clone(), self.worst);
        assert!(known.is_none(), "{} is defined twice", self.id);
    }
}
