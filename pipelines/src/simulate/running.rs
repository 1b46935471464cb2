//! A realm in memory whose time is moved by hand, step by step: in each step players act on what they know, and learn what came of it.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use tokio::sync::oneshot;
use worldflow_engine::admission::{Batch, Item, Outcome};
use worldflow_engine::collector::Recorder;
use worldflow_engine::runtime::{CloseError, OpenError, RealmConfig, RunningRealm, open};
use worldflow_engine::sequencer::Mode;
use worldflow_schemas::catalog;
use worldflow_schemas::input::DefinitionEdit;
use worldflow_schemas::tick::TickLength;
use worldflow_schemas::{Command, EventId, Input, Sym, Tick};
use worldflow_sinks::tiers::TiersError;

use super::answering::{self, Answering};
use super::board::{Board, Changes};
use super::crowd::Crowd;
use super::gates::Gates;
use super::mail::{Batched, Mail, SOURCE};
use super::personality::Mix;
use super::report::{Ended, Report};
use super::served::served;
use super::spread::Spread;
use super::tally::{Looping, Tally};
use super::unmet::Unmet;
use crate::graph::graphs;
use crate::open::definition_items;
use crate::world::LoadedWorld;

/// A run is cut into about so many steps, none shorter or longer than these, and none shorter than so many ticks.
const STEPS: u64 = 3_000;
const STEP_MS: std::ops::RangeInclusive<u64> = 1_000..=15_000;
const STEP_TICKS: u64 = 10;

/// How often, in a day of the world, it is looked at what keeps quests from being available.
const LOOKS_A_DAY: u64 = 48;

/// The views that players know something by.
const READ: [catalog::ViewId; 10] = [
    catalog::CLOCK,
    catalog::WEATHER,
    catalog::FACTS,
    catalog::LEVELS,
    catalog::QUEST_STATE,
    catalog::OBJECTIVE_PROGRESS,
    catalog::QUEST_BINDINGS,
    catalog::GRANTS,
    catalog::ARC_STATE,
    catalog::ARC_BRANCHES,
];

/// What is to be simulated.
#[derive(Clone, Debug)]
pub struct SimulateConfig {
    /// How many players.
    pub players: usize,
    /// How many days of the world.
    pub days: u32,
    /// The seed of the players' choices; weather and rewards go by the world's own.
    pub seed: u64,
    /// How many of each personality.
    pub mix: Mix,
    /// The real moment at which it begins, UTC milliseconds.
    pub starts_ms: i64,
    /// Timely workers; the report is the same with any number.
    pub workers: usize,
    /// Whether NPCs are answered by simulated tiers; by none otherwise.
    pub simulated_tiers: bool,
}

