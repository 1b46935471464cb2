//! `worldflow prompt`: what a model would be asked if a player addressed an NPC now, or at any moment that is kept.
//!
//! It is asked of a copy of the realm in memory, by the graph itself: nothing is told to a tier, and nothing is changed.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use serde::Serialize;
use worldflow_engine::admission::Item;
use worldflow_engine::rebuild::{RebuildConfig, fork};
use worldflow_engine::view_store::{Filter, ViewStore};
use worldflow_schemas::catalog::{ENTITIES, LORE, NPC_LINES, NPC_REQUESTS, ViewId};
use worldflow_schemas::definitions::WorldDef;
use worldflow_schemas::{Event, EventId, Input, Row, Sym, Value};
use worldflow_sinks::lore::{Asker, Index};
use worldflow_sinks::tiers::prompt::{Rendered, context_of, render, room, wants_lore};

use crate::graph::graphs;
use crate::world::did_you_mean;

use super::keys::KeysArgs;

/// Who asks.
const SOURCE: &str = "prompt";

/// Show what a model would be asked if a player addressed an NPC
///
/// Of a copy of the realm of a data folder, which may be in use: nothing is changed, and no tier is asked. Lore is found
/// by words, also where the world has an embedder.
#[derive(Debug, Args)]
#[command(after_help = "\
  worldflow prompt --data .data --npc elder_maren --player ann --said wolves
  worldflow prompt --data .data --npc elder_maren --player ann --at 2026-11-25T12:00:00Z --json")]
pub(super) struct PromptArgs {
    /// The data folder of a server, or of one realm.
    #[arg(long, value_name = "FOLDER")]
    data: PathBuf,
    /// The name of the realm, when it is not the only one in the data folder.
    #[arg(long)]
    realm: Option<String>,
    /// Who is addressed.
    #[arg(long)]
    npc: String,
    /// By whom.
    #[arg(long)]
    player: String,
    /// By which kind of event; that of the NPC's `addressed_by`.
    #[arg(long, default_value = "talk")]
    kind: String,
    /// What they say.
    #[arg(long, default_value = "")]
    said: String,
    /// When: RFC 3339 or integer milliseconds; the last that is known when absent.
    #[arg(long, value_parser = super::replay::moment)]
    at: Option<i64>,
    /// Opens what players wrote, with the keys that lie there; it stays sealed otherwise.
    #[arg(long)]
    with_keys: bool,
    #[command(flatten)]
    keys: KeysArgs,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What would be asked, or what is said instead.
#[derive(Debug, Serialize)]
struct Told {
    tick: u64,
    /// What is said without a tier, with its reason or storylet.
    #[serde(skip_serializing_if = "Option::is_none")]
    said: Option<Said>,
    #[serde(skip_serializing_if = "Option::is_none")]
    asked: Option<AskedOf>,
}

#[derive(Debug, Serialize)]
struct Said {
    text: String,
    why: String,
    storylet: String,
}

#[derive(Debug, Serialize)]
struct AskedOf {
    tier: String,
    prompt: String,
    revision: String,
    digest: String,
    locale: String,
    parameters: serde_json::Value,
    max_tokens: String,
    tokens: u64,
    sections: Vec<Part>,
    messages: serde_json::Value,
}

#[derive(Debug, Serialize)]
struct Part {
    section: String,
    /// About how many tokens of it are sent.
    tokens: u64,
    /// About how many there were.
    of: u64,
}

pub(super) fn run(args: PromptArgs) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let json = args.json;
    let told = runtime.block_on(asked(args))?;
    if json { super::show_json(&told) } else { super::show(&text(&told)) }
}

