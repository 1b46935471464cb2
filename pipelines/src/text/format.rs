//! A text with its arguments put in, in a language.
//!
//! For previews, tests and tools: games format with their own library. Numbers and plurals follow CLDR. A date, a time and
//! the sign of a percentage are written plainly, since their forms would need far more data.

use std::collections::BTreeMap;
use std::str::FromStr as _;

use fixed_decimal::Decimal;

use super::locale::Locale;
use super::message::{Argument, Kind, Message, NumberStyle, Part, Plural, When};

/// The longest text that is made, in bytes.
const MAX_BYTES: usize = 1 << 20;

/// The longest number that is read.
const MAX_DIGITS: usize = 40;

/// What is put in, by name.
pub type Values = BTreeMap<String, String>;

/// Why a text cannot be made.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FormatError {
    /// A value is missing.
    #[error("the argument `{0}` has no value")]
    Missing(String),
    /// A value is no number, and has to be one.
    #[error("the argument `{name}` is a number, and not `{value}`")]
    NoNumber {
        /// The argument.
        name: String,
        /// What was given.
        value: String,
    },
    /// It would be too long.
    #[error("the text would be longer than {MAX_BYTES} bytes")]
    TooLong,
}

/// Puts the values in.
///
/// # Errors
/// When a value is missing or does not fit.
pub fn format(message: &Message, locale: &Locale, values: &Values) -> Result<String, FormatError> {
    let mut made = String::new();
    put(message, locale, values, None, &mut made)?;
    Ok(made)
}

fn put(
    message: &Message,
    locale: &Locale,
    values: &Values,
    number: Option<&Decimal>,
    made: &mut String,
) -> Result<(), FormatError> {
    for part in &message.parts {
        match part {
            Part::Words(words) => made.push_str(words),
            Part::Number => {
                let number = number.expect("the parser gives `#` a number within plurals only");
                made.push_str(&locale.number(number));
            }
            Part::Argument(argument) => argue(argument, locale, values, made)?,
        }
        if made.len() > MAX_BYTES {
            return Err(FormatError::TooLong);
        }
    }
    Ok(())
}

fn argue(
    argument: &Argument,
    locale: &Locale,
    values: &Values,
    made: &mut String,
) -> Result<(), FormatError> {
    let name = &argument.name;
    let value = values.get(name).ok_or_else(|| FormatError::Missing(name.clone()))?;
    let number = || {
        let short = value.len() <= MAX_DIGITS && !value.contains(['e', 'E']);
        let number = short.then(|| Decimal::from_str(value).ok()).flatten();
        number.ok_or_else(|| FormatError::NoNumber {
            name: name.clone(),
            value: value.chars().take(60).collect(),
        })
    };
    match &argument.kind {
        Kind::Plain => match number() {
            Ok(number) => made.push_str(&locale.number(&number)),
            Err(_) => made.push_str(value),
        },
        Kind::Date(_) | Kind::Time(_) => made.push_str(value),
        Kind::Number(style) => {
            let mut number = number()?;
            match style {
                NumberStyle::Plain => {}
                NumberStyle::Integer => number.round(0),
                NumberStyle::Percent => {
                    number.multiply_pow10(2);
                    number.trim_start();
                }
            }
            made.push_str(&locale.number(&number));
            if *style == NumberStyle::Percent {
                made.push('%');
            }
        }
        Kind::Plural(plural) => {
            let number = number()?;
            let counted = less(&number, plural.offset);
            let case = choose(plural, &number, &counted, locale);
            put(case, locale, values, Some(&counted), made)?;
        }
        Kind::Select(cases) => {
            let found = cases.iter().find(|case| case.when == *value);
            let case = found.or_else(|| cases.iter().find(|case| case.when == "other"));
            put(&case.expect("the parser insists on `other`").message, locale, values, None, made)?;
        }
    }
    Ok(())
}

fn choose<'m>(plural: &'m Plural, number: &Decimal, counted: &Decimal, locale: &Locale) -> &'m Message {
    let exactly = |wanted: u64| *number == Decimal::from(wanted);
    let category = When::Category(locale.category(counted, plural.ordinal));
    let other = When::Category(super::message::Category::Other);
    let case =
        (plural.cases.iter().find(|case| matches!(case.when, When::Exactly(wanted) if exactly(wanted))))
            .or_else(|| plural.cases.iter().find(|case| case.when == category))
            .or_else(|| plural.cases.iter().find(|case| case.when == other));
    &case.expect("the parser insists on `other`").message
}

/// A number less a whole one; one of more digits than can be reckoned with stays as it is.
fn less(number: &Decimal, offset: u32) -> Decimal {
    let text = number.to_string();
    let places = text.split_once('.').map_or(0, |(_, places)| places.len());
    let reckoned = || {
        let whole: i128 = text.replace('.', "").parse().ok()?;
        let unit = 10_i128.checked_pow(u32::try_from(places).ok()?)?;
        let left = whole.checked_sub(i128::from(offset).checked_mul(unit)?)?;
        let mut left = Decimal::from(left);
        let places = i16::try_from(places).ok()?;
        left.multiply_pow10(-places);
        left.pad_end(-places);
        Some(left)
    };
    if offset == 0 { number.clone() } else { reckoned().unwrap_or_else(|| number.clone()) }
}
