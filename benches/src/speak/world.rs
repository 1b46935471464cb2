//! The world of the workload: characters whom players address, and two tiers.
//!
//! A character is of gold or of silver by its budget, never by name. Criers say the same to everyone who asks in the same
//! circumstances, so questions to them may share an answer; what a player says to others is that player's alone.

use std::fmt::Write as _;

use worldflow::world::{Folder, LoadedWorld};

use super::{SpeakArgs, TierArgs};

/// Of so many characters one is asked of silver.
pub(super) const SILVER_OF: u64 = 5;

/// Which characters there are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cast {
    pub(super) npcs: u64,
    pub(super) criers: u64,
}

/// What everyone is like: prompts are some hundred tokens.
const PERSONA: &str = "You have lived in the valley for seventy years, trust iron more than people, and keep its stories. \
    You never speak of what is under the lake. Answer in one or two short sentences.";

/// Whether the `n`th of a kind of characters is of silver.
pub(super) fn is_silver(n: u64) -> bool {
    n % SILVER_OF == SILVER_OF - 1
}

pub(super) fn npc_name(n: u64) -> String {
    format!("npc{n:04}")
}

pub(super) fn crier_name(n: u64) -> String {
    format!("crier{n:03}")
}

/// The world, with these servers.
pub(super) fn world(args: &SpeakArgs, gold: &[String], silver: &[String]) -> anyhow::Result<LoadedWorld> {
    let world = world_yaml(args, gold, silver);
    let (npcs, entities) = (npcs_yaml(args), entities_yaml(args));
    let files = [
        ("world.yaml", world.as_str()),
        ("entities.yaml", &entities),
        ("npcs.yaml", &npcs),
        ("npcs/prompts.yaml", PROMPTS),
    ];
    Ok(LoadedWorld::load(&Folder::of(files))?)
}

/// What criers are asked: nothing of the player.
const PROMPTS: &str = "\
cry:
  audience: place
  context: [region]
  sections:
    persona: {}
    ask: {role: user, text: \"Cry the news of {region}.\"}
";

fn world_yaml(args: &SpeakArgs, gold: &[String], silver: &[String]) -> String {
    let mut yaml = format!(
        "name: bench\nseed: {}\ntick_ms: 10\nkinds: {{talk: {{attributes: {{said: text}}}}}}\n\
         regions: {{market: {{}}}}\n\
         guard: {{most: {{graphemes: 2000, sentences: 16}}, repetition: {{percent: 0, lines: 8}}}}\ntiers:\n",
        args.seed
    );
    for (name, tier, urls) in [("gold", args.gold(), gold), ("silver", args.silver(), silver)] {
        let TierArgs { slots, first_token_ms, token_ms, price, .. } = tier;
        let (input, output) = price;
        let urls: Vec<String> = urls.iter().map(|url| format!("\"{url}\"")).collect();
        let _ = writeln!(
            yaml,
            "  {name}: {{url: [{}], model: simulated, max_in_flight: {slots}, first_token: {first_token_ms}ms, \
             ms_per_token: {token_ms}, price: {{input: {input}, output: {output}}}}}",
            urls.join(", ")
        );
    }
    yaml
}

fn entities_yaml(args: &SpeakArgs) -> String {
    let cast = args.cast();
    let all = (0..cast.npcs).map(npc_name).chain((0..cast.criers).map(crier_name));
    all.map(|name| format!("{name}: {{kind: npc}}\n")).collect()
}

fn npcs_yaml(args: &SpeakArgs) -> String {
    let cast = args.cast();
    let mut yaml = String::new();
    let all = (0..cast.npcs).map(|n| (npc_name(n), is_silver(n), ""));
    let criers = (0..cast.criers).map(|n| (crier_name(n), is_silver(n), ", template: cry"));
    for (name, silver, template) in all.chain(criers) {
        let (budget_ms, tokens) = if silver {
            (args.silver_budget_ms, args.silver_tokens)
        } else {
            (args.gold_budget_ms, args.gold_tokens)
        };
        let _ = writeln!(
            yaml,
            "{name}: {{budget: {budget_ms}ms, patience: {}ms, max_tokens: {tokens}, persona: \"You are {name}. \
             {PERSONA}\", barks: [Not now.]{template}}}",
            args.patience_ms
        );
    }
    yaml
}
