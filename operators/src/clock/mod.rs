//! The world clock: phase, calendar, moons and scheduled events as of each tick.
//!
//! `clock commands, schedules ─clock→ clock, calendar_events, ClockNow`
//!
//! World time is an exact function of the tick. The machine is stepped at the first tick at or
//! after each edge and changes its row there only; between edges nothing happens. It does not know
//! who listens, and real calendars (days of quests) are not its business.

mod calendar;
mod schedule;
mod world_time;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use worldflow_schemas::base::{BaseName, BaseRow};
use worldflow_schemas::catalog::{CALENDAR_EVENTS, CLOCK};
use worldflow_schemas::definitions::{Downtime, ScheduleDef};
use worldflow_schemas::input::{ClockCommand, ClockWrite};
use worldflow_schemas::{Row, Sym, Tick, Value};

use crate::machine::{Machine, Output};
use crate::messages::ClockNow;
use crate::piece;

pub use calendar::{Calendar, DAY_MS, HOUR_MS, Moment, parse_moment, parse_time};
pub use schedule::{Plan, SHOWN, Schedule};
pub use world_time::WorldTime;

/// What the clock is told. Routed by the realm.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum ClockIn {
    /// The realm's first tick. Any other first input starts the clock as well.
    Start,
    /// A change of the clock.
    Command(ClockWrite),
    /// A scheduled event is defined, or removed with `None`.
    Schedule(Sym, Option<Arc<ScheduleDef>>),
}

/// The clock of a realm. One shard owns it, which is the one that has its inputs.
#[derive(Debug)]
pub struct ClockMachine {
    realm: Sym,
    tick_ms: u32,
    calendar: Arc<Calendar>,
    now: Option<Now>,
    /// By name, in order of text.
    schedules: BTreeMap<&'static str, Schedule>,
    told: Option<ClockNow>,
    stepped: Tick,
    /// The scale that the world said when the clock was last kept.
    declared: (u32, u32),
    /// The world has been edited so that the clock is not what it was: the next tick sees to it.
    edited: bool,
}

/// The clock once it has started.
#[derive(Clone, Debug)]
struct Now {
    time: WorldTime,
    /// When the row became true.
    since: Tick,
    row: Row,
}

/// A piece of base state. The key is the schedule's name, or [`Sym::NONE`] for the clock itself.
#[derive(Clone, Serialize, Deserialize)]
enum Kept {
    Clock {
        time: WorldTime,
        since: Tick,
        /// The scale that the world said: milliseconds of its time, and how many real ones.
        declared: (u32, u32),
    },
    Schedule(Schedule),
}

impl ClockMachine {
    /// The clock of `realm`, not yet started.
    #[must_use]
    pub fn new(realm: Sym, tick_ms: u32, calendar: Arc<Calendar>) -> ClockMachine {
        ClockMachine {
            realm,
            tick_ms,
            declared: (calendar.scale_world, calendar.scale_real),
            edited: false,
            calendar,
            now: None,
            schedules: BTreeMap::new(),
            told: None,
            stepped: 0,
        }
    }

    /// The scale that the world says.
    fn scale(&self) -> (u32, u32) {
        (self.calendar.scale_world, self.calendar.scale_real)
    }

    fn keep(&self, key: Sym, kept: Option<&Kept>, output: &mut Output<ClockNow>) {
        output.base.push(piece::change(Self::NAME, self.realm, &key, kept));
    }

    fn define(&mut self, inputs: &[ClockIn], world_ms: i64, output: &mut Output<ClockNow>) {
        let mut edits: Vec<(Sym, Option<Plan>)> = Vec::new();
        for input in inputs {
            match input {
                ClockIn::Schedule(name, None) => edits.push((*name, None)),
                // What does not compile has been refused where the world was loaded.
                ClockIn::Schedule(name, Some(def)) => {
                    edits.extend(Plan::compile(def).ok().map(|plan| (*name, Some(plan))));
                }
                ClockIn::Start | ClockIn::Command(_) => {}
            }
        }
        // Removal first: −old +new in one tick is an edit.
        edits.sort_by_cached_key(|(name, plan)| (name.as_str(), plan.as_ref().map(Plan::order)));
        edits.dedup_by(|later, earlier| {
            let same = later.0 == earlier.0;
            if same {
                earlier.1 = later.1;
            }
            same
        });
        for (name, plan) in edits {
            self.edit(name, plan, world_ms, output);
        }
    }