async fn asked(args: PromptArgs) -> anyhow::Result<Told> {
    let (folder, realm) = super::replay::journal_of(args.data, args.realm)?;
    let name = Sym::new(&realm);
    let privacy = args.keys.look(args.with_keys, name, &folder)?;
    let config = RebuildConfig { folder, name, workers: 1, until_ms: args.at, privacy };
    let (running, rebuilt) = fork(&config, graphs(name)).await?;
    if let Err(error) = check_npc(&running.realm.views, name, &args.npc) {
        running.close().await?;
        return Err(error);
    }
    let id = |text: &str, what: &str| {
        Sym::try_new(text).ok_or_else(|| anyhow::anyhow!("`{text}` cannot be the id of {what}"))
    };
    let (npc, player, kind) =
        (id(&args.npc, "an NPC")?, id(&args.player, "a player")?, id(&args.kind, "a kind of event")?);
    let tick_ms = i64::from(rebuilt.world.tick_ms.max(1));
    let said = (Sym::new("said"), Value::text(&args.said));
    let event = Event {
        at_ms: i64::try_from(rebuilt.tick + 1).unwrap_or(i64::MAX).saturating_mul(tick_ms),
        source: Sym::new(SOURCE),
        id: EventId::Position(1),
        player,
        kind,
        target: npc,
        region: Sym::NONE,
        amount: 1,
        with: (!args.said.is_empty()).then(|| Arc::from([said])),
    };
    let item = Item { id: EventId::Position(1), input: Input::Event(event), most_per_s: None };
    let published = running.realm.admission.publish(Sym::new(SOURCE), vec![item]);
    let (outcomes, advanced) = tokio::join!(published, running.advance(ANSWERED_WITHIN));
    let taken = outcomes.is_ok() && advanced.is_ok();
    let views = running.realm.views.clone();
    running.close().await?;
    anyhow::ensure!(taken, "the realm took no event");
    told(&views, &rebuilt.world, name, (npc, player), rebuilt.tick + 1)
}

/// The ticks within which something is said or asked: what has limits over all players is said one later, or something else is.
const ANSWERED_WITHIN: u64 = 3;

/// Whether there is such an NPC.
fn check_npc(views: &ViewStore, realm: Sym, npc: &str) -> anyhow::Result<()> {
    let entities = views.read(ENTITIES);
    let is_there =
        Sym::find(npc).is_some_and(|npc| entities.get(&[Value::id(realm), Value::Sym(npc)]).is_some());
    if is_there {
        return Ok(());
    }
    let all = Filter::all();
    let known: Vec<String> = (entities.rows(&all))
        .filter(|row| column(ENTITIES, row, "kind") == "npc")
        .map(|row| column(ENTITIES, row, "entity"))
        .collect();
    let hint = match did_you_mean(npc, known.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "an NPC is an entity of the kind `npc`".to_owned(),
    };
    anyhow::bail!("no NPC is called `{npc}` in the realm `{realm}` then\nhint: {hint}")
}

/// What came of it in a tick.
fn told(
    views: &ViewStore,
    world: &WorldDef,
    realm: Sym,
    (npc, player): (Sym, Sym),
    tick: u64,
) -> anyhow::Result<Told> {
    let of_pair = |view: ViewId, row: &Row, when: &str| {
        column(view, row, "npc") == npc.as_str()
            && column(view, row, "player") == player.as_str()
            && (tick..tick + ANSWERED_WITHIN).any(|tick| column(view, row, when) == tick.to_string())
    };
    let requests = views.read(NPC_REQUESTS);
    let all = Filter::all();
    let request = requests.rows(&all).find(|row| of_pair(NPC_REQUESTS, row, "asked"));
    let Some(row) = request else {
        let lines = views.read(NPC_LINES);
        let line = lines.rows(&all).find(|row| of_pair(NPC_LINES, row, "tick"));
        let said = line.map(|row| Said {
            text: column(NPC_LINES, row, "text"),
            why: column(NPC_LINES, row, "why"),
            storylet: column(NPC_LINES, row, "storylet"),
        });
        return Ok(Told { tick, said, asked: None });
    };
    let of = |name| column(NPC_REQUESTS, row, name);
    let messages = of("messages");
    let parameters: serde_json::Value = serde_json::from_str(&of("parameters")).unwrap_or_default();
    let lore = pieces(views, realm, npc, &messages);
    let Rendered { sections, .. } = render(&messages, &lore, None, None).map_err(anyhow::Error::msg)?;
    let max_tokens = of("max_tokens").parse().unwrap_or_default();
    let room = context_of(world, &of("tier")).map(|context| room(context, max_tokens));
    let rendered = render(&messages, &lore, parameters["most"].as_u64(), room).map_err(anyhow::Error::msg)?;
    let parts = rendered.sections.iter().zip(sections);
    Ok(Told {
        tick,
        said: None,
        asked: Some(AskedOf {
            tier: of("tier"),
            prompt: of("prompt"),
            revision: of("revision"),
            digest: of("digest"),
            locale: of("locale"),
            max_tokens: of("max_tokens"),
            parameters,
            tokens: rendered.tokens(),
            sections: parts
                .map(|((section, tokens, _), (_, _, of))| Part {
                    section: section.clone(),
                    tokens: *tokens,
                    of,
                })
                .collect(),
            messages: serde_json::from_str(&rendered.json())?,
        }),
    })
}

