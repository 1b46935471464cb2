//! Functions and operators of Yarn, as ours.

use worldflow_schemas::definitions::Function;

/// The functions that a formula may call besides `visited`, `visited_count` and `holds`.
pub(super) const CALLED: [&str; 7] = ["dice", "random_range", "floor", "ceil", "round", "int", "string"];

/// What the compiler calls a function or an operator of a kind of values, such as `Number.Add`.
pub(super) fn function(name: &str) -> Option<Function> {
    let operator = ["Number.", "Bool.", "String."].iter().find_map(|kind| name.strip_prefix(kind));
    Some(match operator.unwrap_or(name) {
        "EqualTo" => Function::Equal,
        "NotEqualTo" => Function::NotEqual,
        "GreaterThan" => Function::Greater,
        "GreaterThanOrEqualTo" => Function::AtLeast,
        "LessThan" => Function::Less,
        "LessThanOrEqualTo" => Function::AtMost,
        "Add" => Function::Add,
        "Subtract" => Function::Subtract,
        "Multiply" => Function::Multiply,
        "Divide" => Function::Divide,
        "Modulo" => Function::Modulo,
        "UnarySubtract" => Function::Negate,
        "And" => Function::And,
        "Or" => Function::Or,
        "Xor" => Function::Xor,
        "Not" => Function::Not,
        "dice" => Function::Dice,
        "random_range" => Function::RandomRange,
        "floor" => Function::Floor,
        "ceil" => Function::Ceil,
        "round" => Function::Round,
        "int" => Function::Int,
        "string" => Function::Text,
        _ => return None,
    })
}

/// A number of Yarn in millionths.
#[expect(clippy::cast_possible_truncation, reason = "from a float to an integer it saturates")]
pub(super) fn millionths(number: f32) -> i64 {
    (f64::from(number) * 1_000_000.0).round() as i64
}