    fn edit(&mut self, name: Sym, plan: Option<Plan>, world_ms: i64, output: &mut Output<ClockNow>) {
        let Some(plan) = plan else {
            if let Some(schedule) = self.schedules.remove(name.as_str()) {
                for fired in &schedule.fired {
                    output.remove(CALENDAR_EVENTS, event_row(self.realm, name, fired));
                }
                self.keep(name, None, output);
            }
            return;
        };
        let changed = match self.schedules.get_mut(name.as_str()) {
            Some(schedule) => schedule.edit(plan, world_ms),
            None => {
                self.schedules.insert(name.as_str(), Schedule::new(plan, world_ms));
                true
            }
        };
        if changed {
            let kept = Kept::Schedule(self.schedules[name.as_str()].clone());
            self.keep(name, Some(&kept), output);
        }
    }

    fn fire(&mut self, tick: Tick, world_ms: i64, output: &mut Output<ClockNow>) {
        let realm = self.realm;
        for (&name, schedule) in &mut self.schedules {
            let Some(fired) = schedule.fire(tick, world_ms) else { continue };
            let name = Sym::new(name);
            output.insert(CALENDAR_EVENTS, event_row(realm, name, &fired));
            while schedule.fired.len() > SHOWN {
                if let Some(old) = schedule.fired.pop_front() {
                    output.remove(CALENDAR_EVENTS, event_row(realm, name, &old));
                }
            }
            let kept = Kept::Schedule(schedule.clone());
            output.base.push(piece::change(Self::NAME, realm, &name, Some(&kept)));
        }
    }

    /// Commands of one tick, downtime first, the others in their order.
    fn command(&self, mut time: WorldTime, tick: Tick, inputs: &[ClockIn]) -> WorldTime {
        let mut commands: Vec<&ClockWrite> = inputs
            .iter()
            .filter_map(|input| if let ClockIn::Command(command) = input { Some(command) } else { None })
            .collect();
        let is_later = |write: &ClockWrite| !matches!(write.command, ClockCommand::Downtime { .. });
        commands.sort_by(|a, b| is_later(a).cmp(&is_later(b)).then_with(|| a.order.cmp_order(&b.order)));
        for write in commands {
            match write.command {
                ClockCommand::Downtime { from, to } => time = self.after_downtime(time, from, to),
                ClockCommand::SetTime { world_ms } => {
                    // Edges refuse what lies beyond.
                    let most = ClockCommand::MOST_WORLD_MS;
                    let world_ms = world_ms.clamp(-most, most);
                    let scale = (time.scale_world, time.scale_real);
                    let set = WorldTime::new(tick, world_ms, scale, self.tick_ms);
                    time = if time.paused { set.paused_at(tick) } else { set };
                }
                ClockCommand::SetScale { world, real } if world > 0 && real > 0 => {
                    if (world, real) != (time.scale_world, time.scale_real) {
                        time = time.anchored_at(tick);
                        (time.scale_world, time.scale_real) = (world, real);
                    }
                }
                ClockCommand::Resume if time.paused => time = time.resumed_at(tick),
                ClockCommand::Pause if !time.paused => time = time.paused_at(tick),
                ClockCommand::Resume | ClockCommand::Pause => {}
                ClockCommand::SetScale { .. } => {}
            }
        }
        time
    }

    /// With `downtime: pause` the line from `from` on is moved to begin at `to`, its fraction with it.
    fn after_downtime(&self, time: WorldTime, from: Tick, to: Tick) -> WorldTime {
        if self.calendar.downtime == Downtime::CatchUp || time.paused {
            return time;
        }
        let stopped = from.max(time.anchor);
        if to <= stopped {
            return time;
        }
        let mut time = time.anchored_at(stopped);
        time.anchor = to;
        time
    }

    fn row(&self, time: &WorldTime, tick: Tick) -> Row {
        let world_ms = time.at(tick);
        let moment = self.calendar.moment(world_ms);
        let next_edge = time.first_tick_at(self.calendar.next_edge(world_ms));
        Row::from([
            Value::id(self.realm),
            Value::Int(world_ms),
            Value::count(tick),
            Value::Int(time.scale_world.into()),
            Value::Int(time.scale_real.into()),
            // After a restart it stands still until the tick from which it goes on.
            Value::Bool(time.paused || tick < time.anchor),
            Value::id(moment.phase),
            Value::Int(moment.day),
            Value::Int(moment.year),
            Value::id(moment.month),
            Value::Int(moment.day_of_month),
            Value::id(moment.weekday),
            Value::id(moment.season),
            Value::text(&moons_json(&moment.moons)),
            next_edge.map_or(Value::Null, Value::count),
        ])
    }

