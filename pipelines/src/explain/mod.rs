//! Why a quest, or an arc, stands where it stands: conditions with what there is now, the very events that counted and those that did
//! not, and what would finish it.
//!
//! `data folder ─rebuilt from a snapshot, one quest of one holder traced→ Explanation`. Nothing is estimated, and nothing of
//! it touches the realm: the copy is rebuilt in memory, and its own quest machine says what counted.

mod arc;
mod arc_text;
mod arc_told;
mod assembled;
mod collected;
mod compared;
mod conditions;
mod finish;
mod moments;
mod routes;
mod stuck;
mod text;
mod told;
mod words;

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use worldflow_engine::collector::Recorder;
use worldflow_engine::privacy::Privacy;
use worldflow_engine::rebuild::{RebuildConfig, Rebuilt, first_of, rebuild, retrace, tick_of};
use worldflow_engine::runtime::OpenError;
use worldflow_operators::clock::Calendar;
use worldflow_operators::messages::PlayerPlace;
use worldflow_operators::quests::traced::{Picture, Watch};
use worldflow_schemas::definitions::QuestDef;
use worldflow_schemas::input::{Holder, Scope};
use worldflow_schemas::tick::TickLength;
use worldflow_schemas::{Sym, Tick};

use crate::graph::{Tracing, traced_graphs};
use crate::world::did_you_mean;
use collected::Collected;
use conditions::Words;
use moments::Moments;

pub use arc::explain_arc;
pub use arc_text::arc_text;
pub use arc_told::{
    ArcExplanation, BeatStep, BeatTold, ChosenTold, CriterionTold, TenseTold, TensionTold, WayTold,
};
pub use conditions::test_words;
pub use routes::{Explained, explain_router};
pub use stuck::{StuckHolder, StuckOn, StuckStage, StuckTold, stuck, stuck_text};
pub use text::text;
pub use told::{
    At, Before, Deed, Deeds, EventTold, Explanation, Joined, ObjectiveTold, StageTold, Step, Tested,
};
pub use words::pattern as pattern_words;

/// How many events are told one by one of each objective, unless it is said otherwise ...
pub const EVENTS: usize = 10;
/// ... and the most that can be asked for.
pub const MOST_EVENTS: usize = 1_000;

/// How far back events are looked for that did not count for a quest that is not open.
const LOOK_BACK_MS: i64 = 3_600_000;

/// What is to be explained.
#[derive(Clone, Debug)]
pub struct Explain {
    /// The realm.
    pub realm: Sym,
    /// Its data folder. It may be in use, and is not touched.
    pub folder: PathBuf,
    /// Whose quest.
    pub who: Who,
    /// Which; for [`explain_arc`] which arc.
    pub quest: Sym,
    /// The end of which tick; the last that is known without it.
    pub at: Option<When>,
    /// UTC milliseconds: what is later may not be in the folder yet, and is not spoken of.
    pub known_ms: Option<i64>,
    /// How many events are told one by one, at most [`MOST_EVENTS`].
    pub events: usize,
}

/// Whose quest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Who {
    /// That of a player, or of what they belong to.
    Player(Sym),
    /// That of this holder.
    Holder(Holder),
}

impl Who {
    /// Who is looked at first: a player by themselves.
    fn holder(self) -> Holder {
        match self {
            Who::Player(player) => Holder { scope: Scope::Player, id: player },
            Who::Holder(holder) => holder,
        }
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Who::Player(player) => write!(f, "{player}"),
            Who::Holder(Holder { scope, id }) => write!(f, "{}:{id}", scope.name()),
        }
    }
}

impl FromStr for Who {
    type Err = String;

    fn from_str(text: &str) -> Result<Who, String> {
        let wrong = || {
            let scopes = Scope::ALL.map(Scope::name).join(", ");
            format!("`{text}` is no holder\nhint: write SCOPE:ID, where the scope is one of {scopes}")
        };
        let (scope, id) = text.split_once(':').ok_or_else(wrong)?;
        let scope = Scope::ALL.into_iter().find(|of| of.name() == scope).ok_or_else(wrong)?;
        let id = Sym::try_new(id).filter(|id| !id.is_none()).ok_or_else(wrong)?;
        Ok(Who::Holder(Holder { scope, id }))
    }
}

