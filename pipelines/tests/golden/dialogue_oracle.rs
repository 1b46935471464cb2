//! Yarn's own virtual machine as the oracle: on random files with random choices it says, offers and remembers the same.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use worldflow::world::yarn::nodes_of;
use worldflow_operators::dialogues::{Change, Nodes, Reads, Said, take_turn};
use worldflow_schemas::Sym;
use worldflow_schemas::chance;
use worldflow_schemas::definitions::{StepDef, WorldDef};
use yarnspinner_compiler::prelude::{Compiler, File};
use yarnspinner_core::prelude::{LineId, YarnValue};
use yarnspinner_runtime::prelude::{
    Dialogue, DialogueEvent, DialogueOption, MemoryVariableStorage, StringTableTextProvider, VariableStorage,
};

const WORLD: &str = r#"{
    "name": "random", "seed": 1,
    "facts": {
        "a": {"type": "int", "default": 0}, "b": {"type": "int", "default": 2},
        "on": {"type": "bool", "default": false}, "name": {"type": "text", "default": "nobody"}
    },
    "dialogue": {"commands": ["give"]}
}"#;

/// The same to start with as in [`WORLD`], for the machine that knows no facts.
const DECLARED: &str = "title: Declared\n---\n<<declare $a = 0>>\n<<declare $b = 2>>\n<<declare $on = false>>\n<<declare $name = \"nobody\">>\n===\n";

/// The most choices of a dialogue: some go round for ever.
const MOST_CHOICES: usize = 12;

const NODES: usize = 4;

/// Draws a file.
struct Writer {
    seed: u64,
    drawn: u64,
    lines: u32,
    text: String,
}

impl Writer {
    fn below(&mut self, bound: u64) -> u64 {
        self.drawn += 1;
        chance::below(self.seed, "oracle", "yarn", self.drawn, bound)
    }

