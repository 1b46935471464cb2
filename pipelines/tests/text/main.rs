//! Texts of a world: ICU MessageFormat, its languages, what goes to translators and comes back, and what `check` and
//! `worldflow text` say.

mod check;
mod commands;
mod exchange;
mod files;
mod formatting;
mod languages;
mod parsing;
