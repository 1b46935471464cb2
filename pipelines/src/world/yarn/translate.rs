//! From what Yarn's compiler makes to steps.
//!
//! The compiler's instructions are for a machine with a stack. Nothing of the stack lives from one statement to the next, so it is
//! gone through once, with formulas in place of values, and what is left are steps. Labels become the numbers of steps.

use std::collections::{BTreeMap, HashMap};

use worldflow_schemas::definitions::{
    Condition, DialogueDef, Formula, Function, LineDef, OptionDef, StepDef, WorldDef,
};
use xxhash_rust::xxh3::xxh3_64;
use yarnspinner_compiler::prelude::{Compilation, DebugInfo, StringInfo};
use yarnspinner_core::prelude::{Instruction, LineId, Node, OpCode, OperandValue, Position};

use super::formula::{CALLED, function, millionths};
use super::places::{place, unknown_fact};
use super::rounds::{declared, rounds};
use crate::world::expression;
use crate::world::problem::{Place, Problem, Problems, Severity, hint};

/// The tag of an option that decides nothing.
const FREE: &str = "free";

/// How the compiler calls the variable that counts the visits of a node.
const VISITS: &str = "$Yarn.Internal.Visiting.";

/// The longest title of a node, in bytes: what names it is an id.
const MOST_TITLE: usize = 40;

/// The longest id of a line, in bytes.
const MOST_LINE_ID: usize = 50;

/// The longest name before a colon that is taken for a speaker's, in characters.
const MOST_SPEAKER: usize = 40;

/// A node, and what is to be looked at beside it.
pub(super) struct Made {
    pub(super) title: String,
    pub(super) file: String,
    pub(super) place: Place,
    pub(super) def: DialogueDef,
    /// Texts: key, text in MessageFormat, place.
    pub(super) texts: Vec<(String, String, Place)>,
    /// Conditions in our words.
    pub(super) asks: Vec<(Condition, Place)>,
}

/// Every node, by its title; what is wrong is reported.
pub(super) fn nodes(compiled: &Compilation, world: &WorldDef, problems: &mut Problems) -> Vec<Made> {
    let Some(program) = &compiled.program else { return Vec::new() };
    let titles: Vec<&str> = program.nodes.keys().map(String::as_str).collect();
    declared(compiled, world, problems);
    let mut made = Vec::new();
    for node in program.nodes.values() {
        let Some(debug) = compiled.debug_info.get(&node.name) else { continue };
        let keys = keys(node, &compiled.string_table);
        let mut translating = Translating {
            world,
            titles: &titles,
            texts: &compiled.string_table,
            debug,
            keys,
            problems,
            stack: Vec::new(),
            options: Vec::new(),
            at: 0,
            made: Made {
                title: node.name.clone(),
                file: debug.file_name.clone(),
                place: place(first(debug), 1),
                def: DialogueDef::default(),
                texts: Vec::new(),
                asks: Vec::new(),
            },
        };
        translating.node(node);
        made.push(translating.made);
    }
    rounds(&made, problems);
    made
}

/// Where the first of a node stands.
fn first(debug: &DebugInfo) -> Position {
    let all = debug.line_positions.values().flatten().copied();
    all.min_by_key(|at| (at.line, at.character)).unwrap_or(Position { line: 0, character: 0 })
}

/// The keys of a node's texts: those that the file gives, and for others one that follows from the text, so that what is written
/// before or behind it does not matter.
fn keys(node: &Node, texts: &HashMap<LineId, StringInfo>) -> HashMap<String, String> {
    let mut keys = HashMap::new();
    let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
    for instruction in &node.instructions {
        let spoken = matches!(instruction.opcode(), OpCode::RunLine | OpCode::AddOption);
        let Some(id) = text_of(instruction, 0).filter(|_| spoken) else { continue };
        let Some(info) = texts.get(&LineId(id.to_owned())) else { continue };
        let key = if info.is_implicit_tag {
            let times = seen.entry(&info.text).or_default();
            *times += 1;
            let hash = xxh3_64(format!("{times}\n{}", info.text).as_bytes());
            format!("dialogue.{}.{:08x}", node.name, hash >> 32)
        } else {
            format!("dialogue.{}", id.trim_start_matches("line:"))
        };
        keys.insert(id.to_owned(), key);
    }
    keys
}