    fn pick<'t>(&mut self, of: &[&'t str]) -> &'t str {
        let place = self.below(of.len() as u64);
        of[usize::try_from(place).expect("a small number")]
    }

    fn number(&mut self, depth: usize) -> String {
        match self.below(if depth == 0 { 3 } else { 8 }) {
            0 => self.below(4).to_string(),
            1 => "$a".to_owned(),
            2 => "$b".to_owned(),
            3 => format!("visited_count(\"N{}\")", self.below(NODES as u64)),
            4 => format!("({} + {})", self.number(depth - 1), self.number(depth - 1)),
            5 => format!("({} - {})", self.number(depth - 1), self.number(depth - 1)),
            6 => format!("({} * {})", self.number(depth - 1), self.number(depth - 1)),
            _ => format!("({} % {})", self.number(depth - 1), 1 + self.below(4)),
        }
    }

    fn test(&mut self, depth: usize) -> String {
        match self.below(if depth == 0 { 4 } else { 8 }) {
            0 => "$on".to_owned(),
            1 => format!("visited(\"N{}\")", self.below(NODES as u64)),
            2 => format!("$name {} \"{}\"", self.pick(&["==", "!="]), self.pick(&["ann", "nobody"])),
            3 => {
                let by = self.pick(&["<", "<=", ">", ">=", "==", "!="]);
                format!("{} {by} {}", self.number(1), self.number(1))
            }
            4 => format!("({} and {})", self.test(depth - 1), self.test(depth - 1)),
            5 => format!("({} or {})", self.test(depth - 1), self.test(depth - 1)),
            6 => format!("({} xor {})", self.test(depth - 1), self.test(depth - 1)),
            _ => format!("(not ({}))", self.test(depth - 1)),
        }
    }

    fn line(&mut self, indent: usize) -> String {
        self.lines += 1;
        let number = self.lines;
        let inner = match self.below(4) {
            0 => format!(" {{{}}} and {{{}}}", self.number(1), self.test(1)),
            1 => format!(" {{{}}}", self.number(2)),
            2 => " {$name}".to_owned(),
            _ => String::new(),
        };
        let speaker = self.pick(&["", "", "Maren: "]);
        // The same text twice is told apart by its place.
        let said = self.pick(&["Said", "Told", "Said"]);
        format!("{}{speaker}{said} {}{inner}", " ".repeat(indent * 4), number % 7)
    }

    fn statements(&mut self, node: usize, depth: usize, chosen: bool) {
        for _ in 0..=self.below(3) {
            self.statement(node, depth, chosen);
        }
    }

    /// Only what was chosen may lead back, or nothing would end what goes round.
    fn statement(&mut self, node: usize, depth: usize, chosen: bool) {
        let indent = " ".repeat(depth * 4);
        match self.below(if depth >= 3 { 6 } else { 9 }) {
            0 | 1 => {
                let line = self.line(depth);
                let _ = writeln!(self.text, "{line}");
            }
            2 => {
                let fact = self.pick(&["$a", "$b"]);
                let by = self.pick(&["to", "=", "+=", "-="]);
                let number = self.number(2);
                let _ = writeln!(self.text, "{indent}<<set {fact} {by} {number} % 50>>");
            }
            3 => {
                let set = match self.below(2) {
                    0 => format!("$on to {}", self.test(1)),
                    _ => format!("$name to {}", self.pick(&["\"ann\"", "\"bo\"", "\"a\" + \"nn\""])),
                };
                let _ = writeln!(self.text, "{indent}<<set {set}>>");
            }
            4 => {
                let number = self.number(1);
                let _ = writeln!(self.text, "{indent}<<give bread {{{number}}}>>");
            }
            5 => {
                let from = if chosen { 0 } else { node + 1 };
                if from < NODES {
                    let to =
                        from + usize::try_from(self.below((NODES - from) as u64)).expect("a small number");
                    let test = self.test(1);
                    let _ = writeln!(
                        self.text,
                        "{indent}<<if {test}>>\n{indent}    <<jump N{to}>>\n{indent}<<endif>>"
                    );
                }
            }
            6 => {
                let test = self.test(2);
                let _ = writeln!(self.text, "{indent}<<if {test}>>");
                self.statements(node, depth + 1, chosen);
                if self.below(2) == 0 {
                    let test = self.test(1);
                    let _ = writeln!(self.text, "{indent}<<elseif {test}>>");
                    self.statements(node, depth + 1, chosen);
                }
                if self.below(2) == 0 {
                    let _ = writeln!(self.text, "{indent}<<else>>");
                    self.statements(node, depth + 1, chosen);
                }
                let _ = writeln!(self.text, "{indent}<<endif>>");
            }
            7 => {
                for _ in 0..=self.below(3) {
                    self.lines += 1;
                    let (line, when) = (self.line(0), self.below(2) == 0);
                    let when = if when { format!(" <<if {}>>", self.test(1)) } else { String::new() };
                    let _ = writeln!(self.text, "{indent}-> {line}{when}");
                    self.statements(node, depth + 1, true);
                }
                // Two lists of options in a row are one.
                let line = self.line(depth);
                let _ = writeln!(self.text, "{line}");
            }
            _ => {
                let _ = writeln!(
                    self.text,
                    "{indent}<<if {}>>\n{indent}    <<stop>>\n{indent}<<endif>>",
                    "$a > 40"
                );
            }
        }
    }

    fn file(seed: u64) -> String {
        let mut writer = Writer { seed, drawn: 0, lines: 0, text: String::new() };
        for node in 0..NODES {
            let _ = writeln!(writer.text, "title: N{node}\n---");
            let line = writer.line(0);
            let _ = writeln!(writer.text, "{line}");
            writer.statements(node, 0, false);
            let _ = writeln!(writer.text, "===");
        }
        writer.text
    }
}

/// What is said, offered and known in the end, a line each.
type Story = Vec<String>;

fn chosen(seed: u64, turn: usize, open: &[usize]) -> usize {
    let place = chance::below(seed, "oracle", "choice", turn as u64, open.len() as u64);
    open[usize::try_from(place).expect("a small number")]
}

