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

use super::board::{Board, Changes};
use super::crowd::Crowd;
use super::gates::Gates;
use super::mail::{Batched, Mail, SOURCE};
use super::personality::Mix;
use super::report::{Ended, Report};
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

/// The realm, and what it has told.
struct Playing {
    realm: RunningRealm,
    changes: Receiver<(Tick, Changes)>,
    open: Tick,
}

impl Playing {
    async fn begin(world: &LoadedWorld, config: &SimulateConfig) -> Result<Playing, SimulateError> {
        let length = TickLength { tick_ms: world.world.tick_ms };
        let began = length.tick_at(config.starts_ms);
        let (tell, changes) = channel();
        let recorder: Recorder = Box::new(move |tick, changes| {
            let read = changes.iter().filter(|(view, _, _)| READ.contains(view));
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
        let mut playing = Playing { realm, changes, open: began };
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
        self.advance(until.saturating_sub(self.open).max(1)).await?;
        for (tick, changes) in self.changes.try_iter() {
            board.apply(tick, &changes, tally);
        }
        Ok(())
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
    let mut waiting: Option<(usize, oneshot::Receiver<Vec<Outcome>>)> = None;
    loop {
        // Up to the step in which somebody does something, but not past the next look.
        let next_ms = crowd.next_ms().unwrap_or(horizon_ms).min(now_ms + day_ms / LOOKS_A_DAY);
        now_ms = next_ms.max(now_ms + 1).div_ceil(step_ms).saturating_mul(step_ms).min(horizon_ms);
        playing.pass(began + now_ms / u64::from(tick_ms), &mut board, &mut tally).await?;
        if let Some((new, outcomes)) = waiting.take() {
            tally.heard(new, &outcomes.await.map_err(|_| SimulateError::Stopped)?);
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
        if !batched.items.is_empty() {
            let new = batched.new;
            waiting = Some((new, playing.submit(SOURCE, batched).await?));
        }
    }
    playing.realm.close().await?;
    tally.refused_at_the_door(&mail.refused);
    let ended = Ended {
        world,
        crowd: &crowd,
        board: &board,
        tally: &tally,
        unmet: &unmet,
        taken_out: &taken_out,
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