/// A moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum When {
    /// UTC milliseconds.
    Utc(i64),
    /// A tick.
    Tick(Tick),
}

impl When {
    /// UTC milliseconds.
    #[must_use]
    pub fn utc_ms(self, length: TickLength) -> i64 {
        match self {
            When::Utc(ms) => ms,
            When::Tick(tick) => length.utc_ms(tick),
        }
    }
}

impl FromStr for When {
    type Err = String;

    fn from_str(text: &str) -> Result<When, String> {
        if let Ok(tick) = text.parse() {
            return Ok(When::Tick(tick));
        }
        let at: Result<jiff::Timestamp, _> = text.parse();
        at.map(|at| When::Utc(at.as_millisecond()))
            .map_err(|_| format!("`{text}` is no moment; write for example 2026-11-25T12:00:00Z, or a tick"))
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            When::Tick(tick) => write!(f, "{tick}"),
            When::Utc(ms) => match jiff::Timestamp::from_millisecond(*ms) {
                Ok(at) => write!(f, "{at}"),
                Err(_) => write!(f, "{ms}"),
            },
        }
    }
}

/// It cannot be explained.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// There is no such quest.
    #[error("there is no quest `{quest}` at {at}\nhint: {hint}")]
    UnknownQuest {
        /// The quest.
        quest: String,
        /// The moment.
        at: String,
        /// What it might be.
        hint: String,
    },
    /// There is no such arc.
    #[error("there is no arc `{arc}` at {at}\nhint: {hint}")]
    UnknownArc {
        /// The arc.
        arc: String,
        /// The moment.
        at: String,
        /// What it might be.
        hint: String,
    },
    /// The quest, or the arc, is held by holders of another kind.
    #[error("{what} `{quest}` is held by a {scope}, and `{holder}` is a {given}\nhint: name a {scope}")]
    OtherScope {
        /// `quest` or `arc`.
        what: &'static str,
        /// The quest, or the arc.
        quest: Sym,
        /// Who holds it.
        scope: &'static str,
        /// Who was asked for.
        holder: Sym,
        /// What that is.
        given: &'static str,
    },
    /// The moment is before everything that is kept.
    #[error("{asked} is before what is kept\nhint: the earliest moment is {at} (tick {tick})", at = .first.at, tick = .first.tick)]
    TooEarly {
        /// The moment.
        asked: String,
        /// The earliest one.
        first: At,
    },
    /// The past cannot be rebuilt.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The rebuilt realm did not say where the quest stands.
    #[error("tick {0} could not be looked at\nhint: a snapshot is damaged; `worldflow doctor` says which")]
    Unseen(Tick),
}

impl ExplainError {
    fn other_scope(what: &'static str, id: Sym, scope: Scope, asked: Holder) -> ExplainError {
        let (scope, given) = (scope.name(), asked.scope.name());
        ExplainError::OtherScope { what, quest: id, scope, holder: asked.id, given }
    }
}

/// A copy of the realm that was traced to its end.
struct Seen {
    rebuilt: Rebuilt,
    collected: Collected,
    picture: Picture,
}

/// How far back a trace begins.
enum Begin {
    /// At the newest snapshot: where it stands is all that is wanted.
    Newest,
    /// At a snapshot before this moment, if there is one.
    Before(i64),
    /// As early as anything is kept; every change on the way is told.
    First(Option<Recorder>),
}

impl Begin {
    fn without_recorder(&self) -> Begin {
        match self {
            Begin::Newest => Begin::Newest,
            Begin::Before(ms) => Begin::Before(*ms),
            Begin::First(_) => Begin::First(None),
        }
    }
}

