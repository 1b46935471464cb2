//! Judges one answer: applies the rules in their order, sentence by sentence, and lets through what may be said.
//!
//! The head leaves together with the first sentence, when both have passed. Rules that look for words in a row look back
//! across the end of a sentence. When nothing has been said yet a broken rule means to ask again or to fall back; later the
//! line ends with the sentence before.

use std::sync::Arc;

use unicode_segmentation::UnicodeSegmentation;
use worldflow_engine::words::{Folded, Wanted, fold, plain};

use super::leaks::{self, Echoes};
use super::markup::unmarked;
use super::reader::{Part, Reader};
use super::repetition::Said;
use super::script;
use super::speaker::{self, Turn};
use super::{Code, Guard, Head, Otherwise, Outcome, Saying, Verdict};

/// What an id of a reply means to the NPC that says it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reference {
    /// It is there, and the NPC knows of it.
    Known,
    /// It is there, and the NPC knows nothing of it.
    UnknownToNpc,
    /// There is no such entity, NPC or quest.
    Missing,
}

/// What may leave.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Told {
    /// The head. It comes right before the first sentence.
    Head(Head),
    /// A sentence.
    Sentence {
        /// Its place in the line, from 0.
        index: u32,
        /// What is said.
        text: String,
    },
    /// The end. It comes once, and nothing after it.
    End(Outcome),
}

/// The judge of one answer.
#[derive(Debug)]
pub struct Judge {
    /// Without them nothing is said.
    rules: Option<Rules>,
    may_retry: bool,
    reader: Reader,
    head: Option<Head>,
    said: u32,
    graphemes: usize,
    changes: Vec<Code>,
    over: bool,
}

/// What the rules need of this answer.
#[derive(Debug)]
struct Rules {
    guard: Arc<Guard>,
    of: Otherwise,
    saying: Saying,
    echoes: Echoes,
    repeated: Said,
    /// The words said last, as far as a rule looks back.
    before: Folded,
}

impl Judge {
    pub(super) fn new(guard: Option<Arc<Guard>>, saying: Saying) -> Judge {
        let (form, may_retry) = (saying.form, saying.may_retry);
        let rules = guard.map(|guard| {
            let mut of = guard.of(&saying.npc);
            if saying.bark {
                of.most.graphemes = of.most.graphemes.min(guard.rules.bark.graphemes);
                of.most.sentences = of.most.sentences.min(guard.rules.bark.sentences);
            }
            let echoes = Echoes::of(&saying.system, guard.rules.leaks.echo_words);
            let repeated = Said::of(&saying.last_lines, of.repetition);
            Rules { guard, of, saying, echoes, repeated, before: Folded::default() }
        });
        Judge {
            rules,
            may_retry,
            reader: Reader::new(form),
            head: None,
            said: 0,
            graphemes: 0,
            changes: Vec::new(),
            over: false,
        }
    }

    /// Whether the end has been told: the connection may be dropped.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// Judges the next piece of an answer. `reference` says what an id means.
    pub fn read(&mut self, piece: &[u8], reference: &dyn Fn(&str) -> Reference) -> Vec<Told> {
        self.take(reference, |reader, parts| reader.read(piece, parts))
    }

    /// Judges what is left when an answer has ended: `whole`, or it broke off, or it was cut off at its longest.
    pub fn finish(&mut self, whole: bool, reference: &dyn Fn(&str) -> Reference) -> Vec<Told> {
        self.take(reference, |reader, parts| reader.finish(whole, parts))
    }

    fn take(
        &mut self,
        reference: &dyn Fn(&str) -> Reference,
        read: impl FnOnce(&mut Reader, &mut Vec<Part>),
    ) -> Vec<Told> {
        let mut told = Vec::new();
        if self.over {
            return told;
        }
        let Some(mut rules) = self.rules.take() else {
            self.end(Verdict::FallBack(Code::Unguarded), false, &mut told);
            return told;
        };
        let mut parts = Vec::new();
        read(&mut self.reader, &mut parts);
        for part in parts {
            if self.over {
                break;
            }
            let judged = match part {
                Part::Head(head) => self.head(&rules, head, reference),
                Part::Sentence(text) => self.sentence(&mut rules, &text, &mut told),
                Part::Violation(violation) => Err(violation.into()),
                Part::End { truncated } => self.line_ended(truncated, &mut told),
            };
            if let Err(code) = judged {
                self.break_off(code, &mut told);
            }
        }
        self.rules = Some(rules);
        told
    }

    /// The model's line has ended.
    fn line_ended(&mut self, truncated: bool, told: &mut Vec<Told>) -> Result<(), Code> {
        if self.said == 0 {
            return Err(if truncated { Code::Truncated } else { Code::Empty });
        }
        if truncated {
            self.note(Code::Truncated);
        }
        self.close(truncated, told);
        Ok(())
    }

    /// A rule is broken.
    fn break_off(&mut self, code: Code, told: &mut Vec<Told>) {
        let verdict = match (self.said, self.may_retry) {
            (0, true) => Verdict::Retry(code),
            (0, false) => Verdict::FallBack(code),
            _ => Verdict::Cut(code),
        };
        self.end(verdict, self.said > 0, told);
    }

    /// What was said stands.
    fn close(&mut self, truncated: bool, told: &mut Vec<Told>) {
        let verdict = if self.changes.is_empty() { Verdict::Accept } else { Verdict::Repair };
        self.end(verdict, truncated, told);
    }

    fn end(&mut self, verdict: Verdict, truncated: bool, told: &mut Vec<Told>) {
        self.over = true;
        let mut changes = std::mem::take(&mut self.changes);
        changes.sort();
        told.push(Told::End(Outcome { verdict, truncated, sentences: self.said, changes }));
    }

