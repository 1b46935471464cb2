//! The page that says what became of the data: `docs/glitch.md`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use super::play::{Fate, PLAYED, Played};
use super::tally::{Kind, Tally, Verdict};
use super::{GLITCH, Glitch};

const LEAD: &str = "# Glitch in worldflow's words

Generated: `WORLDFLOW_UPDATE=1 cargo test -p worldflow --test glitch page` writes it; do not edit. Glitch was a game for many players that was played until 2012; its
game server is public ([tinyspeck/glitch-GameServerJS](https://github.com/tinyspeck/glitch-GameServerJS), CC0). Its 447 quests and 665 achievements are put into definitions of a
world by `pipelines/tests/glitch`, a function for each kind of row, and read by the loader that reads every world. Bots play all of
them in small realms, where the graph is compared with an independent naive evaluator on every change. The data is no part of the project: the tests look for it as for the recording ([CONTRIBUTING.md](../CONTRIBUTING.md)).

**Exact**: it means what it meant. **Nearly**: it differs in what the notes under a table say. **Not**: it could not be said.
";

const IDIOMS: &str = "
## Idioms worth keeping

- **What is held** is a fact that events change: `held_apple: {type: int, default: 0, changed_by: [{pattern: {event: gain, target: apple}, add: 1}, {pattern: {event: lose, target: apple}, add: -1}]}`. A quest that asks for apples
  `holds: {facts: {held_apple: {at_least: 5}}}`: what was held before it was accepted counts, and what is given away counts no more. That it is turned in while they are held is one objective more, an event with a `when`; what is taken then is an effect.
- **What was done ever** is a `lifetime` counter; achievements read it with `since: ever`, so one that is written later is done at once by whoever has done enough. Many different ones (`distinct`) are no counter: such an achievement is there from the beginning.
- **Steps in columns** that go on side by side are one stage: each step is `hidden_until` the ones before it in its column. A step that must be done before all else is a stage of its own.
- **Who gives what** to a project is credit: `worth` says what a unit of each objective counts, 0 for what pays the fee; `to: {top: {through: 5}}` and `divided` go by it.
- **What only code knows** is an event from the game server with the definition as its target (`conclude`, `allow`): the definition then still has a title, a state, a place in conditions of others, and rewards that are granted once.
";

/// The page.
fn page(glitch: &Glitch) -> String {
    let mut page = format!("{LEAD}{IDIOMS}");
    let mut sections: Vec<_> = glitch.tally.sections.iter().collect();
    sections.sort_by_key(|(name, _)| *name != "Definitions");
    for (name, kinds) in sections {
        section(&mut page, name, kinds);
    }
    by_id(&mut page, &glitch.tally);
    played(&mut page, &PLAYED);
    fields(&mut page, &glitch.fields);
    page
}

fn section(page: &mut String, name: &str, kinds: &[(&str, Kind)]) {
    let named = kinds.iter().any(|(_, kind)| !kind.written.is_empty());
    let (head, line) = if named { (" written |", "---|") } else { ("", "") };
    write!(page, "\n## {name}\n\n| rows of the data |{head} rows | exact | nearly | not |\n|---|{line}---|---|---|---|\n")
        .expect("text");
    let mut notes: Vec<&str> = Vec::new();
    let mut total = [0; 4];
    for (name, kind) in kinds {
        let sums = [kind.rows(), kind.exact, kind.nearly.values().sum(), kind.not.values().sum()];
        let marks = kind.nearly.keys().chain(kind.not.keys()).map(|why| {
            let place = notes.iter().position(|known| known == why).unwrap_or_else(|| {
                notes.push(why);
                notes.len() - 1
            });
            format!(" ({})", place + 1)
        });
        let marks: String = marks.collect();
        let written = if named { format!(" {} |", kind.written) } else { String::new() };
        let [rows, exact, nearly, not] = sums;
        writeln!(page, "| {name}{marks} |{written} {rows} | {exact} | {nearly} | {not} |").expect("text");
        total.iter_mut().zip(sums).for_each(|(total, sum)| *total += sum);
    }
    let [rows, exact, nearly, not] = total;
    let blank = if named { " |" } else { "" };
    writeln!(page, "| **all** |{blank} {rows} | {exact} | {nearly} | {not} |").expect("text");
    for (place, note) in notes.iter().enumerate() {
        let gap = if place == 0 { "\n" } else { "" };
        writeln!(page, "{gap}{}. {note}.", place + 1).expect("text");
    }
}

/// How far bots came.
fn played(page: &mut String, played: &Played) {
    write!(
        page,
        "\n## Played\n\nThe definitions are dealt out to {} small realms, those that ask for each other to the same. In each, four bots do what its definitions ask for, now and then the wrong thing \
         or too early, give up and begin again, and a fifth asks for anything and finishes nothing: {} inputs in all. The graph and the naive evaluator of the\ntests are compared on all {} changes of states, objectives, \
         contributions, grants and facts; some realms with two workers, some after a load in the middle.\n\n| definitions | there are | begun | completed |\n|---|---|---|---|\n",
        played.realms, played.inputs, played.changes
    )
    .expect("text");
    let is_badge = |id: &str| id.starts_with("badge_");
    for (name, badges) in [("quests and projects", false), ("achievements", true)] {
        let of: Vec<&Fate> =
            played.fates.iter().filter(|(id, _)| is_badge(id) == badges).map(|(_, fate)| fate).collect();
        let count = |is: fn(&Fate) -> bool| of.iter().filter(|fate| is(fate)).count();
        let (begun, done) = (count(|fate| fate.begun), count(|fate| fate.done));
        writeln!(page, "| {name} | {} | {begun} | {done} |", of.len()).expect("text");
    }
    let open: Vec<_> = played.fates.iter().filter(|(_, fate)| !fate.done).collect();
    match open.as_slice() {
        [] => page.push_str("\nThere is none that no bot completes.\n"),
        open => {
            page.push_str("\nWhat no bot completes, and why:\n\n");
            for (id, fate) in open {
                writeln!(page, "- `{id}`: {}", fate.why).expect("text");
            }
        }
    }
}

/// Which definitions are not exact.
fn by_id(page: &mut String, tally: &Tally) {
    let mut whys: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (id, verdict) in &tally.definitions {
        if let Verdict::Nearly(why) | Verdict::Not(why) = verdict {
            whys.entry(why).or_default().push(id);
        }
    }
    page.push_str("\n## Which are not exact\n\nEach by what differs most; all others are exact.\n");
    for (why, ids) in whys {
        let ids: Vec<String> = ids.into_iter().map(|id| format!("`{id}`")).collect();
        let why = why[..1].to_uppercase() + &why[1..];
        write!(page, "\n**{why}** ({}):\n{}\n", ids.len(), wrapped(&ids)).expect("text");
    }
}

/// A list in lines of a width that can be read.
fn wrapped(items: &[String]) -> String {
    let (mut text, mut width) = (String::new(), 0);
    for (place, item) in items.iter().enumerate() {
        let last = place + 1 == items.len();
        text.push_str(item);
        text.push_str(if last { "." } else { "," });
        width += item.len() + 2;
        if !last {
            text.push(if width > 140 { '\n' } else { ' ' });
            width = if width > 140 { 0 } else { width };
        }
    }
    text
}

/// Every field of the data, with how often it is there.
fn fields(page: &mut String, fields: &BTreeMap<String, u64>) {
    page.push_str(
        "\n## Every field\n\nHow often each is there in the data; one that nobody reads fails a test. Texts and pictures are properties of an entity \
         that stands for the definition, where game servers find them.\n\n| field | rows |\n|---|---|\n",
    );
    for (field, rows) in fields {
        writeln!(page, "| `{field}` | {rows} |").expect("text");
    }
}

#[test]
fn the_page_is_not_stale() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/glitch.md");
    let page = page(&GLITCH);
    if std::env::var_os("WORLDFLOW_UPDATE").is_some() {
        std::fs::write(&path, &page).expect("the docs can be written");
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page, "docs/glitch.md is stale; run this test once with WORLDFLOW_UPDATE=1");
}