/// Explains.
///
/// # Errors
/// When the folder no longer holds that moment, or there is no such quest.
pub async fn explain(of: &Explain) -> Result<Explanation, ExplainError> {
    let trace = Trace::of(of)?;
    let Trace { until, moments, .. } = trace;
    let asked = of.who.holder();
    let mut now = trace.run(asked, Begin::Newest).await?;
    let def = trace.def(&now)?;
    let mut holder = asked;
    if def.scope != asked.scope {
        let Who::Player(player) = of.who else {
            return Err(ExplainError::other_scope("quest", of.quest, def.scope, asked));
        };
        let Some(found) = holder_at(&now.picture.place, def.scope, of.realm) else {
            return Ok(without_holder(of, &trace, &now, def.scope, player));
        };
        holder = found;
        now = trace.run(holder, Begin::Newest).await?;
    }
    let seen = trace.back(holder, now).await?;
    let def = trace.def(&seen)?;
    let calendar = Calendar::compile(&seen.rebuilt.world.clock).ok();
    let words = Words::at(until, seen.picture.clock.as_ref(), calendar, moments);
    let parts = assembled::Parts {
        def: &def,
        picture: &seen.picture,
        collected: &seen.collected,
        words: &words,
        moments,
        most: of.events.min(MOST_EVENTS),
    };
    let mut told = parts.explanation(of.realm, of.quest, Some(holder));
    told.looked_from = seen.rebuilt.snapshot.map(|tick| moments.at(tick));
    told.asked = trace.later.clone();
    Ok(told)
}

/// The holder that a player has of a scope, if any.
fn holder_at(place: &PlayerPlace, scope: Scope, realm: Sym) -> Option<Holder> {
    let id = match scope {
        Scope::Player => return None,
        Scope::Party => place.party,
        Scope::Guild => place.guild,
        Scope::Account => place.account,
        Scope::Region => place.region,
        Scope::Instance => place.instance,
        Scope::Realm => realm,
    };
    (!id.is_none()).then_some(Holder { scope, id })
}

fn without_holder(of: &Explain, trace: &Trace<'_>, now: &Seen, scope: Scope, player: Sym) -> Explanation {
    let scope = scope.name();
    let why = if now.picture.known {
        format!("{player} has no {scope}, and the quest is held by one")
    } else {
        format!("nothing was ever heard of {player}, and the quest is held by a {scope}")
    };
    let mut told = assembled::nobody(of.realm, of.quest, trace.moments.at(trace.until), why);
    told.title = now.picture.def.as_ref().map(|def| def.title.clone()).unwrap_or_default();
    told.scope = scope.to_owned();
    told.state = "hidden".to_owned();
    told.asked = trace.later.clone();
    told
}

/// Fixes a past to one tick, since the realm may be writing on: to what is asked for, but nothing that is not known yet. Returns the
/// tick, and what is asked for in UTC milliseconds.
pub(crate) fn fix(
    config: &mut RebuildConfig,
    until: Option<When>,
    known_ms: Option<i64>,
) -> Result<(Tick, TickLength, Option<i64>), OpenError> {
    let (_, length) = tick_of(config)?;
    let asked_ms = until.map(|until| until.utc_ms(length));
    config.until_ms = match (asked_ms, known_ms) {
        (Some(asked), Some(known)) => Some(asked.min(known)),
        (asked, known) => asked.or(known),
    };
    let (until, _) = tick_of(config)?;
    config.until_ms = Some(length.utc_ms(until));
    Ok((until, length, asked_ms))
}

/// What every trace of one question has in common: a past that is fixed to one tick.
struct Trace<'a> {
    of: &'a Explain,
    config: RebuildConfig,
    until: Tick,
    moments: Moments,
    /// What was asked for, where that is later than what is known.
    later: Option<At>,
}

