//! The evaluator's own reading of offers, pools, windows, the real calendar, and which stage follows.

use std::collections::BTreeMap;

use jiff::civil::{Date, Weekday as Day};
use worldflow_schemas::definitions::{
    Accept, After, CalendarTimes, PoolPer, QuestDef, QuestState, Repeat, Weekday as W, WindowDef,
};
use worldflow_schemas::input::Holder;
use worldflow_schemas::{Event, Tick, chance};

use super::{Held, Oracle};

/// Whether a quest is available only while something holds.
pub fn gated(quest: &QuestDef) -> bool {
    !quest.requires.is_empty() || !quest.roles.is_empty() || quest.pool.is_some() || quest.window.is_some()
}

/// Whether stages were done by these branches.
pub fn went(after: &After, branches: &BTreeMap<String, String>) -> bool {
    after.iter().all(|(stage, branch)| branches.get(stage) == Some(branch))
}

/// The stage that follows the open one, which is done.
pub fn next_stage(quest: &QuestDef, held: &Held) -> Option<usize> {
    if held.rounds.unwrap_or(1) < quest.stages.0[held.stage].1.times {
        return Some(held.stage);
    }
    (held.stage + 1..quest.stages.len()).find(|place| went(&quest.stages.0[*place].1.after, &held.branches))
}

impl Oracle {
    pub(super) fn offer_event(&mut self, tick: Tick, event: &Event) {
        let quest = event.target.as_str();
        let Some(def) = self.quests.get(quest).cloned() else { return self.refused += 1 };
        let Some(holder) = self.holder_for(def.scope, event) else { return self.refused += 1 };
        let held = self.held(holder, quest);
        let taken = held.state.is_open() || matches!(held.state, QuestState::Done | QuestState::Offered);
        if def.accept != Accept::Offered || taken || !self.may_accept(tick, holder, quest) {
            return self.refused += 1;
        }
        self.is_offered_now(tick, holder, quest);
    }

    /// An offer is made.
    pub(super) fn is_offered_now(&mut self, tick: Tick, holder: Holder, quest: &str) {
        let always = self.held(holder, quest).instance == 0 && !gated(&self.quests[quest]);
        if self.held(holder, quest).state != QuestState::Available && !always {
            self.becomes_available(tick, holder, quest);
        }
        let held = self.held(holder, quest);
        (held.state, held.since) = (QuestState::Offered, tick);
    }

    pub(super) fn decline_event(&mut self, tick: Tick, event: &Event) {
        let quest = event.target.as_str();
        let Some(def) = self.quests.get(quest).cloned() else { return self.refused += 1 };
        let Some(holder) = self.holder_for(def.scope, event) else { return self.refused += 1 };
        if self.held(holder, quest).state != QuestState::Offered {
            return self.refused += 1;
        }
        self.fall_back(tick, holder, quest);
    }

    /// What is not offered, or not done, any more.
    fn fall_back(&mut self, tick: Tick, holder: Holder, quest: &str) {
        let may = self.may_accept(tick, holder, quest);
        let held = self.held(holder, quest);
        held.state = if may { QuestState::Available } else { QuestState::Hidden };
        held.since = tick;
        self.look_at(tick + 1, holder);
    }

    pub(super) fn revoke(&mut self, tick: Tick, event: &Event) {
        let quest = event.target.as_str();
        let Some(def) = self.quests.get(quest).cloned() else { return self.refused += 1 };
        let Some(holder) = self.holder_for(def.scope, event) else { return self.refused += 1 };
        let held = self.held(holder, quest);
        if held.state != QuestState::Done || held.since == tick {
            return self.refused += 1;
        }
        let instance = held.instance;
        self.fall_back(tick, holder, quest);
        // The events of this tick have been before it.
        if self.held(holder, quest).state == QuestState::Available {
            self.becomes_available(tick + 1, holder, quest);
        }
        let held = self.held(holder, quest);
        held.completions -= 1;
        held.reopens = None;
        held.branches.clear();
        held.roles.clear();
        (held.rounds, held.tapper, held.stage) = (None, None, 0);
        self.revoke_grants(tick, holder, quest, instance, def.rewards.on_revoke);
    }

    /// Whether the real calendar offers a quest.
    pub(super) fn is_offered(&self, tick: Tick, holder: Holder, quest: &str) -> bool {
        let (def, now) = (&self.quests[quest], self.length.utc_ms(tick));
        if let Some((from, until)) = self.windows.get(quest)
            && !(from.is_none_or(|from| from <= now) && until.is_none_or(|until| now < until))
        {
            return false;
        }
        let Some(name) = &def.pool else { return true };
        let Some(pool) = self.world.pools.get(name) else { return false };
        let drawn = self.periods[name].iter().rfind(|drawn| **drawn <= now);
        let Some(period) = drawn else { return false };
        let score = |quest: &str| {
            let key = match pool.per {
                PoolPer::Realm => format!("{name}/{quest}"),
                PoolPer::Holder => format!("{name}/{}:{}/{quest}", holder.scope.name(), holder.id),
            };
            chance::draw(self.world.seed, "pool", &key, period.cast_unsigned())
        };
        let members = self.quests.iter().filter(|(_, def)| def.pool.as_ref() == Some(name));
        let mut scores: Vec<(u64, &str)> = members.map(|(id, _)| (score(id), &**id)).collect();
        scores.sort();
        scores.iter().take(pool.pick as usize).any(|(_, id)| *id == quest)
    }