/// A simulation cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum SimulateError {
    /// The engine cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The engine stopped otherwise than asked.
    #[error(transparent)]
    Close(#[from] CloseError),
    /// The engine stopped without saying why.
    #[error("the realm stopped before the end\nhint: the log says why")]
    Stopped,
    /// A definition was refused.
    #[error("a definition was refused: {0}")]
    Refused(String),
    /// The tiers cannot be simulated.
    #[error(transparent)]
    Tiers(#[from] TiersError),
}

/// A quest that went round by itself and was taken out of the realm, so that the others could go on.
#[derive(Clone, Copy, Debug)]
pub(super) struct TakenOut {
    pub(super) quest: usize,
    /// When, since the beginning.
    pub(super) at_ms: u64,
    /// Who went round.
    pub(super) looping: Looping,
}

/// After something for which NPCs may ask so many ticks are looked at one by one: what is asked in them is asked there.
const LOOKED_AT: u64 = 2;

/// The realm, and what it has told.
struct Playing {
    realm: RunningRealm,
    changes: Receiver<(Tick, Changes)>,
    open: Tick,
    answering: Option<Answering>,
    /// What players have sent and the realm has not got yet.
    spread: Spread,
}

impl Playing {
    async fn begin(world: &LoadedWorld, config: &SimulateConfig) -> Result<Playing, SimulateError> {
        let length = TickLength { tick_ms: world.world.tick_ms };
        let began = length.tick_at(config.starts_ms);
        let (tell, changes) = channel();
        let of_talk = answering::READ.into_iter().filter(|_| config.simulated_tiers);
        let reads: Vec<catalog::ViewId> = READ.into_iter().chain(of_talk).collect();
        let recorder: Recorder = Box::new(move |tick, changes| {
            let read = changes.iter().filter(|(view, _, _)| reads.contains(view));
            let read: Changes = read.cloned().collect();
            if !read.is_empty() {
                // Nobody listens any more once the simulation has ended.
                let _ended = tell.send((tick, read));
            }
        });
        let name = Sym::new(&world.world.name);
        let engine = RealmConfig {
            workers: config.workers.max(1),
            mode: Mode::Manual { start: began },
            recorder: Some(recorder),
            // Nobody follows; what is read is told to the recorder.
            held_changes: 0,
            ..RealmConfig::in_memory(name, Arc::clone(&world.world))
        };
        let realm = open(engine, graphs(name)).await?;
        let answering =
            config.simulated_tiers.then(|| Answering::new(world, &realm.realm, began)).transpose()?;
        let mut playing = Playing { realm, changes, open: began, answering, spread: Spread::default() };
        let definitions = Batched::of(definition_items(world, config.starts_ms));
        let outcomes = playing.submit("world", definitions).await?;
        playing.advance(1).await?;
        for outcome in outcomes.await.map_err(|_| SimulateError::Stopped)? {
            if let Outcome::Refused(refusal) = outcome {
                return Err(SimulateError::Refused(refusal.reason));
            }
        }
        Ok(playing)
    }

    async fn submit(
        &self,
        source: &str,
        batched: Batched,
    ) -> Result<oneshot::Receiver<Vec<Outcome>>, SimulateError> {
        let (reply, outcomes) = oneshot::channel();
        let source = Sym::new(source);
        let batch =
            Batch { source, items: batched.items, watermark_ms: None, reply: Some(reply), reached: None };
        self.realm.realm.admission.submit(batch).await.map_err(|_| SimulateError::Stopped)?;
        Ok(outcomes)
    }

    /// A quest is no more from the next tick on.
    async fn take_out(&self, quest: &str) -> Result<(), SimulateError> {
        let id = EventId::Named(format!("without-{quest}").into());
        let input = Input::Command(Command::Define(DefinitionEdit::Quest(Sym::new(quest), None)));
        let _taken = self.submit("world", Batched::of(vec![Item { id, input, most_per_s: None }])).await?;
        Ok(())
    }

    async fn advance(&mut self, ticks: u64) -> Result<(), SimulateError> {
        self.realm.advance(ticks).await.map_err(|_| SimulateError::Stopped)?;
        self.open += ticks;
        Ok(())
    }

    /// Time passes up to a tick, and what has changed by then is learnt.
    async fn pass(&mut self, until: Tick, board: &mut Board, tally: &mut Tally) -> Result<(), SimulateError> {
        let until = until.max(self.open + 1);
        let mut looks = 0;
        while self.open < until {
            let stop = self.hand_over(until, &mut looks).await?;
            self.advance(stop - self.open).await?;
            for (tick, changes) in self.changes.try_iter() {
                board.apply(tick, &changes, tally);
                if let Some(answering) = &mut self.answering {
                    answering.see(tick, &changes);
                }
            }
        }
        Ok(())
    }

    /// Hands over what is due in the open tick. Up to which tick nothing else is, of this stride.
    async fn hand_over(&mut self, until: Tick, looks: &mut u64) -> Result<Tick, SimulateError> {
        let told = self.answering.as_mut().map(|answering| answering.due(self.open));
        for (source, items) in told.into_iter().flatten() {
            let _told = self.submit(source, Batched::of(items)).await?;
        }
        // With the last tick of a stride goes all that is left of it.
        let last = self.open + 1 == until;
        let (places, items, asks) = self.spread.due(if last { Tick::MAX } else { self.open });
        *looks = if asks { LOOKED_AT } else { looks.saturating_sub(1) };
        if !items.is_empty() {
            let outcomes = self.submit(SOURCE, Batched::of(items)).await?;
            self.spread.sent(places, outcomes);
        }
        let Some(answering) = &self.answering else { return Ok(until) };
        if *looks > 0 || answering.asks_by_itself {
            return Ok(self.open + 1);
        }
        let of_tiers = answering.next();
        // While something is asked anything that is done may take it back.
        let of_players = self.spread.next(of_tiers.is_some());
        let rest = self.spread.next(true).map(|_| until - 1);
        let next = of_tiers.into_iter().chain(of_players).chain(rest).min();
        Ok(next.map_or(until, |next| next.clamp(self.open + 1, until)))
    }
}

/// Lets players play, and reports what came of it. `told` hears how many of how many milliseconds have passed.
///
/// # Errors
/// When the realm cannot be opened, or stops.
pub async fn simulate(
    world: &LoadedWorld,
    config: &SimulateConfig,
    told: impl Fn(u64, u64),
) -> Result<Report, SimulateError> {
    let with_servers = config.simulated_tiers.then(|| served(world));
    let world = with_servers.as_ref().unwrap_or(world);
    let tick_ms = world.world.tick_ms.max(1);
    let day_ms = day_ms(world);
    let horizon_ms = day_ms.saturating_mul(u64::from(config.days));
    let step_ms = (horizon_ms / STEPS).clamp(*STEP_MS.start(), *STEP_MS.end());
    let step_ms = step_ms.max(STEP_TICKS * u64::from(tick_ms));
    let mut playing = Playing::begin(world, config).await?;
    let began = playing.open;
    let began_ms = TickLength { tick_ms }.utc_ms(began);
    let mut board = Board::new(world.quests.keys(), tick_ms);
    let mut crowd = Crowd::new(world, (config.players, &config.mix), config.seed, horizon_ms);
    let mut tally = Tally::new(world.quests.len(), &crowd.names(), (tick_ms, step_ms));
    let mut mail = Mail::new(world, began_ms, config.seed);
    let mut unmet = Unmet::new(world);
    let mut taken_out: Vec<TakenOut> = Vec::new();
    let (mut now_ms, mut looked_ms) = (0, 0);
    loop {
        // Up to the step in which somebody does something, but not past the next look.
        let next_ms = crowd.next_ms().unwrap_or(horizon_ms).min(now_ms + day_ms / LOOKS_A_DAY);
        now_ms = next_ms.max(now_ms + 1).div_ceil(step_ms).saturating_mul(step_ms).min(horizon_ms);
        playing.pass(began + now_ms / u64::from(tick_ms), &mut board, &mut tally).await?;
        if let Some((new, outcomes)) = playing.spread.outcomes().await? {
            tally.heard(new, &outcomes);
        }
        told(now_ms, horizon_ms);
        let gates = Gates { world, board: &board, now: playing.open };
        if now_ms >= looked_ms + day_ms / LOOKS_A_DAY || now_ms == horizon_ms {
            looked_ms = now_ms;
            unmet.look(gates, &crowd, &tally);
        }
        if now_ms == horizon_ms {
            break;
        }
        for quest in std::mem::take(&mut tally.looping) {
            if let Some(looping) = tally.most_repeated(quest) {
                taken_out.push(TakenOut { quest, at_ms: now_ms, looping });
                playing.take_out(crowd.quests[quest].0).await?;
            }
        }
        crowd.act(now_ms, gates, &mut mail, &mut tally);
        for grant in tally.pending.drain(..) {
            mail.delivered(&grant);
        }
        let batched = mail.take();
        playing.spread = match &playing.answering {
            Some(answering) => Spread::of(batched, &answering.kinds, TickLength { tick_ms }, step_ms),
            None => Spread::at_once(batched),
        };
    }
    let talk = playing.answering.take().map(Answering::report);
    playing.realm.close().await?;
    tally.refused_at_the_door(&mail.refused);
    let ended = Ended {
        world,
        crowd: &crowd,
        board: &board,
        tally: &tally,
        unmet: &unmet,
        taken_out: &taken_out,
        talk: talk.as_ref(),
        began,
        lasted_ms: horizon_ms,
        day_ms,
    };
    Ok(Report::new(config, &ended))
}

/// Real milliseconds of a day of the world.
pub(super) fn day_ms(world: &LoadedWorld) -> u64 {
    24 * 1_000 * u64::from(world.world.clock.real_seconds_per_hour.max(1))
}