impl<'a> Trace<'a> {
    fn of(of: &'a Explain) -> Result<Trace<'a>, ExplainError> {
        let mut config = RebuildConfig {
            folder: of.folder.clone(),
            name: of.realm,
            workers: 1,
            until_ms: None,
            privacy: Privacy::none(),
        };
        let (until, length, asked_ms) = fix(&mut config, of.at, of.known_ms)?;
        let moments = Moments { length };
        let mut later = None;
        if let (Some(at), Some(asked)) = (of.at, asked_ms.map(|ms| length.tick_at(ms))) {
            let first = first_of(&of.folder)?;
            if asked < first {
                return Err(ExplainError::TooEarly { asked: at.to_string(), first: moments.at(first) });
            }
            later = (asked > until).then(|| moments.at(asked));
        }
        Ok(Trace { of, config, until, moments, later })
    }

    /// Traces the quest under every id that it has had on the way.
    async fn run(&self, holder: Holder, begin: Begin) -> Result<Seen, ExplainError> {
        let (again, ids) = (begin.without_recorder(), (self.of.quest, Vec::new()));
        let seen = self.run_as(holder, begin, ids).await?;
        let (quest, ids) = seen.collected.ids(self.of.quest);
        if ids.is_empty() { Ok(seen) } else { self.run_as(holder, again, (quest, ids)).await }
    }

    /// Traces a quest that is called so when the trace begins, and is given these ids later.
    async fn run_as(
        &self,
        holder: Holder,
        begin: Begin,
        (quest, ids): (Sym, Vec<(Tick, Sym)>),
    ) -> Result<Seen, ExplainError> {
        let watch = Watch { holder, quest, ids: ids.into(), until: self.until };
        let most = self.of.events.min(MOST_EVENTS);
        let collected = Arc::new(Mutex::new(Collected::new(self.moments, most)));
        let told = Arc::clone(&collected);
        let tracing = Tracing {
            watch,
            told: Arc::new(move |tick, traced| {
                told.lock().unwrap_or_else(PoisonError::into_inner).take(tick, traced);
            }),
        };
        let graphs = traced_graphs(self.of.realm, tracing);
        let rebuilt = match begin {
            Begin::Newest => rebuild(&self.config, graphs).await?,
            Begin::Before(ms) => retrace(&self.config, ms, graphs, None).await?,
            Begin::First(recorder) => retrace(&self.config, i64::MIN, graphs, recorder).await?,
        };
        // Workers that still hold it have ended.
        let mut collected = std::mem::replace(
            &mut *collected.lock().unwrap_or_else(PoisonError::into_inner),
            Collected::new(self.moments, most),
        );
        collected.kept_from(rebuilt.snapshot);
        let picture = collected.picture.take().ok_or(ExplainError::Unseen(self.until))?;
        Ok(Seen { rebuilt, collected, picture })
    }

    /// Looks back as far as is needed for what is there now.
    async fn back(&self, holder: Holder, now: Seen) -> Result<Seen, ExplainError> {
        if now.rebuilt.snapshot.is_none() {
            // It was everything already.
            return Ok(now);
        }
        let end = self.moments.length.utc_ms(self.until);
        let since = match now.picture.since {
            0 => end.saturating_sub(LOOK_BACK_MS),
            since => self.moments.length.utc_ms(since).min(end.saturating_sub(LOOK_BACK_MS)),
        };
        let seen = self.run(holder, Begin::Before(since)).await?;
        // An older one is there only if this is from before.
        let from = seen.rebuilt.snapshot.filter(|tick| self.moments.length.utc_ms(*tick) < since);
        if from.is_some() && seen.collected.began_before() {
            return self.run(holder, Begin::First(None)).await;
        }
        Ok(seen)
    }

    /// The quest as it was then.
    fn def(&self, seen: &Seen) -> Result<Arc<QuestDef>, ExplainError> {
        seen.picture.def.clone().ok_or_else(|| {
            let names = seen.picture.others.iter().map(|quest| quest.as_str());
            ExplainError::UnknownQuest {
                quest: self.of.quest.to_string(),
                at: self.moments.at(self.until).at,
                hint: hint_of_quest(self.of.quest.as_str(), names),
            }
        })
    }
}

/// What a quest might be that is none of these.
fn hint_of_quest<'n>(quest: &str, names: impl Iterator<Item = &'n str>) -> String {
    match did_you_mean(quest, names) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "name a quest of the world as it was then".to_owned(),
    }
}
