//! What a condition names: quests, facts and views, each with what is asked of it.

use worldflow_schemas::definitions::{Condition, QuestState};

use crate::explain::test_words;

/// What a condition names, and how.
#[derive(Default)]
pub(super) struct Named {
    pub(super) quests: Vec<(String, String)>,
    pub(super) facts: Vec<(String, String)>,
    pub(super) views: Vec<(String, String)>,
}

impl Named {
    pub(super) fn read(&mut self, def: &Condition, not: bool) {
        let label = |text: String| match text.strip_prefix("== ").filter(|_| not) {
            Some(value) => format!("not {value}"),
            None if not => format!("not {text}"),
            None => text,
        };
        for (quest, states) in &def.quests {
            let states: Vec<&str> = states.as_slice().iter().map(|state| state.name()).collect();
            let said = match states.as_slice() {
                [only] if *only == QuestState::Done.name() && !not => String::new(),
                many => label(many.join(" or ")),
            };
            self.quests.push((quest.clone(), said));
        }
        for (fact, test) in &def.facts {
            self.facts.push((fact.clone(), label(test_words(test))));
        }
        if let Some(compare) = &def.compare {
            let mut both = |fact: &str| self.facts.push((fact.to_owned(), String::new()));
            compare.left.facts(&mut both);
            compare.right.facts(&mut both);
            let whole = compare.to_string();
            compare.rows(|row| {
                let column = row.column.as_deref().unwrap_or("its row");
                let said = whole.replace(&row.to_string(), column);
                self.views.push((row.view.clone(), if not { format!("not {said}") } else { said }));
            });
        }
        def.all.iter().chain(&def.any).for_each(|inner| self.read(inner, not));
        if let Some(inner) = &def.not {
            self.read(inner, !not);
        }
    }
}
