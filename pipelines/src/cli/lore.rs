//! `worldflow lore`: what the documents of a world say about something.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Subcommand;
use serde_json::json;
use worldflow_operators::lore::rows;
use worldflow_schemas::Sym;
use worldflow_sinks::lore::{Asker, Embedder, Hit, Index, MOST_TEXTS, Ranking, embedder_of, hit_json};

use crate::world::{LoadedWorld, did_you_mean};

/// Lore: search the documents of a world
#[derive(Debug, clap::Args)]
#[command(after_help = "\
  worldflow lore search my_world \"who built the mill\"                  the chunks that fit best
  worldflow lore search my_world \"the bells\" --npc fisher_tam -k 3     of what an NPC knows
  worldflow lore search my_world wolves --lexical --json               without asking an embedder")]
pub(super) struct LoreArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Search(SearchArgs),
}

/// Search the lore of a world folder, as its NPCs' prompts will
#[derive(Debug, clap::Args)]
struct SearchArgs {
    /// The world folder; `greenvale` is the demo world.
    world: PathBuf,
    /// What is looked for.
    text: String,
    /// Only what this NPC knows.
    #[arg(long)]
    npc: Option<String>,
    /// How many chunks at most.
    #[arg(short, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=50))]
    k: u16,
    /// By words, whatever embedder the world names.
    #[arg(long)]
    lexical: bool,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &LoreArgs) -> anyhow::Result<ExitCode> {
    let What::Search(args) = &args.what;
    let is_demo = args.world.as_os_str() == "greenvale" && !args.world.exists();
    let world = if is_demo { LoadedWorld::greenvale()? } else { LoadedWorld::open(&args.world)? };
    let asker = asker(&world, args.npc.as_deref())?;
    let realm = Sym::new(&world.world.name);
    let rows: Vec<_> =
        world.lore.iter().flat_map(|(id, def)| rows(realm, Sym::new(id), def).into_values()).collect();
    let mut index = Index::of(&rows);
    let variable = |name: &str| std::env::var(name).ok();
    let folder = world.path.as_deref();
    let embedder = if args.lexical { None } else { embedder_of(&world.world, folder, variable)? };
    let k = usize::from(args.k);
    let by_vector = embedder.map(|embedder| by_vector(&mut index, &embedder, &args.text, &asker, k));
    let (ranking, why, hits) = match by_vector.transpose() {
        Ok(Some(hits)) => (Ranking::Cosine, None, hits),
        Ok(None) => (Ranking::Bm25, None, index.by_words(&args.text, &asker, k)),
        Err(why) => (Ranking::Bm25, Some(why), index.by_words(&args.text, &asker, k)),
    };
    if args.json {
        let hits: Vec<_> = hits.iter().map(hit_json).collect();
        return super::show_json(&json!({"ranking": ranking.name(), "why": why, "hits": hits}));
    }
    super::show(&shown(&index, ranking, why.as_deref(), &hits))
}

/// For whom is searched. An NPC that is nobody would be told what everyone knows, and no mistake be seen.
fn asker(world: &LoadedWorld, npc: Option<&str>) -> anyhow::Result<Asker> {
    let Some(npc) = npc else { return Ok(Asker::Anyone) };
    let entity = world.world.entities.get(npc).with_context(|| {
        let near = did_you_mean(npc, world.world.entities.keys().map(String::as_str));
        let near = near.map_or("NPCs are declared in entities.yaml".to_owned(), |near| {
            format!("did you mean `{near}`?")
        });
        format!("the world has no entity `{npc}`\nhint: {near}")
    })?;
    Ok(Asker::Npc { id: npc.to_owned(), tags: entity.tags.clone() })
}

/// Embeds all of the lore and the question: what is asked once is kept nowhere.
fn by_vector(
    index: &mut Index,
    embedder: &Arc<dyn Embedder>,
    text: &str,
    asker: &Asker,
    k: usize,
) -> Result<Vec<Hit>, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    runtime.block_on(async {
        loop {
            let chunks = index.without_vector(MOST_TEXTS);
            if chunks.is_empty() {
                break;
            }
            let texts: Vec<String> = chunks.iter().map(|chunk| chunk.whole()).collect();
            let vectors = embedder.embed(&texts).await?;
            if !chunks.iter().zip(&vectors).all(|(chunk, vector)| index.embed(&chunk.digest, vector)) {
                return Err("the embedder's vectors cannot be compared with each other".to_owned());
            }
        }
        let question = embedder.embed(&[text.to_owned()]).await?.into_iter().next().unwrap_or_default();
        let hits = index.by_vector(&question, asker, k);
        hits.ok_or_else(|| "the question's vector cannot be compared with those of the lore".to_owned())
    })
}

fn shown(index: &Index, ranking: Ranking, why: Option<&str>, hits: &[Hit]) -> String {
    let mut out = String::new();
    let chunks = index.len();
    let _ = match hits.len() {
        0 => writeln!(out, "nothing of {chunks} chunks fits ({})", ranking.name()),
        n => writeln!(out, "the best {n} of {chunks} chunks, by {}", ranking.name()),
    };
    if let Some(why) = why {
        let _ = writeln!(out, "by words, since {why}");
    }
    for hit in hits {
        let chunk = &hit.chunk;
        let under = if chunk.heading.is_empty() { String::new() } else { format!(": {}", chunk.heading) };
        let _ = writeln!(out, "{:8.3}  {}{under}", hit.score, chunk.document);
        let _ = writeln!(out, "{:8}  {}", "", first_line(&chunk.text));
    }
    out
}

/// The first line of a text, cut off.
fn first_line(text: &str) -> String {
    const MOST: usize = 100;
    let line = text.lines().next().unwrap_or_default();
    match line.char_indices().nth(MOST) {
        Some((cut, _)) => format!("{}…", &line[..cut]),
        None => line.to_owned(),
    }
}
