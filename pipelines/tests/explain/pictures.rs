//! What of a world leads to what, as Graphviz reads it and as a picture.

use expect_test::expect;
use worldflow::relations::{Kind, Leads, Relations, dot, relations, svg};
use worldflow::world::{Folder, LoadedWorld};

use crate::played::{CLIMATE, ENTITIES, WORLD};

const QUESTS: &str = "
first: {title: First, effects: [{set: {fact: renown, to: 1}}], stages: {s: {objectives: {k: {event: kill, target: beast}}}}}
second:
  title: Second
  requires: {quests: {first: done}, facts: {mood: {at_least: 3}}}
  stages: {s: {objectives: {k: {event: talk, when: {facts: {renown: 2}}}}}}
iron: {title: 'Iron & <stone>', exclusive_group: path, requires: {not: {quests: {second: [failed, expired]}}}, stages: {s: {objectives: {k: {event: fall}}}}}
stone: {title: Stone, exclusive_group: path, turn_in: {npc: beast}, stages: {s: {objectives: {k: {event: talk, target: wolf}}}}}
";

const NPCS: &str = "
wolf: {when: \"view.quest_state['player', player, 'first'].completions >= 1\", barks: Grr.}
elder: {barks: Sit down.}
";

const RULES: &str = "
cheer:
  doc: Whoever has done it cheers everyone.
  trigger: {appears: {view: quest_state, where: {quest: first, state: done}}}
  do: [{add: {fact: mood, by: 1}}, {emit: {event: kill, target: wolf}}]
gloom:
  trigger: {goes: {view: facts, where: {fact: mood, value: {above: 2}}}}
  after: 2h world
  do: [{emit: {event: quest.accept, target: stone}}]
";

fn of(files: &[(&str, &str)]) -> Relations {
    let given = [("world.yaml", WORLD), ("entities.yaml", ENTITIES), ("climates/mild.yaml", CLIMATE)];
    let folder = Folder::of(given.into_iter().chain(files.iter().copied()));
    relations(&LoadedWorld::load(&folder).unwrap_or_else(|error| panic!("{error}")), &folder)
}

#[test]
fn prerequisites_choices_effects_rules_and_npcs_are_edges() {
    let of = of(&[("quests/all.yaml", QUESTS), ("rules.yaml", RULES), ("npcs.yaml", NPCS)]);
    let name = |at: usize| format!("{} {}", of.nodes[at].kind.name(), of.nodes[at].id);
    let edges = of.edges.iter();
    let lines = edges
        .map(|edge| format!("{} {:?} {} [{}]\n", name(edge.from), edge.leads, name(edge.to), edge.label));
    expect![[r#"
        quest first Requires quest second []
        quest first Triggers rule cheer [appears: state == done]
        quest first Changes fact renown [= 1]
        quest second Requires quest iron [not failed or expired]
        quest stone TurnsIn npc wolf []
        rule cheer Emits quest first [kill wolf]
        rule cheer Changes fact mood [+1]
        rule gloom Emits quest stone [quest.accept]
        fact mood Requires quest second [>= 3]
        fact mood Triggers rule gloom [goes: > 2]
        fact renown Gates quest second [== 2]
        view quest_state Gates npc wolf [completions >= 1]
        choice path Offers quest iron []
        choice path Offers quest stone []
        npc wolf Emits quest stone [talk]
    "#]]
    .assert_eq(&lines.collect::<String>());
    assert_eq!(of.files, ["npcs.yaml", "quests/all.yaml", "rules.yaml"]);
    expect![[r##"
        digraph "told" {
          rankdir=LR;
          node [fontname="sans-serif", fontsize=11];
          edge [fontname="sans-serif", fontsize=9];
          subgraph cluster_0 {
            label="npcs.yaml";
            n10 [label="wolf", shape=box, style="rounded,filled", fillcolor="#fdf0ed"];
          }
          subgraph cluster_1 {
            label="quests/all.yaml";
            n0 [label="first\nFirst", shape=box, style="rounded,filled", fillcolor="#ffffff"];
            n1 [label="iron\nIron & <stone>", shape=box, style="rounded,filled", fillcolor="#ffffff"];
            n2 [label="second\nSecond", shape=box, style="rounded,filled", fillcolor="#ffffff"];
            n3 [label="stone\nStone", shape=box, style="rounded,filled", fillcolor="#ffffff"];
          }
          subgraph cluster_2 {
            label="rules.yaml";
            n4 [label="cheer\nWhoever has done it cheers everyone.", shape=hexagon, style=filled, fillcolor="#fff3dc"];
            n5 [label="gloom\nafter 2h world", shape=hexagon, style=filled, fillcolor="#fff3dc"];
          }
          n6 [label="mood\nof the realm", shape=ellipse, style=filled, fillcolor="#e5f3ea"];
          n7 [label="renown\nof each player", shape=ellipse, style=filled, fillcolor="#e5f3ea"];
          n8 [label="quest_state", shape=folder, style=filled, fillcolor="#e6eefb"];
          n9 [label="one of path", shape=diamond, style=filled, fillcolor="#eef1f4"];
          n0 -> n2 [label="", color="#2f6f4f", penwidth=1.6];
          n0 -> n4 [label="appears: state == done", color="#3a63a8"];
          n0 -> n7 [label="= 1", color="#a3621b"];
          n2 -> n1 [label="not failed or expired", color="#2f6f4f", penwidth=1.6];
          n3 -> n10 [label="", color="#b8503a"];
          n4 -> n0 [label="kill wolf", color="#8a3f8f"];
          n4 -> n6 [label="+1", color="#a3621b"];
          n5 -> n3 [label="quest.accept", color="#8a3f8f"];
          n6 -> n2 [label=">= 3", color="#2f6f4f", penwidth=1.6];
          n6 -> n5 [label="goes: > 2", color="#3a63a8"];
          n7 -> n2 [label="== 2", color="#2f6f4f", style=dashed];
          n8 -> n10 [label="completions >= 1", color="#2f6f4f", style=dashed];
          n9 -> n1 [label="", color="#6b7785", style=dotted, arrowhead=none];
          n9 -> n3 [label="", color="#6b7785", style=dotted, arrowhead=none];
          n10 -> n3 [label="talk", color="#8a3f8f"];
        }
    "##]].assert_eq(&dot(&of));
}

/// A small reader of what `dot` writes: names, quotes and brackets must be in order.
fn assert_reads(text: &str) {
    let (mut quoted, mut depth) = (false, 0_i32);
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' if quoted => {
                chars.next();
            }
            '"' => quoted = !quoted,
            '{' | '[' if !quoted => depth += 1,
            '}' | ']' if !quoted => depth -= 1,
            '\n' => assert!(!quoted, "a text ends on its line: {text}"),
            _ => {}
        }
        assert!(depth >= 0, "{text}");
    }
    assert!(depth == 0 && !quoted, "{text}");
}

#[test]
fn greenvale_is_drawn_with_everything_in_it() {
    let folder = Folder::greenvale();
    let world = LoadedWorld::greenvale().expect("it is right");
    let of = relations(&world, &folder);
    let count = |kind: Kind| of.nodes.iter().filter(|node| node.kind == kind).count();
    assert_eq!((count(Kind::Quest), count(Kind::Rule)), (world.quests.len(), world.rules.len()));
    assert!(of.nodes.iter().all(|node| node.kind != Kind::Quest || node.file.is_some()), "{:?}", of.nodes);
    let leads = |leads: Leads| of.edges.iter().any(|edge| edge.leads == leads);
    assert!(leads(Leads::Requires) && leads(Leads::Changes) && leads(Leads::Triggers), "{:?}", of.edges);
    let picture = svg(&of);
    for node in &of.nodes {
        assert!(
            picture.contains(&format!(">{}</text>", node.id)) || node.kind == Kind::Choice,
            "{}",
            node.id
        );
    }
    assert_eq!(picture.matches("<path class=\"w").count() - legend(&picture), of.edges.len());
    assert!(!picture.contains("NaN") && !picture.contains("inf"), "every place is a number");
    assert_reads(&dot(&of));
    // The same world is the same picture.
    assert_eq!(picture, svg(&relations(&world, &folder)));
}

/// The lines of the legend.
fn legend(picture: &str) -> usize {
    picture.lines().filter(|line| line.contains("<path class=\"w") && line.contains("class=\"k\"")).count()
}

#[test]
fn what_xml_and_graphviz_would_take_for_their_own_is_escaped() {
    let of = of(&[("quests/all.yaml", QUESTS)]);
    let picture = svg(&of);
    assert!(picture.contains("Iron &amp; &lt;stone&gt;") && !picture.contains("& <stone>"), "{picture}");
    assert_reads(&dot(&of));
}

#[test]
fn a_world_without_quests_is_a_picture_too() {
    let picture = svg(&of(&[]));
    assert!(picture.starts_with("<svg") && picture.ends_with("</svg>\n"), "{picture}");
}

#[test]
fn arcs_are_their_beats_with_what_they_wait_for_and_the_ways_on() {
    let arcs = "
siege:
  doc: It comes harder.
  when: {quests: {first: done}}
  tension: {half_life: 10m, events: {kills: {pattern: {event: kill, target: beast}, add: 20}}}
  beats:
    skirmish: {tension: {build_up: 40}, when: {facts: {mood: {at_least: 2}}}}
    storm:
      tension: {peak: 60}
      after: 20s
      effects: [{set: {fact: renown, to: 2}}]
      branches:
        parley: {chosen_by: {event: talk, target: elder}, when: {facts: {renown: 2}}, to: peace}
        again: {to: storm}
        over: {after: 1m}
    peace: {tension: {relax: 5}}
";
    let rules = "
cheer: {trigger: {appears_or_changes: {view: arc_state, where: {arc: siege, beat: storm, reached: true}}}, do: [{emit: {event: kill, target: wolf}}]}
end: {trigger: {changes: {view: arc_state, where: {arc: siege, phase: ended}}}, do: [{add: {fact: mood, by: 1}}]}
";
    let of = of(&[("quests/all.yaml", QUESTS), ("rules.yaml", rules), ("arcs/all.yaml", arcs)]);
    let name = |at: usize| format!("{} {}", of.nodes[at].kind.name(), of.nodes[at].id);
    let ours = |at: usize| matches!(of.nodes[at].kind, Kind::Arc | Kind::Beat);
    let edges = of.edges.iter().filter(|edge| ours(edge.from) || ours(edge.to));
    let lines = edges
        .map(|edge| format!("{} {:?} {} [{}]\n", name(edge.from), edge.leads, name(edge.to), edge.label));
    expect![[r#"
        quest first Requires arc siege []
        rule cheer Emits arc siege [kill wolf]
        fact mood Gates beat siege.skirmish [>= 2]
        fact renown Gates beat siege.storm [parley: == 2]
        arc siege Triggers rule end [changes: phase == ended]
        arc siege LeadsOn beat siege.skirmish [begins]
        beat siege.skirmish LeadsOn beat siege.storm []
        beat siege.storm Triggers rule cheer [appears or changes: reached == true]
        beat siege.storm Changes fact renown [= 2]
        beat siege.storm LeadsOn beat siege.peace [parley: on talk elder]
    "#]]
    .assert_eq(&lines.collect::<String>());
    let about = of.nodes.iter().filter(|node| matches!(node.kind, Kind::Arc | Kind::Beat));
    let about = about.map(|node| format!("{}: {}\n", node.id, node.lines.join("; ")));
    expect![[r#"
        siege: +20 kill beast; half of it goes in 10m
        siege.peace: tension down to 5; then it ends
        siege.skirmish: tension up to 40
        siege.storm: tension over 60, and below it again; at least 20s; again → again; over: after 1m → it ends
    "#]].assert_eq(&about.collect::<String>());
    let file = of.nodes.iter().find(|node| node.id == "siege.storm").and_then(|node| node.file);
    assert_eq!(file.map(|file| of.files[file].as_str()), Some("arcs/all.yaml"));
    assert!(dot(&of).contains("siege.peace") && svg(&of).contains("class=\"beat\""), "{}", svg(&of));
}
