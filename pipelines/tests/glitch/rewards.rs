//! Rewards: what was given in Glitch, as slots.

use super::data::Object;
use super::tally::{Judged, Verdict};
use super::yaml::{Yaml, map};

const SECTION: &str = "Rewards";
const DRAWN: &str =
    "what a drop table holds is not in the data: the grant names the table, and the game draws";

/// Who is rewarded: everyone whom the quest rewards, or the best alone.
#[derive(Clone)]
pub(crate) struct To {
    /// What the slots' ids begin with.
    pub(crate) prefix: &'static str,
    pub(crate) to: Option<Yaml>,
    /// What is not as it was about who is rewarded.
    pub(crate) verdict: Verdict,
}

impl To {
    pub(crate) fn everyone() -> To {
        To { prefix: "", to: None, verdict: Verdict::Exact }
    }
}

/// The slots of a map of rewards.
pub(crate) fn slots(rewards: &Object<'_>, to: &To, judged: &mut Judged<'_>) -> Vec<(String, Yaml)> {
    let mut slots = Slots { to, all: Vec::new() };
    for name in ["currants", "mood", "energy"] {
        if let Some(amount) = rewards.number(name) {
            slots.add(name, name, amount);
            judged.row(
                SECTION,
                "currants, mood, energy",
                "`slots: {currants: {item: currants, amount: 100}}`",
                to.verdict,
            );
        }
    }
    for (giant, points) in favors(rewards) {
        slots.add(&format!("favor_{giant}"), &format!("favor_{giant}"), points);
        judged.row(
            SECTION,
            "favor",
            "`slots: {favor_ti: {item: favor_ti, amount: 20}}`; the game gives `favor_all` of each giant",
            to.verdict,
        );
    }
    for (_, item) in rewards.objects("items") {
        let class = if item.has("class_id") { item.id("class_id") } else { item.id("class_tsid") };
        item.text("label");
        slots.add(class, class, item.number("count").expect("an item has a count"));
        judged.row(SECTION, "items", "`slots: {firefly_jar: {item: firefly_jar}}`", to.verdict);
    }
    for (_, recipe) in rewards.objects("recipes") {
        recipe.text("label");
        let name = match recipe.number("recipe_id") {
            Some(number) => {
                assert_eq!(recipe.number("id"), Some(number), "both ids of a recipe are one");
                format!("recipe_{number}")
            }
            None => format!("recipe_{}", recipe.id("class_tsid")),
        };
        slots.add(&name, &name, 1);
        judged.row(SECTION, "recipes", "`slots: {recipe_30: {item: recipe_30}}`", to.verdict);
    }
    for (_, table) in rewards.objects("drop_table") {
        let class = table.id("class_tsid");
        table.text("label");
        slots.add(class, &format!("drop_table_{class}"), table.number("count").expect("a table has a count"));
        judged.row(
            SECTION,
            "drop tables",
            "`slots: {trophies: {item: drop_table_trophies}}`",
            Verdict::Nearly(DRAWN),
        );
    }
    slots.all
}

/// Favor: one giant, or several.
fn favors(rewards: &Object<'_>) -> Vec<(String, i64)> {
    let Some(favor) = rewards.object("favor") else { return Vec::new() };
    let one = |favor: &Object<'_>| {
        (favor.id("giant").to_owned(), favor.number("points").expect("favor has points"))
    };
    if favor.has("giant") {
        return vec![one(&favor)];
    }
    favor.entries().iter().map(|(_, favor)| one(favor)).collect()
}

struct Slots<'t> {
    to: &'t To,
    all: Vec<(String, Yaml)>,
}

impl Slots<'_> {
    fn add(&mut self, name: &str, item: &str, amount: i64) {
        let id = format!("{}{name}", self.to.prefix);
        assert!(self.all.iter().all(|(known, _)| *known != id), "two rewards are called {id}");
        let mut slot = map([("item", item.into())]);
        if amount != 1 {
            slot.put("amount", amount);
        }
        if let Some(to) = &self.to.to {
            slot.put("to", to.clone());
        }
        self.all.push((id, slot));
    }
}

/// All of a definition's rewards; experience has a key of its own.
pub(crate) fn of(rewards: &Object<'_>, judged: &mut Judged<'_>) -> Yaml {
    let mut all = Yaml::new();
    if let Some(xp) = rewards.number("xp") {
        judged.row(SECTION, "xp", "`experience: 200`", Verdict::Exact);
        all.put("experience", xp);
    }
    let slots = slots(rewards, &To::everyone(), judged);
    if !slots.is_empty() {
        all.put("slots", Yaml::Map(slots));
    }
    all
}