fn text_of(instruction: &Instruction, place: usize) -> Option<&str> {
    match instruction.operands.get(place)?.value.as_ref()? {
        OperandValue::StringValue(text) => Some(text),
        _ => None,
    }
}

fn count_of(instruction: &Instruction, place: usize) -> usize {
    match instruction.operands.get(place).and_then(|operand| operand.value.as_ref()) {
        Some(OperandValue::FloatValue(number)) => {
            usize::try_from(millionths(*number) / 1_000_000).unwrap_or(0)
        }
        _ => 0,
    }
}

struct Translating<'a> {
    world: &'a WorldDef,
    titles: &'a [&'a str],
    texts: &'a HashMap<LineId, StringInfo>,
    debug: &'a DebugInfo,
    keys: HashMap<String, String>,
    problems: &'a mut Problems,
    stack: Vec<Formula>,
    /// What is to be chosen next, with the label that each leads to.
    options: Vec<(OptionDef, String)>,
    /// The instruction that is looked at.
    at: usize,
    made: Made,
}

impl Translating<'_> {
    fn node(&mut self, node: &Node) {
        if node.name.len() > MOST_TITLE {
            self.error(1, format!("a title of more than {MOST_TITLE} bytes"), "shorten it".to_owned());
        }
        // The step with which each instruction begins, and the labels that steps lead to.
        let (mut begins, mut leads) = (Vec::new(), Vec::new());
        for (at, instruction) in node.instructions.iter().enumerate() {
            self.at = at;
            begins.push(self.made.def.steps.len());
            self.instruction(instruction, &mut leads);
        }
        begins.push(self.made.def.steps.len());
        let step_of = |label: &str| {
            let at = node.labels.get(label).and_then(|at| usize::try_from(*at).ok())?;
            begins.get(at).and_then(|step| u32::try_from(*step).ok())
        };
        for (step, labels) in leads {
            for (place, label) in labels.iter().enumerate() {
                let Some(to) = step_of(label) else { continue };
                match self.made.def.steps.get_mut(step) {
                    Some(StepDef::Go(there)) => *there = to,
                    Some(StepDef::If { otherwise, .. }) => *otherwise = to,
                    Some(StepDef::Choose(options)) => {
                        if let Some(option) = options.get_mut(place) {
                            option.to = to;
                        }
                    }
                    _ => {}
                }
            }
        }
    }

    fn instruction(&mut self, instruction: &Instruction, leads: &mut Vec<(usize, Vec<String>)>) {
        let text = text_of(instruction, 0).unwrap_or_default().to_owned();
        let next = self.made.def.steps.len();
        match instruction.opcode() {
            OpCode::PushString => self.stack.push(Formula::Text(text)),
            OpCode::PushFloat => {
                let number = match instruction.operands.first().and_then(|operand| operand.value.as_ref()) {
                    Some(OperandValue::FloatValue(number)) => *number,
                    _ => 0.0,
                };
                self.stack.push(Formula::Number(millionths(number)));
            }
            OpCode::PushBool => {
                let operand = instruction.operands.first().and_then(|operand| operand.value.as_ref());
                self.stack.push(Formula::Bool(operand == Some(&OperandValue::BoolValue(true))));
            }
            OpCode::PushNull => self.stack.push(Formula::Bool(false)),
            OpCode::PushVariable => match text.strip_prefix(VISITS) {
                Some(node) => self.stack.push(Formula::Visits(node.to_owned())),
                None => {
                    let fact = self.fact(&text);
                    self.stack.push(Formula::Fact(fact));
                }
            },
            OpCode::StoreVariable => self.store(&text),
            OpCode::Pop => drop(self.stack.pop()),
            OpCode::CallFunc => self.call(&text),
            OpCode::RunLine => {
                let values = self.values(count_of(instruction, 1));
                let line = self.line(&text, values);
                self.made.def.steps.push(StepDef::Line(line));
            }
            OpCode::RunCommand => self.command(text, count_of(instruction, 1)),
            OpCode::AddOption => {
                let values = self.values(count_of(instruction, 2));
                let has_condition = instruction.operands.get(3).and_then(|operand| operand.value.as_ref());
                let when = (has_condition == Some(&OperandValue::BoolValue(true))).then(|| self.popped());
                let tags = self.texts.get(&LineId(text.clone())).map(|info| info.metadata.as_slice());
                let free = tags.unwrap_or_default().iter().any(|tag| tag == FREE);
                let option = OptionDef { line: self.line(&text, values), when, to: 0, free };
                let label = text_of(instruction, 1).unwrap_or_default().to_owned();
                self.options.push((option, label));
            }
            OpCode::ShowOptions => {
                let (options, labels) = std::mem::take(&mut self.options).into_iter().unzip();
                self.made.def.steps.push(StepDef::Choose(options));
                leads.push((next, labels));
                // What the machine has there is where the choice leads.
                self.stack.push(Formula::Bool(true));
            }
            // It follows a choice, which knows where it leads.
            OpCode::Jump => {}
            OpCode::JumpTo => {
                self.made.def.steps.push(StepDef::Go(0));
                leads.push((next, vec![text]));
            }
            OpCode::JumpIfFalse => {
                let when = self.stack.last().cloned().unwrap_or(Formula::Bool(false));
                self.made.def.steps.push(StepDef::If { when, otherwise: 0 });
                leads.push((next, vec![text]));
            }
            OpCode::Stop => self.made.def.steps.push(StepDef::Stop),
            OpCode::RunNode => self.jump(),
        }
    }

    fn popped(&mut self) -> Formula {
        self.stack.pop().unwrap_or(Formula::Bool(false))
    }

    /// The last values of the stack, in the order in which they came there.
    fn values(&mut self, count: usize) -> Vec<Formula> {
        let from = self.stack.len().saturating_sub(count);
        self.stack.split_off(from)
    }

    fn place(&self, length: usize) -> Place {
        let at = self.debug.line_positions.get(&self.at).copied().flatten();
        at.map_or(self.made.place, |at| place(at, length))
    }

    fn error(&mut self, length: usize, message: String, hint: String) {
        let (file, place) = (self.made.file.clone(), Some(self.place(length)));
        let severity = Severity::Error;
        self.problems.0.push(Problem { severity, file, place, message, hint: Some(hint), snippet: None });
    }

    fn fact(&mut self, variable: &str) -> String {
        let name = variable.trim_start_matches('$').to_owned();
        let world = self.world;
        match world.facts.get(&name) {
            Some(fact) if fact.personal => self.error(
                variable.chars().count(),
                format!("the fact `{name}` is personal"),
                "what a player wrote is sealed: nothing can be computed on it, or said of it".to_owned(),
            ),
            Some(_) => {}
            None => {
                let (message, hint) = unknown_fact(&name, &world.facts);
                self.error(variable.chars().count(), message, hint);
            }
        }
        name
    }

    fn store(&mut self, variable: &str) {
        if variable.starts_with(VISITS) {
            self.made.def.steps.push(StepDef::Visit);
            return;
        }
        let fact = self.fact(variable);
        if self.world.facts.get(&fact).is_some_and(|fact| fact.members) {
            let hint = "it follows from memberships; choose another fact".to_owned();
            self.error(variable.chars().count(), format!("nothing but worldflow changes `{fact}`"), hint);
        }
        let to = self.stack.last().cloned().unwrap_or(Formula::Bool(false));
        // What is added is added to what the fact is then, whatever others have done to it.
        let step = match to {
            Formula::Of(Function::Add, of)
                if of.first() == Some(&Formula::Fact(fact.clone())) && self.is_number(&fact) =>
            {
                let by = of.into_iter().nth(1).unwrap_or(Formula::Number(0));
                StepDef::Add { fact, by }
            }
            Formula::Of(Function::Subtract, of) if of.first() == Some(&Formula::Fact(fact.clone())) => {
                let by = of.into_iter().nth(1).unwrap_or(Formula::Number(0));
                StepDef::Add { fact, by: Formula::Of(Function::Negate, vec![by]) }
            }
            to => StepDef::Set { fact, to },
        };
        self.made.def.steps.push(step);
    }

    fn is_number(&self, fact: &str) -> bool {
        use worldflow_schemas::definitions::FactKind;
        self.world.facts.get(fact).is_some_and(|fact| matches!(fact.kind, FactKind::Int | FactKind::Dec))
    }

    fn call(&mut self, name: &str) {
        let count = match self.popped() {
            Formula::Number(millionths) => usize::try_from(millionths / 1_000_000).unwrap_or(0),
            _ => 0,
        };
        let values = self.values(count);
        let made = match (name, values.as_slice()) {
            ("visited" | "visited_count", [Formula::Text(node)]) => {
                let node = node.clone();
                self.known_node(&node, node.chars().count());
                let visits = Formula::Visits(node);
                if name == "visited" {
                    Formula::Of(Function::Greater, vec![visits, Formula::Number(0)])
                } else {
                    visits
                }
            }
            ("holds", [Formula::Text(text)]) => {
                let text = text.clone();
                self.holds(&text)
            }
            ("visited" | "visited_count" | "holds", _) => {
                let hint = format!("write it in quotes: `{name}(\"...\")`");
                self.error(name.len(), format!("`{name}` asks for what is not written there"), hint);
                Formula::Bool(false)
            }
            _ => match function(name) {
                Some(function) => Formula::Of(function, values),
                None => {
                    let known = CALLED.into_iter().chain(["visited", "visited_count", "holds"]);
                    let hint = hint(
                        name,
                        known,
                        "there are visited, visited_count, holds, dice, random_range, floor, ceil, round, int and string",
                    );
                    self.error(name.chars().count(), format!("unknown function `{name}`"), hint);
                    Formula::Bool(false)
                }
            },
        };
        self.stack.push(made);
    }

    /// A condition in our own words.
    fn holds(&mut self, text: &str) -> Formula {
        match expression::condition(text) {
            Ok(condition) => {
                let place = self.made.def.conditions.len();
                self.made.asks.push((condition.clone(), self.place("holds".len())));
                self.made.def.conditions.push(condition);
                Formula::Holds(u32::try_from(place).unwrap_or(u32::MAX))
            }
            Err(message) => {
                let hint =
                    "it is a condition as quests have them, such as `holds(\"level >= 5\")`".to_owned();
                self.error("holds".len(), message, hint);
                Formula::Bool(false)
            }
        }
    }

    fn known_node(&mut self, node: &str, length: usize) {
        if !self.titles.contains(&node) {
            let hint = hint(node, self.titles.iter().copied(), "a node is called by its `title:`");
            self.error(length, format!("unknown node `{node}`"), hint);
        }
    }

    fn jump(&mut self) {
        match self.popped() {
            Formula::Text(node) => {
                // Its name was pushed just before.
                let at = self.at;
                self.at = at.saturating_sub(1);
                self.known_node(&node, node.chars().count());
                self.at = at;
                self.made.def.steps.push(StepDef::Jump(node));
            }
            _ => {
                let hint = "name the node: `<<jump NODE>>`, within an `<<if>>` where it depends on something";
                self.error(4, "a jump to what is worked out".to_owned(), hint.to_owned());
            }
        }
    }

    fn command(&mut self, text: String, count: usize) {
        let values = self.values(count);
        let name = text.split_whitespace().next().unwrap_or_default();
        let known = &self.world.dialogue.commands;
        if !known.iter().any(|known| known == name) {
            let declared = "declare it in world.yaml: `dialogue: {commands: [give]}`";
            let hint = hint(name, known.iter().map(String::as_str), declared);
            let (length, message) = (name.chars().count(), format!("unknown command `{name}`"));
            self.error(length, message, hint);
        }
        self.made.def.steps.push(StepDef::Command(LineDef { text, values, ..LineDef::default() }));
    }

    fn line(&mut self, id: &str, values: Vec<Formula>) -> LineDef {
        let whole = self.texts.get(&LineId(id.to_owned())).map(|info| info.text.clone()).unwrap_or_default();
        let (speaker, text) = spoken(&whole);
        let key = self.keys.get(id).cloned().unwrap_or_default();
        if id.len() > MOST_LINE_ID {
            self.error(
                1,
                format!("the id of this line has more than {MOST_LINE_ID} bytes"),
                "shorten it".to_owned(),
            );
        }
        // An apostrophe before a value would quote it.
        let message = text.replace("'{", "''{");
        self.made.texts.push((key.clone(), message, self.place(whole.chars().count())));
        LineDef { key, speaker: speaker.to_owned(), text: text.to_owned(), values }
    }
}

/// The speaker and what is said: `Maren: Sit down.`
fn spoken(text: &str) -> (&str, &str) {
    let is_name = |name: &str| {
        let fits = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '_' | '-' | '.' | '\'');
        !name.is_empty() && name.chars().count() <= MOST_SPEAKER && name.chars().all(fits)
    };
    match text.split_once(": ").filter(|(name, _)| is_name(name)) {
        Some((speaker, said)) => (speaker.trim(), said.trim_start()),
        None => ("", text),
    }
}
