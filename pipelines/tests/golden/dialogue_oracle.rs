//! Yarn's own virtual machine as the oracle: on random files with random choices it says, offers and knows the same.
//!
//! What it says is in `dialogue_stories.txt`, which `pipelines/yarn_machine` writes: the machine would change what the whole workspace
//! is built with.

use std::collections::BTreeMap;

use worldflow::world::yarn::nodes_of;
use worldflow_operators::dialogues::{Change, Nodes, Reads, Said, Why, take_turn};
use worldflow_schemas::Sym;
use worldflow_schemas::definitions::{StepDef, WorldDef};

use crate::dialogue_random::{FILES, MOST_CHOICES, chosen, file};

/// What the machine says of each file.
const STORIES: &str = include_str!("dialogue_stories.txt");

const WORLD: &str = r#"{
    "name": "random", "seed": 1,
    "facts": {
        "a": {"type": "int", "default": 0}, "b": {"type": "int", "default": 2},
        "on": {"type": "bool", "default": false}, "name": {"type": "text", "default": "nobody"}
    },
    "dialogue": {"commands": ["give"]}
}"#;

/// What is said, offered and known in the end, a line each.
type Story = Vec<String>;

struct World {
    facts: BTreeMap<String, Said>,
    visits: BTreeMap<String, u32>,
}

impl Reads for World {
    fn fact(&self, fact: &str) -> Said {
        self.facts[fact].clone()
    }

    fn holds(&self, _: Sym, _: u32) -> bool {
        false
    }

    fn visits(&self, node: &str) -> u32 {
        self.visits.get(node).copied().unwrap_or(0)
    }

    fn chosen(&self, _: &str) -> bool {
        false
    }

    fn draw(&mut self, _: u64) -> u64 {
        0
    }
}

fn ours(yarn: &str, seed: u64) -> Story {
    let world: WorldDef = serde_json::from_str(WORLD).expect("a world");
    let made = nodes_of(&[("dialogue/random.yarn", yarn)], &world);
    let made = made.unwrap_or_else(|error| panic!("{error}\n{yarn}"));
    let nodes: Nodes = made.into_iter().map(|(title, def)| (Sym::new(&title), def.into())).collect();
    let number = |n: i64| Said::Number(n * 1_000_000);
    let facts = [
        ("a", number(0)),
        ("b", number(2)),
        ("on", Said::Bool(false)),
        ("name", Said::Text("nobody".into())),
    ];
    let facts = facts.map(|(name, said)| (name.to_owned(), said)).into();
    let mut world = World { facts, visits: BTreeMap::new() };
    let (mut story, mut from) = (Story::new(), (Sym::new("N0"), 0));
    let whole = |speaker: &str, text: &str| match speaker {
        "" => text.to_owned(),
        _ => format!("{speaker}: {text}"),
    };
    for turns in 1.. {
        let turn = take_turn(&nodes, from, &mut world);
        story.extend(turn.spoken.iter().map(|spoken| match spoken.command {
            true => format!("does {}", spoken.text),
            false => format!("says {}", whole(&spoken.speaker, &spoken.text)),
        }));
        for (fact, change) in &turn.changes {
            let now = match change {
                Change::Set(to) => to.clone(),
                Change::Add(by) => match (&world.facts[fact.as_str()], by) {
                    (Said::Number(a), Said::Number(b)) => Said::Number(a + b),
                    other => panic!("only numbers are added to: {other:?}"),
                },
            };
            world.facts.insert(fact.to_string(), now);
        }
        for node in &turn.visits {
            *world.visits.entry(node.to_string()).or_default() += 1;
        }
        let step = |key: &str| {
            let options = nodes[&turn.node].steps.iter().filter_map(|step| match step {
                StepDef::Choose(options) => Some(options),
                _ => None,
            });
            options.flatten().find(|option| option.line.key == key).expect("what is offered is there").to
        };
        let offers = match &turn.next {
            Ok(offers) => offers,
            // The machine does not say that nothing is open.
            Err(Why::NoChoice) => {
                story.push("offers nothing".to_owned());
                break;
            }
            Err(_) => break,
        };
        story.extend(offers.iter().map(|offer| {
            format!("offers {} {}", whole(&offer.line.speaker, &offer.line.text), offer.shut.is_none())
        }));
        let open: Vec<usize> = (0..offers.len()).filter(|at| offers[*at].shut.is_none()).collect();
        if turns > MOST_CHOICES {
            break;
        }
        let choice = chosen(seed, turns, &open);
        story.push(format!("chooses {choice}"));
        from = (turn.node, step(&offers[choice].line.key));
    }
    story.extend(["a", "b", "on", "name"].map(|name| format!("knows {name} {}", world.facts[name])));
    story
}

#[test]
fn random_dialogues_go_as_in_yarns_own_machine() {
    let (mut choices, mut lines, mut shut) = (0, 0, 0);
    let theirs: Vec<Story> = STORIES
        .split("seed ")
        .skip(1)
        .map(|story| story.lines().skip(1).map(str::to_owned).collect())
        .collect();
    assert_eq!(theirs.len() as u64, FILES);
    for (seed, theirs) in (0..).zip(&theirs) {
        let yarn = file(seed);
        let ours = ours(&yarn, seed);
        choices += ours.iter().filter(|line| line.starts_with("chooses")).count();
        lines += ours.iter().filter(|line| line.starts_with("says")).count();
        shut += ours.iter().filter(|line| line.starts_with("offers") && line.ends_with("false")).count();
        assert_eq!(ours, *theirs, "seed {seed}\n{yarn}");
    }
    // Or it would compare nothing.
    assert!(choices > 200 && lines > 500 && shut > 100, "{choices} choices, {lines} lines, {shut} shut");
}