fn theirs(yarn: &str, seed: u64) -> Story {
    let source = format!("{DECLARED}{yarn}");
    let file = File { file_name: "random.yarn".to_owned(), source };
    let library = yarnspinner_core::yarn_library! {
        "visited" => |_: String| false,
        "visited_count" => |_: String| 0.0_f32,
    };
    let compiled = Compiler::new().add_file(file).extend_library(library).compile();
    let compiled = compiled.unwrap_or_else(|error| panic!("{error}\n{yarn}"));
    let mut texts = StringTableTextProvider::new();
    texts.extend_base_language(
        compiled
            .string_table
            .into_iter()
            .map(|(id, info)| (id, info.text))
            .collect::<Vec<(LineId, String)>>(),
    );
    let storage = MemoryVariableStorage::new();
    let mut dialogue = Dialogue::new(storage.clone_shallow(), Box::new(texts));
    dialogue.add_program(compiled.program.expect("a whole compilation"));
    dialogue.set_node("N0").expect("the first node");
    let (mut story, mut turns) = (Story::new(), 0);
    'all: loop {
        for event in dialogue.continue_().unwrap_or_else(|error| panic!("{error}\n{yarn}")) {
            match event {
                DialogueEvent::Line(line) => story.push(format!("says {}", line.text)),
                DialogueEvent::Command(command) => story.push(format!("does {}", command.raw)),
                DialogueEvent::Options(options) => {
                    story.extend(options.iter().map(|option: &DialogueOption| {
                        format!("offers {} {}", option.line.text, option.is_available)
                    }));
                    let open: Vec<usize> =
                        (0..options.len()).filter(|at| options[*at].is_available).collect();
                    turns += 1;
                    if open.is_empty() || turns > MOST_CHOICES {
                        break 'all;
                    }
                    let choice = chosen(seed, turns, &open);
                    story.push(format!("chooses {choice}"));
                    dialogue.set_selected_option(options[choice].id).expect("an option that is open");
                }
                DialogueEvent::DialogueComplete => break 'all,
                _ => {}
            }
        }
    }
    for name in ["a", "b", "on", "name"] {
        let value: YarnValue = storage.get(&format!("${name}")).expect("a declared variable");
        story.push(format!("knows {name} {value}"));
    }
    story
}

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
            Err(worldflow_operators::dialogues::Why::NoChoice) => {
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

/// Where nothing is open ours ends, and says so; the machine waits, and so has offered what nobody can choose.
fn alike(story: Story) -> Story {
    // Its floats have a nought below nought.
    let plain = |line: &String| {
        line.split(' ').map(|word| if word == "-0" { "0" } else { word }).collect::<Vec<_>>().join(" ")
    };
    let story: Story = story.iter().map(plain).collect();
    let nothing = |at: usize| story[at].starts_with("offers") && story[at].ends_with("false");
    let mut end = story.iter().position(|line| line.starts_with("knows")).unwrap_or(story.len());
    let rest = story[end..].to_vec();
    let mut kept = end;
    while kept > 0 && nothing(kept - 1) {
        kept -= 1;
    }
    let all_shut = kept < end && !(kept > 0 && story[kept - 1].starts_with("offers"));
    if all_shut {
        end = kept;
    }
    let shut = if all_shut { vec!["offers nothing".to_owned()] } else { Vec::new() };
    story[..end].iter().cloned().chain(shut).chain(rest).collect()
}

#[test]
fn random_dialogues_go_as_in_yarns_own_machine() {
    let (mut choices, mut lines, mut shut) = (0, 0, 0);
    for seed in 0..300 {
        let yarn = Writer::file(seed);
        let (ours, theirs) = (ours(&yarn, seed), alike(theirs(&yarn, seed)));
        choices += ours.iter().filter(|line| line.starts_with("chooses")).count();
        lines += ours.iter().filter(|line| line.starts_with("says")).count();
        shut += ours.iter().filter(|line| line.starts_with("offers") && line.ends_with("false")).count();
        assert_eq!(ours, theirs, "seed {seed}\n{yarn}");
    }
    // Or it would compare nothing.
    assert!(choices > 200 && lines > 1_000 && shut > 50, "{choices} choices, {lines} lines, {shut} shut");
}