/// The pieces of lore that a prompt wants.
fn pieces(views: &ViewStore, realm: Sym, npc: Sym, messages: &str) -> Vec<String> {
    let Some((text, k)) = wants_lore(messages) else { return Vec::new() };
    let rows = views.read(LORE);
    let index = Index::of(rows.rows(&Filter::all()));
    let entities = views.read(ENTITIES);
    let tags = entities.get(&[Value::id(realm), Value::Sym(npc)]).map(|row| column(ENTITIES, row, "tags"));
    let tags = tags.and_then(|tags| serde_json::from_str(&tags).ok()).unwrap_or_default();
    let asker = Asker::Npc { id: npc.as_str().to_owned(), tags };
    index.by_words(&text, &asker, k).iter().map(|hit| hit.chunk.whole()).collect()
}

fn column(view: ViewId, row: &Row, name: &str) -> String {
    let value = view.def().column(name).map(|at| &row[at]);
    value.filter(|value| **value != Value::Null).map(ToString::to_string).unwrap_or_default()
}

fn text(told: &Told) -> String {
    let Some(asked) = &told.asked else {
        return match &told.said {
            Some(Said { text, why, storylet }) if storylet.is_empty() => {
                format!("No tier is asked ({why}): the bark is said.\n  {text}\n")
            }
            Some(Said { text, storylet, .. }) => {
                format!("No tier is asked: the storylet `{storylet}` is said.\n  {text}\n")
            }
            None => "Nothing is said: the NPC's `when` does not hold for the player, it is addressed by another kind of event \
                     (--kind), or it does not speak.\n"
                .to_owned(),
        };
    };
    let named =
        |name: &str, otherwise: &str| if name.is_empty() { otherwise.to_owned() } else { name.to_owned() };
    let mut out = format!(
        "prompt    {} (revision {})\ntier      {}\ntokens    about {}, and at most {} of the answer\ndigest    {}\n",
        named(&asked.prompt, "the NPC's own"),
        asked.revision,
        named(&asked.tier, "chosen by the budget"),
        asked.tokens,
        asked.max_tokens,
        asked.digest,
    );
    if !asked.locale.is_empty() {
        out.push_str(&format!("language  {}\n", asked.locale));
    }
    out.push_str(&format!("asked as  {}\n\n", asked.parameters));
    for Part { section, tokens, of } in &asked.sections {
        let cut = if tokens < of { format!(" of {of}") } else { String::new() };
        out.push_str(&format!("  {section:<12} {tokens}{cut}\n"));
    }
    for message in asked.messages.as_array().into_iter().flatten() {
        let (role, content) = (message["role"].as_str(), message["content"].as_str());
        out.push_str(&format!("\n[{}]\n{}\n", role.unwrap_or_default(), content.unwrap_or_default()));
    }
    out
}
