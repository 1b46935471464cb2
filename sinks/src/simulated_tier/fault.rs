//! What a simulated server can be told to do wrong.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What goes wrong with a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// It takes the request and never answers.
    Hang,
    /// It answers with a page of HTML.
    Garbage,
    /// It says two megabytes.
    Long,
    /// Its stream ends in the middle of the frame after this many tokens.
    HalfFrame(usize),
    /// It says nothing, and says so properly.
    Empty,
    /// It takes so many times as long.
    Slow(u32),
    /// It answers 500.
    Error500,
    /// It refuses the key (401).
    RefuseKey,
    /// It has no room (503), as when its queue is full.
    Full,
    /// It answers 429 and asks to be left alone for so many seconds.
    TooMany(u32),
    /// It says words where an object was asked for, as servers do that know no `response_format`.
    Plain,
    /// It speaks in letters of another script than it is spoken to.
    Foreign,
    /// It says how its prompt begins.
    Echo,
    /// It does so when it is asked for its prompt: it takes what a player says for an instruction.
    Obeys,
    /// Its stream stalls after this many tokens, and stays open.
    Stall(usize),
}

/// What goes wrong next, and always.
#[derive(Debug, Default)]
pub(super) struct Faults(Mutex<(VecDeque<Fault>, Option<Fault>)>);

impl Faults {
    pub(super) fn extend(&self, faults: impl IntoIterator<Item = Fault>) {
        self.lock().0.extend(faults);
    }

    pub(super) fn set(&self, fault: Option<Fault>) {
        self.lock().1 = fault;
    }

    /// What goes wrong with the request that has come.
    pub(super) fn take(&self) -> Option<Fault> {
        let mut faults = self.lock();
        faults.0.pop_front().or(faults.1)
    }

    fn lock(&self) -> MutexGuard<'_, (VecDeque<Fault>, Option<Fault>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