    /// When the calendar ends an instance that is accepted now.
    pub(super) fn closes(&self, tick: Tick, def: &QuestDef) -> Option<Tick> {
        let window = def.window.as_ref().filter(|window| window.closes);
        let window = window.and_then(|window| moment(&window.until, window));
        let pool = def.pool.as_ref().and_then(|name| self.world.pools.get(name)).filter(|pool| pool.closes);
        let pool = pool.and_then(|pool| reset_after(&pool.every, self.length.utc_ms(tick)));
        window.into_iter().chain(pool).map(|ms| self.length.tick_at(ms)).min()
    }

    /// The windows of the quests that there are.
    pub(super) fn find_windows(&mut self) {
        let windows = self.quests.iter().filter_map(|(quest, def)| Some((quest, def.window.as_ref()?)));
        let edges = |window: &WindowDef| (moment(&window.from, window), moment(&window.until, window));
        self.windows = windows.map(|(quest, window)| (quest.clone(), edges(window))).collect();
    }

    /// The ticks at which the calendar may change what is offered.
    pub(super) fn dates(&mut self, first: Tick, until: Tick) -> Vec<Tick> {
        let mut moments = Vec::new();
        for (name, pool) in &self.world.pools {
            let mut ms = self.length.utc_ms(first);
            let mut drawn: Vec<i64> = reset_before(&pool.every, ms).into_iter().collect();
            while let Some(next) = reset_after(&pool.every, ms).filter(|ms| self.length.tick_at(*ms) <= until)
            {
                drawn.push(next);
                ms = next;
            }
            moments.extend(&drawn);
            self.periods.insert(name.clone(), drawn);
        }
        self.find_windows();
        moments.extend(self.windows.values().flat_map(|(from, until)| [*from, *until]).flatten());
        moments.into_iter().map(|ms| self.length.tick_at(ms)).filter(|tick| *tick > first).collect()
    }
}

fn moment(text: &Option<String>, window: &WindowDef) -> Option<i64> {
    let zone = jiff::tz::TimeZone::get(&window.zone).expect("checked");
    let local = text.as_ref()?.replace(' ', "T").parse::<jiff::civil::DateTime>().expect("checked");
    Some(local.to_zoned(zone).expect("in range").timestamp().as_millisecond())
}

/// The first reset strictly after a moment.
pub fn reset_after(repeat: &Repeat, after_ms: i64) -> Option<i64> {
    resets_near(repeat, after_ms).into_iter().filter(|ms| *ms > after_ms).min()
}

/// The last reset at or before a moment.
pub fn reset_before(repeat: &Repeat, at_ms: i64) -> Option<i64> {
    resets_near(repeat, at_ms).into_iter().filter(|ms| *ms <= at_ms).max()
}

/// The resets of the days around a moment: of about a week, or of two months.
fn resets_near(repeat: &Repeat, ms: i64) -> Vec<i64> {
    let (ats, zone, days) = match repeat {
        Repeat::Always {} | Repeat::Cooldown(_) => return Vec::new(),
        Repeat::Daily { at, zone } | Repeat::Weekly { at, zone, .. } => (vec![at], zone, 9),
        Repeat::Monthly { at, zone, .. } => (vec![at], zone, 62),
        Repeat::Calendar(CalendarTimes { at, zone, .. }) => (at.as_slice().iter().collect(), zone, 62),
    };
    let zone = jiff::tz::TimeZone::get(zone).expect("checked");
    let today = jiff::Timestamp::from_millisecond(ms).expect("in range").to_zoned(zone.clone()).date();
    let dates = (-days..=days).map(|days| today + jiff::Span::new().days(days));
    let dates: Vec<Date> = dates.filter(|date| fits(repeat, *date)).collect();
    let times = dates.iter().flat_map(|date| ats.iter().map(|at| instant(*date, at, &zone)));
    times.collect()
}

fn fits(repeat: &Repeat, date: Date) -> bool {
    let (day, month) = (date.day().unsigned_abs(), date.month().unsigned_abs());
    match repeat {
        Repeat::Weekly { day, .. } => is_on(*day, date),
        Repeat::Monthly { day: wanted, .. } => {
            day == *wanted || (day < *wanted && date.tomorrow().expect("in range").day() == 1)
        }
        Repeat::Calendar(CalendarTimes { weekdays, days, months, .. }) => {
            (weekdays.is_empty() || weekdays.iter().any(|day| is_on(*day, date)))
                && (days.is_empty() || days.contains(&day))
                && (months.is_empty() || months.contains(&month))
        }
        _ => true,
    }
}

pub(super) fn is_on(day: W, date: Date) -> bool {
    let wanted = match day {
        W::Monday => Day::Monday,
        W::Tuesday => Day::Tuesday,
        W::Wednesday => Day::Wednesday,
        W::Thursday => Day::Thursday,
        W::Friday => Day::Friday,
        W::Saturday => Day::Saturday,
        W::Sunday => Day::Sunday,
    };
    date.weekday() == wanted
}

fn instant(date: Date, at: &str, zone: &jiff::tz::TimeZone) -> i64 {
    let (hour, minute) = at.split_once(':').expect("HH:MM");
    let local = date.at(hour.parse().expect("hours"), minute.parse().expect("minutes"), 0, 0);
    let ambiguous = zone.to_ambiguous_timestamp(local);
    let found = match ambiguous.offset() {
        jiff::tz::AmbiguousOffset::Gap { .. } => {
            let about = ambiguous.later().expect("in range");
            let day_before = about - jiff::SignedDuration::from_hours(24);
            zone.following(day_before).next().expect("a gap is a transition").timestamp()
        }
        _ => ambiguous.earlier().expect("in range"),
    };
    found.as_millisecond()
}
