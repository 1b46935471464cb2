//! Whether a translation says what its source says: the same arguments, of the same kinds, with the cases that its
//! language needs.
//!
//! `source, translation ─disagreements→ [(place in the translation, what, how to mend it)]`

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::locale::Locale;
use super::message::{Argument, Case, Category, Kind, Message, Plural, When};
use crate::world::did_you_mean;

/// Something that is wrong with a text that can be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Disagreement {
    /// Where: bytes of the text; `None` for all of it.
    pub at: Option<Range<usize>>,
    /// What is wrong.
    pub message: String,
    /// How to mend it.
    pub hint: String,
    /// It will not be seen: the text can be shown.
    pub harmless: bool,
}

/// What an argument is, whatever is made of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Sort {
    Anything,
    Number,
    Moment,
    Choice,
}

impl Sort {
    fn of(kind: &Kind) -> Sort {
        match kind {
            Kind::Plain => Sort::Anything,
            Kind::Number(_) | Kind::Plural(_) => Sort::Number,
            Kind::Date(_) | Kind::Time(_) => Sort::Moment,
            Kind::Select(_) => Sort::Choice,
        }
    }

    fn label(self) -> &'static str {
        match self {
            Sort::Anything => "a plain value",
            Sort::Number => "a number",
            Sort::Moment => "a date or a time",
            Sort::Choice => "a choice by `select`",
        }
    }

    fn fits(self, other: Sort) -> bool {
        self == other || self == Sort::Anything || other == Sort::Anything
    }
}

/// What is wrong with a text by itself, in its language.
#[must_use]
pub fn faults(message: &Message, locale: &Locale) -> Vec<Disagreement> {
    let mut faults = Vec::new();
    let mut sorts: BTreeMap<&str, Sort> = BTreeMap::new();
    for argument in message.arguments() {
        let sort = Sort::of(&argument.kind);
        let first = sorts.entry(&argument.name).or_insert(sort);
        if !first.fits(sort) {
            faults.push(wrong(
                argument,
                format!("`{}` is {} here and {} before", argument.name, sort.label(), first.label()),
                "give the two different names".to_owned(),
            ));
        } else if *first == Sort::Anything {
            *first = sort;
        }
        if let Kind::Plural(plural) = &argument.kind {
            check_categories(argument, plural, locale, &mut faults);
        }
    }
    faults
}

fn check_categories(argument: &Argument, plural: &Plural, locale: &Locale, faults: &mut Vec<Disagreement>) {
    let lacking = locale.lacking(plural);
    if !lacking.is_empty() {
        let names: Vec<String> = lacking.iter().map(|category| format!("`{}`", category.name())).collect();
        let cases: Vec<String> =
            lacking.iter().map(|category| format!("{} {{...}}", category.name())).collect();
        let (what, lack) = if names.len() == 1 { ("case", "is") } else { ("cases", "are") };
        faults.push(wrong(
            argument,
            format!("the {what} {} of `{}` {lack} missing in `{locale}`", names.join(" and "), argument.name),
            format!("add `{}`: numbers of this language need it", cases.join(" ")),
        ));
    }
    let known = locale.categories(plural.ordinal);
    for case in &plural.cases {
        let When::Category(category) = case.when else { continue };
        if category != Category::Other && !known.contains(&category) {
            let names: Vec<&str> = known.iter().map(|category| category.name()).collect();
            faults.push(Disagreement {
                at: Some(case.at.clone()),
                message: format!("no number is `{}` in `{locale}`", category.name()),
                hint: format!("remove the case; this language has {}", names.join(", ")),
                harmless: true,
            });
        }
    }
}

/// What a translation says otherwise than its source.
#[must_use]
pub fn disagreements(source: &Message, translation: &Message) -> Vec<Disagreement> {
    let mut all = Vec::new();
    let (given, used) = (source.arguments(), translation.arguments());
    let mut missing: BTreeSet<&str> = given.iter().map(|argument| argument.name.as_str()).collect();
    missing.retain(|name| !used.iter().any(|argument| argument.name == *name));
    for argument in &used {
        let Some(sort) = sort_of(&given, &argument.name) else {
            let names = given.iter().map(|argument| argument.name.as_str());
            let near = did_you_mean(&argument.name, names);
            let hint = near.map_or_else(
                || "take it out, or put it into the source text as well".to_owned(),
                |near| format!("did you mean `{near}`? names of arguments are not translated"),
            );
            all.push(wrong(argument, format!("the source has no argument `{}`", argument.name), hint));
            // One that is misspelt is not missing besides.
            if let Some(near) = near {
                missing.remove(near);
            }
            continue;
        };
        let here = Sort::of(&argument.kind);
        if !here.fits(sort) {
            let message =
                format!("`{}` is {} here and {} in the source", argument.name, here.label(), sort.label());
            all.push(wrong(argument, message, "make of it what the source makes of it".to_owned()));
        }
        if let Kind::Select(cases) = &argument.kind {
            check_choices(argument, cases, &given, &mut all);
        }
    }
    all.extend(missing.into_iter().map(|name| Disagreement {
        at: None,
        message: format!("the argument `{name}` is missing"),
        hint: format!("put `{{{name}}}` where its value is to stand, as in the source"),
        harmless: false,
    }));
    all
}

/// What the source says of an argument: the first thing that says something.
fn sort_of(given: &[&Argument], name: &str) -> Option<Sort> {
    let mut sorts =
        given.iter().filter(|argument| argument.name == name).map(|argument| Sort::of(&argument.kind));
    let first = sorts.next()?;
    Some(if first == Sort::Anything { sorts.find(|sort| *sort != first).unwrap_or(first) } else { first })
}

/// The words of a choice are the game's, so a translation has the same.
fn check_choices(
    argument: &Argument,
    cases: &[Case<String>],
    given: &[&Argument],
    all: &mut Vec<Disagreement>,
) {
    let same = given.iter().filter(|other| other.name == argument.name);
    let of_source = same.filter_map(|other| match &other.kind {
        Kind::Select(cases) => Some(cases),
        _ => None,
    });
    let mut source: Vec<&str> = Vec::new();
    for case in of_source.flatten() {
        if !source.contains(&case.when.as_str()) {
            source.push(&case.when);
        }
    }
    if source.is_empty() {
        return;
    }
    let mut missing: Vec<&str> = source.clone();
    missing.retain(|word| !cases.iter().any(|case| case.when == *word));
    for case in cases.iter().filter(|case| !source.contains(&case.when.as_str())) {
        let near = did_you_mean(&case.when, source.iter().copied());
        missing.retain(|word| Some(*word) != near);
        let near = near.map_or(String::new(), |near| format!("did you mean `{near}`? "));
        all.push(Disagreement {
            at: Some(case.at.clone()),
            message: format!("the source has no case `{}` of `{}`", case.when, argument.name),
            hint: format!("{near}the words of cases are not translated: {}", source.join(", ")),
            harmless: false,
        });
    }
    for word in missing {
        let message = format!("the case `{word}` of `{}` is missing", argument.name);
        all.push(wrong(argument, message, format!("add `{word} {{...}}`, as in the source")));
    }
}

fn wrong(argument: &Argument, message: String, hint: String) -> Disagreement {
    Disagreement { at: Some(argument.at.clone()), message, hint, harmless: false }
}