    fn clock_now(&self, time: &WorldTime, tick: Tick) -> ClockNow {
        let moment = self.calendar.moment(time.at(tick));
        ClockNow {
            world_ms: time.world_ms,
            fraction: time.fraction,
            since: time.anchor,
            scale_world: time.scale_world,
            scale_real: time.scale_real,
            paused: time.paused,
            phase: moment.phase,
            season: moment.season,
            moons: moment.moons,
        }
    }
}

impl Machine for ClockMachine {
    type In = ClockIn;
    type Out = ClockNow;
    const NAME: BaseName = "clock";

    fn load(&mut self, row: BaseRow) {
        let (name, kept): (Sym, Kept) = piece::read(&row);
        match kept {
            Kept::Clock { time, since, declared } => {
                self.declared = declared;
                let row = self.row(&time, since);
                self.now = Some(Now { time, since, row });
            }
            Kept::Schedule(schedule) => {
                self.schedules.insert(name.as_str(), schedule);
            }
        }
    }

    fn loaded(&mut self, tick: Tick, _: Vec<ClockIn>, output: &mut Output<ClockNow>) {
        self.stepped = tick;
        for (&name, schedule) in &self.schedules {
            for fired in &schedule.fired {
                output.insert(CALENDAR_EVENTS, event_row(self.realm, Sym::new(name), fired));
            }
        }
        if let Some(now) = &self.now {
            let moment = |tick| self.calendar.moment(now.time.at(tick));
            self.edited = self.declared != self.scale() || moment(now.since) != moment(tick);
            output.insert(CLOCK, now.row.clone());
            let told = self.clock_now(&now.time, now.since);
            output.out.push(told.clone());
            self.told = Some(told);
        }
    }

    fn step(&mut self, tick: Tick, inputs: Vec<ClockIn>, output: &mut Output<ClockNow>) {
        self.stepped = tick;
        if self.now.is_none() && inputs.is_empty() {
            return;
        }
        let scale = self.scale();
        let started = || WorldTime::new(tick, self.calendar.start_ms, scale, self.tick_ms);
        let before = self.now.take();
        let mut time = before.as_ref().map_or_else(started, |now| now.time);
        self.edited = false;
        if std::mem::replace(&mut self.declared, scale) != scale {
            time = time.anchored_at(tick);
            (time.scale_world, time.scale_real) = scale;
        }
        self.define(&inputs, time.at(tick), output);
        let time = self.command(time, tick, &inputs);
        let world_ms = time.at(tick);
        self.fire(tick, world_ms, output);

        let changed = before.as_ref().is_none_or(|now| {
            now.time != time
                || (now.since < time.anchor && time.anchor <= tick)
                || self.calendar.moment(now.time.at(now.since)) != self.calendar.moment(world_ms)
        });
        if !changed {
            self.now = before;
            return;
        }
        let now = Now { time, since: tick, row: self.row(&time, tick) };
        output.replace(CLOCK, before.map(|now| now.row), Some(now.row.clone()));
        let kept = Kept::Clock { time, since: tick, declared: self.declared };
        self.keep(Sym::NONE, Some(&kept), output);
        let told = self.clock_now(&time, tick);
        if self.told.as_ref() != Some(&told) {
            output.out.push(told.clone());
            self.told = Some(told);
        }
        self.now = Some(now);
    }

    fn alarm(&self) -> Option<Tick> {
        let time = &self.now.as_ref()?.time;
        if self.edited {
            return Some(self.stepped + 1);
        }
        let world_ms = time.at(self.stepped);
        let edge = self.calendar.next_edge(world_ms);
        let events = self.schedules.values().filter_map(Schedule::next_ms);
        // At the end of representable time there is no next edge.
        let next = events.chain([edge]).filter(|&next| next > world_ms).min();
        let next = next.and_then(|next| time.first_tick_at(next)).map(|tick| tick.max(self.stepped + 1));
        let begins = Some(time.anchor).filter(|anchor| *anchor > self.stepped);
        next.into_iter().chain(begins).min()
    }
}

fn event_row(realm: Sym, name: Sym, fired: &schedule::Fired) -> Row {
    Row::from([
        Value::id(realm),
        Value::id(name),
        Value::Int(fired.occurrence),
        Value::count(fired.tick),
        Value::Int(fired.world_ms),
        Value::id(fired.kind),
    ])
}

/// `{"moon":"full"}`, by name.
fn moons_json(moons: &[(Sym, Sym)]) -> String {
    let names: serde_json::Map<String, serde_json::Value> =
        moons.iter().map(|(name, phase)| (name.to_string(), phase.as_str().into())).collect();
    serde_json::Value::Object(names).to_string()
}
