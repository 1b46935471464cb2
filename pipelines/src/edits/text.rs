//! A plan as text, for whoever decides whether to apply it.

use std::fmt::Write as _;

use super::{Change, Changed, Consequences, Counted, FORESEEN_TICKS, FactNow, OfArc, OfQuest, Plan};

/// The plan as text; ends with a line's end.
#[must_use]
pub fn text(plan: &Plan) -> String {
    // Revisions are numbered from 1: where no realm is, there is none.
    let mut text = match plan.revision {
        0 => format!("realm {}\n", plan.realm),
        revision => format!("realm {}, revision {revision}\n", plan.realm),
    };
    if plan.difference.is_empty() {
        text.push_str("nothing differs\n");
        return text;
    }
    plan.difference.definitions.iter().for_each(|changed| definition(&mut text, changed));
    if !plan.difference.fixed.is_empty() {
        text.push_str("\nfixed while a realm runs: restart the server with the new folder\n");
        for what in &plan.difference.fixed {
            line(&mut text, format_args!("  {what}"));
        }
    }
    if let Some(consequences) = &plan.consequences {
        foreseen(&mut text, consequences);
    }
    if let Some(why) = &plan.unforeseen {
        line(&mut text, format_args!("\nwhat would come of it is not known: {why}"));
    }
    text
}

fn line(text: &mut String, what: std::fmt::Arguments<'_>) {
    let _infallible = writeln!(text, "{what}");
}

fn definition(text: &mut String, changed: &Changed) {
    let Changed { kind, id, change, from, parts } = changed;
    match (change, from) {
        (Change::Added, _) => line(text, format_args!("  + {kind} {id}")),
        (Change::Removed, _) => line(text, format_args!("  - {kind} {id}")),
        (_, Some(from)) => line(text, format_args!("  ~ {kind} {id}, until now {from}")),
        (_, None) => line(text, format_args!("  ~ {kind} {id}")),
    }
    for part in parts {
        line(text, format_args!("      {part}"));
    }
}

fn foreseen(text: &mut String, consequences: &Consequences) {
    let Consequences { tick, revision: _, ticks, quests, arcs, restarts, grants } = consequences;
    line(text, format_args!("\nfrom tick {tick}, what would come of it in {ticks} ticks"));
    if *ticks >= FORESEEN_TICKS {
        text.push_str("  (it would go on after that)\n");
    }
    let arcs = arcs.iter().map(|(id, of)| (format!("arc {id}"), moves_of_arc(of)));
    let moved = quests.iter().map(|(id, of)| (id.clone(), moves(of))).chain(arcs);
    let moved: Vec<(String, String)> = moved.filter(|(_, said)| !said.is_empty()).collect();
    for (id, said) in &moved {
        line(text, format_args!("  {id}: {said}"));
    }
    if moved.is_empty() {
        text.push_str("  nobody moves\n");
    }
    for restart in restarts {
        let (quest, stage, objective) = (&restart.quest, &restart.stage, &restart.objective);
        let (holders, why) = (restart.holders, &restart.why);
        let s = if holders == 1 { "" } else { "s" };
        line(
            text,
            format_args!(
                "  {quest}.{stage}.{objective}: the counters of {holders} holder{s} begin again: {why}"
            ),
        );
    }
    counted(text, "grants to be paid", &grants.paid);
    counted(text, "grants revoked", &grants.revoked);
    stays(text, consequences);
}

fn moves(of: &OfQuest) -> String {
    let said = [
        (of.complete, "complete"),
        (of.advance, "get further"),
        (of.regress, "fall back"),
        (of.gain, "gain it"),
        (of.lose, "lose it"),
    ];
    listed(&said)
}

fn moves_of_arc(of: &OfArc) -> String {
    let s = if of.choices_gone == 1 { "a choice" } else { "choices" };
    listed(&[
        (of.end, "end"),
        (of.advance, "get further"),
        (of.regress, "fall back"),
        (of.anew, "must come to the tension anew"),
        (of.gain, "gain it"),
        (of.lose, "lose it"),
        (of.choices_gone, &format!("{s} forgotten")),
    ])
}

fn listed(said: &[(u64, &str)]) -> String {
    let said = said.iter().filter(|(holders, _)| *holders > 0);
    said.map(|(holders, words)| format!("{holders} {words}")).collect::<Vec<_>>().join(", ")
}

fn counted(text: &mut String, what: &str, grants: &[Counted]) {
    if grants.is_empty() {
        return;
    }
    line(text, format_args!("  {what}:"));
    for Counted { quest, item, grants, amount } in grants {
        line(text, format_args!("    {quest}: {grants} of {item}, {amount} in all"));
    }
}

/// What no edit and no undo takes back.
fn stays(text: &mut String, consequences: &Consequences) {
    let completed: Vec<(&String, &OfQuest)> =
        consequences.quests.iter().filter(|(_, of)| of.completed > 0).collect();
    let reached: Vec<(&String, &OfArc)> =
        consequences.arcs.iter().filter(|(_, of)| of.kept + of.lose > 0).collect();
    if completed.is_empty() && reached.is_empty() && consequences.grants.kept.is_empty() {
        return;
    }
    text.push_str("stays, whatever is edited or undone\n");
    for (id, of) in completed {
        let s = if of.completed == 1 { "" } else { "s" };
        line(text, format_args!("  {id}: completed by {} holder{s}", of.completed));
        for FactNow { fact, scope, holders, value } in &of.facts {
            match value {
                Some(value) => line(text, format_args!("    {fact} stays {value}")),
                None => {
                    let s = if *holders == 1 { "" } else { "s" };
                    line(text, format_args!("    {fact} of {holders} holder{s} ({scope}) stays as it is"));
                }
            }
        }
    }
    for (id, of) in reached {
        kept_of_arc(text, id, of);
    }
    counted(text, "grants", &consequences.grants.kept);
}

fn kept_of_arc(text: &mut String, id: &str, of: &OfArc) {
    let counted = |n: u64, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    let mut said = Vec::new();
    if of.kept > 0 {
        said.push(format!("how far {} have come", counted(of.kept, "holder")));
    }
    if of.choices > 0 {
        said.push(counted(of.choices, "choice"));
    }
    if of.lose > 0 {
        said.push(format!("what {} had of it, for when it is there again", counted(of.lose, "holder")));
    }
    line(text, format_args!("  arc {id}: {}", said.join(", ")));
}
