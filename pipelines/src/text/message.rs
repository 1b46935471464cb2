//! A text as a tree: ICU MessageFormat.
//!
//! `"{count, plural, one {# wolf} other {# wolves}}" ─parse→ Message ─format→ "3 wolves"`.
//! Every argument and every case knows where it stands in the text, so that whoever finds a fault can point at it.
//! What an argument's value is, and in which language it is shown, is no business of the tree.

use std::ops::Range;

/// A text that has been read.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Message {
    /// What follows each other.
    pub parts: Vec<Part>,
}

/// A part of a text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Part {
    /// Words, as they are shown.
    Words(String),
    /// `#`: the number of the plural around it, less its offset.
    Number,
    /// What is put in.
    Argument(Argument),
}

/// `{name}`, or `{name, kind, ...}`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Argument {
    /// Its name.
    pub name: String,
    /// What is made of it.
    pub kind: Kind,
    /// Where the name stands: bytes of the text.
    pub at: Range<usize>,
}

/// What is made of an argument.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Its value as it is: `{name}`.
    Plain,
    /// `{n, number}`, or with a style: `integer` or `percent`.
    Number(NumberStyle),
    /// `{at, date}`, with its style: `short`, `medium`, `long`, `full`.
    Date(DateStyle),
    /// `{at, time}`, with its style.
    Time(DateStyle),
    /// `{n, plural, ...}` and `{n, selectordinal, ...}`.
    Plural(Plural),
    /// `{who, select, female {...} other {...}}`.
    Select(Vec<Case<String>>),
}

/// How a number is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum NumberStyle {
    /// With the fraction that it has.
    #[default]
    Plain,
    /// Without its fraction.
    Integer,
    /// A hundredfold, with a sign.
    Percent,
}

/// How long a date or a time is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum DateStyle {
    /// 12.03.24
    Short,
    /// 12.03.2024
    #[default]
    Medium,
    /// 12. März 2024
    Long,
    /// Dienstag, 12. März 2024
    Full,
}

/// Cases by a number.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plural {
    /// By rank (first, second) rather than by count.
    pub ordinal: bool,
    /// What is taken off before the case is chosen by rule, and from `#`.
    pub offset: u32,
    /// The cases, in the order of the text.
    pub cases: Vec<Case<When>>,
}

/// A case and its text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Case<T> {
    /// When it is chosen.
    pub when: T,
    /// What is shown then.
    pub message: Message,
    /// Where its word stands: bytes of the text.
    pub at: Range<usize>,
}

/// When a case of a plural is chosen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum When {
    /// The number is this one: `=0`.
    Exactly(u64),
    /// The number is of this category in the language.
    Category(Category),
}

/// The categories of numbers that languages know.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[allow(missing_docs, reason = "they are words of CLDR, and each language gives them its own meaning")]
pub enum Category {
    Zero,
    One,
    Two,
    Few,
    Many,
    Other,
}

impl Category {
    /// All of them.
    pub const ALL: [Category; 6] =
        [Category::Zero, Category::One, Category::Two, Category::Few, Category::Many, Category::Other];

    /// Its word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Category::Zero => "zero",
            Category::One => "one",
            Category::Two => "two",
            Category::Few => "few",
            Category::Many => "many",
            Category::Other => "other",
        }
    }
}

impl Message {
    /// Calls `see` with every argument, those within cases too, from the left.
    pub fn each<'m>(&'m self, see: &mut impl FnMut(&'m Argument)) {
        for part in &self.parts {
            let Part::Argument(argument) = part else { continue };
            see(argument);
            match &argument.kind {
                Kind::Plural(plural) => plural.cases.iter().for_each(|case| case.message.each(see)),
                Kind::Select(cases) => cases.iter().for_each(|case| case.message.each(see)),
                Kind::Plain | Kind::Number(_) | Kind::Date(_) | Kind::Time(_) => {}
            }
        }
    }

    /// Every argument, those within cases too, from the left.
    #[must_use]
    pub fn arguments(&self) -> Vec<&Argument> {
        let mut all = Vec::new();
        self.each(&mut |argument| all.push(argument));
        all
    }
}
