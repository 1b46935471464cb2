//! What Yarn's own virtual machine says, offers and knows of random files: a story for each, as `dialogue_oracle.rs` reads them.

#[path = "../../tests/golden/dialogue_random.rs"]
mod dialogue_random;

use dialogue_random::{FILES, MOST_CHOICES, chosen, file};
use yarnspinner_compiler::prelude::{Compiler, File};
use yarnspinner_core::prelude::{Library, LineId, YarnValue};
use yarnspinner_runtime::prelude::{
    Dialogue, DialogueEvent, MemoryVariableStorage, StringTableTextProvider, VariableStorage,
};

/// The same to start with as in the world of the test; the machine knows no facts.
const DECLARED: &str = "title: Declared\n---\n<<declare $a = 0>>\n<<declare $b = 2>>\n<<declare $on = false>>\n<<declare $name = \"nobody\">>\n===\n";

/// What is said, offered and known in the end, a line each.
type Story = Vec<String>;

fn story(yarn: &str, seed: u64) -> Story {
    let source = format!("{DECLARED}{yarn}");
    let file = File { file_name: "random.yarn".to_owned(), source };
    let mut library = Library::new();
    library.add_function("visited", |_: String| false).add_function("visited_count", |_: String| 0.0_f32);
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
                    story.extend(
                        options
                            .iter()
                            .map(|option| format!("offers {} {}", option.line.text, option.is_available)),
                    );
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

fn main() {
    for seed in 0..FILES {
        println!("seed {seed}");
        alike(story(&file(seed), seed)).iter().for_each(|line| println!("{line}"));
    }
}
