//! Dialogue: who begins it, how it is answered, and what it asks for. What is within Yarn files is looked at where they are read.

use worldflow_operators::dialogues::{CHOOSE, OPTION};
use worldflow_schemas::definitions::AttributeKind;

use super::{Checker, MAX_ID};
use crate::world::problem::hint;

/// The most commands of a world.
const MOST_COMMANDS: usize = 256;

impl Checker<'_> {
    pub(super) fn check_dialogue(&mut self) {
        let definitions = self.definitions;
        for asked in &definitions.dialogue_asks {
            self.check_condition_elsewhere(&asked.condition, asked.spot);
        }
        for placed in definitions.npcs.values() {
            let Some(node) = &placed.definition.dialogue else { continue };
            if definitions.dialogues.contains_key(node) || definitions.dialogue_unread {
                continue;
            }
            let known = definitions.dialogues.keys().map(String::as_str);
            let hint = hint(node, known, "it is the `title:` of a node in `dialogue/*.yarn`");
            self.error(placed.spot.key("dialogue"), format!("unknown node `{node}`"), hint);
        }
        self.check_commands();
        self.check_choosing();
    }

    fn check_commands(&mut self) {
        let Some(world) = &self.definitions.world else { return };
        let commands = &world.definition.dialogue.commands;
        let spot = world.spot.key("dialogue").key("commands");
        if commands.len() > MOST_COMMANDS {
            self.error(
                spot,
                format!("more than {MOST_COMMANDS} commands"),
                "give some of them arguments instead",
            );
        }
        for (index, command) in commands.iter().enumerate() {
            let fits = |c: char| c.is_alphanumeric() || c == '_';
            let reserved = ["set", "if", "else", "elseif", "endif", "jump", "stop", "declare", "call"];
            if command.is_empty() || command.len() > MAX_ID || !command.chars().all(fits) {
                let hint = "a command is one word of letters, digits and `_`";
                self.error(spot.item(index), format!("`{command}` is no command"), hint);
            } else if reserved.contains(&command.as_str()) {
                let hint = "call it otherwise";
                self.error(spot.item(index), format!("`{command}` is a word of Yarn"), hint);
            }
        }
    }

    /// Players answer by an event.
    fn check_choosing(&mut self) {
        let Some(world) = &self.definitions.world else { return };
        let began = self.definitions.npcs.values().find(|npc| npc.definition.dialogue.is_some());
        let Some(began) = began else { return };
        let kind = world.definition.kinds.get(CHOOSE);
        let attribute = kind.and_then(|kind| kind.attributes.get(OPTION));
        let fits = matches!(attribute, Some(AttributeKind::Id | AttributeKind::Number));
        if !fits && !self.definitions.misread.contains("kinds") {
            let message =
                format!("nobody can choose: there is no kind `{CHOOSE}` with an attribute `{OPTION}`");
            let hint =
                "declare it in world.yaml: `kinds: {choose: {from: player, attributes: {option: id}}}`";
            self.error(began.spot.key("dialogue"), message, hint);
        }
    }
}