    fn note(&mut self, code: Code) {
        if !self.changes.contains(&code) {
            self.changes.push(code);
        }
    }

    /// The head: its words are of the definition's lists, and what it refers to is there and known.
    fn head(&mut self, rules: &Rules, head: Head, reference: &dyn Fn(&str) -> Reference) -> Result<(), Code> {
        let Head { mut emotion, mut action, mut refs } = head;
        if !rules.of.emotions.contains(&emotion) {
            // That a model names none is no fault.
            if !emotion.is_empty() {
                self.note(Code::UnknownEmotion);
            }
            emotion = rules.of.emotions.first().cloned().unwrap_or_default();
        }
        if action.as_ref().is_some_and(|action| !rules.of.actions.contains(action)) {
            self.note(Code::UnknownAction);
            action = None;
        }
        let mut met: Vec<String> = Vec::with_capacity(refs.len());
        refs.retain(|id| {
            !id.is_empty() && !met.contains(id) && {
                met.push(id.clone());
                true
            }
        });
        if refs.len() > usize::try_from(rules.guard.rules.refs).unwrap_or(usize::MAX) {
            return Err(Code::TooManyRefs);
        }
        for id in &refs {
            match reference(id) {
                Reference::Known => {}
                Reference::UnknownToNpc => return Err(Code::UnknownToNpc),
                Reference::Missing => return Err(Code::UnknownRef),
            }
        }
        self.head = Some(Head { emotion, action, refs });
        Ok(())
    }

    fn sentence(&mut self, rules: &mut Rules, written: &str, told: &mut Vec<Told>) -> Result<(), Code> {
        let Some(text) = self.shown(rules, written)? else { return Ok(()) };
        let folded = fold(&text);
        rules.pass(&text, &folded)?;
        if self.said >= rules.of.most.sentences {
            self.note(Code::TooManySentences);
            self.close(true, told);
            return Ok(());
        }
        let left = usize::try_from(rules.of.most.graphemes).unwrap_or(usize::MAX) - self.graphemes;
        let length = text.graphemes(true).count();
        if length <= left {
            self.graphemes += length;
            self.say(text, told);
            rules.note(&folded);
            return Ok(());
        }
        self.note(Code::TooLong);
        if self.said == 0 {
            self.say(shortened(&text, left), told);
        }
        self.close(true, told);
        Ok(())
    }

    /// A sentence as it may be shown, or nothing if there is nothing to be said in it.
    fn shown(&mut self, rules: &Rules, written: &str) -> Result<Option<String>, Code> {
        if leaks::has_marks(written) {
            return Err(Code::RoleLeak);
        }
        let seen = plain(written);
        // What was hidden may have hidden a mark.
        if leaks::has_marks(&seen.text) {
            return Err(Code::RoleLeak);
        }
        let (text, marked) = unmarked(&seen.text);
        let changes =
            [(seen.form, Code::NormalForm), (seen.invisible, Code::Invisible), (marked, Code::Markup)];
        changes.into_iter().filter(|(changed, _)| *changed).for_each(|(_, code)| self.note(code));
        let Saying { npc, others, .. } = &rules.saying;
        let text = match speaker::turn(&text, npc, &rules.guard.speakers, others) {
            Turn::None => text,
            Turn::Own(words) => {
                let words = words.to_owned();
                self.note(Code::OwnName);
                words
            }
            Turn::Other => return Err(Code::OtherSpeaker),
        };
        Ok(text.chars().any(char::is_alphanumeric).then_some(text))
    }

    fn say(&mut self, text: String, told: &mut Vec<Told>) {
        told.extend(self.head.take().map(Told::Head));
        told.push(Told::Sentence { index: self.said, text });
        self.said += 1;
    }
}

impl Rules {
    /// The rules that look at words.
    fn pass(&self, text: &str, folded: &Folded) -> Result<(), Code> {
        let Rules { guard, saying, .. } = self;
        let since = folded.after(&self.before, self.reach());
        if guard.leaks.is_in(&since, Wanted::Every) {
            return Err(Code::RoleLeak);
        }
        if self.echoes.are_in(&since) {
            return Err(Code::PromptEcho);
        }
        if guard.banned.is_in(&since, Wanted::Locale(&saying.locale)) {
            return Err(Code::Banned);
        }
        if !script::is_of(text, &saying.locale, guard.rules.script_percent) {
            return Err(Code::WrongScript);
        }
        if self.repeated.is_repeated(folded) {
            return Err(Code::Repetition);
        }
        Ok(())
    }

    /// How many words back a rule looks.
    fn reach(&self) -> usize {
        let Guard { banned, leaks, .. } = &*self.guard;
        banned.reach().max(leaks.reach()).max(self.echoes.reach())
    }

    fn note(&mut self, folded: &Folded) {
        self.repeated.note(folded);
        // What is kept is bounded: as much again as is looked at.
        self.before = folded.after(&self.before, self.reach());
    }
}

/// The beginning of a sentence, up to the end of a word where there is one, and an ellipsis.
fn shortened(text: &str, most: usize) -> String {
    let letters: Vec<(usize, &str)> = text.grapheme_indices(true).take(most).collect();
    let end = letters.last().map_or(0, |(at, _)| *at);
    let word = text[..end].rfind(char::is_whitespace).filter(|at| at * 2 > end);
    let cut = text[..word.unwrap_or(end)].trim_end_matches(|letter: char| !letter.is_alphanumeric());
    format!("{cut}…")
}
