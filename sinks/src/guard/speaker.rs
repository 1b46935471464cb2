//! Who speaks: a name and a colon before words are a turn in a dialogue.

use rustc_hash::FxHashSet;
use worldflow_engine::words::fold;
use worldflow_schemas::definitions::EntityDef;

/// Whom a chat knows besides those of the world.
const ROLES: [&str; 12] =
    ["user", "assistant", "system", "player", "human", "npc", "narrator", "ai", "bot", "model", "you", "me"];

/// The longest name, in words.
const MOST_WORDS: usize = 4;

/// Whose words a sentence begins with.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn<'t> {
    /// Nobody is named.
    None,
    /// The NPC is, before these words of its own.
    Own(&'t str),
    /// Another one is.
    Other,
}

/// A name as it is compared; ids are written with signs between their words.
pub(super) fn folded(name: &str) -> Option<String> {
    let folded = fold(&name.replace(['_', '.', '-'], " "));
    let words = folded.tokens();
    (!words.is_empty()).then(|| words.join(" "))
}

/// The names of an entity that may speak: its id and its property `name`.
pub(super) fn names_of((id, entity): (&String, &EntityDef)) -> impl Iterator<Item = String> + use<> {
    let speaks = matches!(entity.kind.as_str(), "npc" | "player");
    let name = entity.properties.get("name").and_then(serde_json::Value::as_str);
    let names = [Some(id.as_str()), name].map(|name| name.filter(|_| speaks).and_then(folded));
    names.into_iter().flatten()
}

/// Looks for a name before a colon at the beginning of a sentence.
pub(super) fn turn<'t>(text: &'t str, own: &str, others: &FxHashSet<String>, here: &[String]) -> Turn<'t> {
    let Some((name, words)) = text.split_once([':', '：']) else { return Turn::None };
    if name.split_whitespace().count() > MOST_WORDS {
        return Turn::None;
    }
    let Some(name) = folded(name) else { return Turn::None };
    if folded(own).is_some_and(|own| own == name) {
        return Turn::Own(words.trim_start());
    }
    let other = ROLES.contains(&name.as_str())
        || others.contains(&name)
        || here.iter().any(|other| folded(other).is_some_and(|other| other == name));
    if other { Turn::Other } else { Turn::None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_and_a_colon_begin_a_turn() {
        let others: FxHashSet<String> = ["old_mira", "волк"].into_iter().filter_map(folded).collect();
        let turn = |text| turn(text, "captain_grimm", &others, &["ana".to_owned()]);
        assert_eq!(turn("Captain Grimm: Halt!"), Turn::Own("Halt!"));
        for text in
            ["Old Mira: Come in.", "OLD_MIRA : hm", "Волк: р-р", "User: hello", "Ana：はい", "assistant: x"]
        {
            assert_eq!(turn(text), Turn::Other, "{text}");
        }
        for text in
            ["Listen: the wolves come.", "I told Old Mira of it: she wept.", "Halt!", ": x", "Grimm: x"]
        {
            assert_eq!(turn(text), Turn::None, "{text}");
        }
    }
}
