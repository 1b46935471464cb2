//! `worldflow explain`: why a quest or an arc stands where it stands, and who is stuck on a quest.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde::de::DeserializeOwned;
use worldflow_engine::rebuild::is_in_use;
use worldflow_schemas::Sym;
use worldflow_schemas::input::{Holder, Scope};

use super::server::Server;
use crate::explain::{
    ArcExplanation, EVENTS, Explain, Explanation, MOST_EVENTS, StuckTold, When, Who, arc_text, explain,
    explain_arc, stuck, stuck_text, text,
};
use crate::world::LoadedWorld;

/// Say why a quest or an arc stands where it stands: conditions, what counted and what did not, and what would finish it
///
/// With --data, of the realm of a data folder that may be in use, now or at any moment that is kept; with --to, of the
/// realm of a running server. Nothing is changed either way.
#[derive(Debug, Args)]
#[command(after_help = "\
  worldflow explain --data .data --player ann --quest lost_flock
  worldflow explain --data .data --player ann --quest lost_flock --at 2026-11-25T12:00:00Z
  worldflow explain --data .data --holder guild:keepers --quest guild_treasury --json
  worldflow explain --data .data --quest lost_flock --stuck
  worldflow explain --data .data --player ann --arc the_siege
  worldflow explain --to http://127.0.0.1:7777 --token $TOKEN --player ann --quest lost_flock")]
pub(super) struct ExplainArgs {
    /// The world folder, where its name says which realm of the data folder is meant.
    world: Option<PathBuf>,
    /// The data folder of a server, or of one realm.
    #[arg(long, value_name = "FOLDER", required_unless_present = "to")]
    data: Option<PathBuf>,
    /// The name of the realm, when it is not that of the only one in the data folder.
    #[arg(long, requires = "data")]
    realm: Option<String>,
    /// The address of a running server.
    #[arg(long, value_name = "URL", requires = "token", conflicts_with = "data")]
    to: Option<String>,
    /// A designer's, a dashboard's or a game server's token of the realm.
    #[arg(long, env = "WORLDFLOW_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// Whose quest or arc; of one that is held together, that of what the player belongs to.
    #[arg(long, required_unless_present_any = ["holder", "stuck"])]
    player: Option<String>,
    /// Whose quest or arc, as SCOPE:ID: `party:p1`, `region:moor`.
    #[arg(long, value_name = "SCOPE:ID", conflicts_with = "player")]
    holder: Option<Who>,
    /// Which quest.
    #[arg(long, required_unless_present = "arc")]
    quest: Option<String>,
    /// Which arc: the beat that it is in, how tense it is and by what, what it waits for, and the ways on.
    #[arg(long, conflicts_with_all = ["quest", "stuck"])]
    arc: Option<String>,
    /// The end of which tick: a moment as RFC 3339, or the tick; the last that is known when absent.
    #[arg(long, value_name = "MOMENT")]
    at: Option<When>,
    /// How many events are told one by one of each objective, or of each entry of an arc's tension.
    #[arg(long, value_name = "N", default_value_t = EVENTS)]
    events: usize,
    /// Who is stuck on it, and where, instead.
    #[arg(long, conflicts_with_all = ["player", "holder"])]
    stuck: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &ExplainArgs) -> anyhow::Result<ExitCode> {
    anyhow::ensure!(
        args.events <= MOST_EVENTS,
        "--events {} is too many\nhint: at most {MOST_EVENTS} are told one by one",
        args.events
    );
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        if args.arc.is_some() {
            let told: ArcExplanation = match of_folder(args)? {
                Some(of) => explain_arc(&of).await?,
                None => of_server(args).await?,
            };
            return shown(args, &told, arc_text);
        }
        if args.stuck {
            let told: StuckTold = match of_folder(args)? {
                Some(of) => stuck(&of).await?,
                None => of_server(args).await?,
            };
            return shown(args, &told, stuck_text);
        }
        let told: Explanation = match of_folder(args)? {
            Some(of) => explain(&of).await?,
            None => of_server(args).await?,
        };
        shown(args, &told, text)
    })
}

fn shown<T: serde::Serialize>(
    args: &ExplainArgs,
    told: &T,
    text: impl Fn(&T) -> String,
) -> anyhow::Result<ExitCode> {
    if args.json {
        return super::show_json(told);
    }
    super::show(&text(told))
}

/// What is asked of a data folder, if it is.
fn of_folder(args: &ExplainArgs) -> anyhow::Result<Option<Explain>> {
    let Some(data) = &args.data else { return Ok(None) };
    let named = match (&args.realm, &args.world) {
        (Some(realm), _) => Some(realm.clone()),
        (None, Some(world)) => Some(LoadedWorld::open(world)?.world.name.clone()),
        (None, None) => None,
    };
    let (folder, realm) = super::replay::journal_of(data.clone(), named)?;
    let realm = id(&realm, "a realm")?;
    let who = match (&args.player, args.holder) {
        (Some(player), _) => Who::Player(id(player, "a player")?),
        (None, Some(holder)) => holder,
        (None, None) => Who::Holder(Holder { scope: Scope::Realm, id: realm }),
    };
    // The last second of a realm that runs may not be in its folder yet.
    let last = is_in_use(&folder).then(|| worldflow_engine::tick_clock::system_wall_clock()() - 1_000);
    let quest = match (&args.quest, &args.arc) {
        (_, Some(arc)) => id(arc, "an arc")?,
        (quest, None) => id(quest.as_deref().unwrap_or_default(), "a quest")?,
    };
    Ok(Some(Explain { realm, folder, who, quest, at: args.at, known_ms: last, events: args.events }))
}

fn id(text: &str, what: &str) -> anyhow::Result<Sym> {
    let sym = Sym::try_new(text).filter(|sym| !sym.is_none());
    sym.ok_or_else(|| anyhow::anyhow!("`{text}` is no id of {what}\nhint: an id is short, and not empty"))
}

async fn of_server<T: DeserializeOwned>(args: &ExplainArgs) -> anyhow::Result<T> {
    let (Some(url), Some(token)) = (&args.to, &args.token) else {
        anyhow::bail!("neither a data folder nor a server is given\nhint: give --data, or --to and --token");
    };
    let at = args.at.map(|at| at.to_string());
    let events = args.events.to_string();
    let holder = args.holder.map(|holder| holder.to_string());
    let mut query = vec![("events", events.as_str())];
    query.extend(args.quest.as_deref().map(|quest| ("quest", quest)));
    query.extend(args.arc.as_deref().map(|arc| ("arc", arc)));
    query.extend(args.player.as_deref().map(|player| ("player", player)));
    query.extend(holder.as_deref().map(|holder| ("holder", holder)));
    query.extend(at.as_deref().map(|at| ("at", at)));
    query.extend(args.stuck.then_some(("stuck", "true")));
    let answer = Server::at(url, token).get("/v1/explain", &query).await?;
    serde_json::from_value(answer).map_err(|error| {
        anyhow::anyhow!("the answer explains nothing: {error}\nhint: is it a worldflow of the same version?")
    })
}
