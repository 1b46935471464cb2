//! Arcs: beats that nothing leads to, ways that lead to no end, tension that never comes or never passes.

use std::collections::BTreeSet;

use worldflow_operators::arcs::reach::reached;
use worldflow_schemas::definitions::{ArcDef, BeatDef, BranchDef, Condition, Effect, Pattern, TargetDef};

use super::Checker;
use super::whose::{a, finds};
use crate::world::problem::hint;
use crate::world::spot::Spot;

/// The most beats of an arc, and branches of a beat.
const MOST_BEATS: usize = 64;
const MOST_BRANCHES: usize = 16;

/// What a branch and a criterion may weigh.
const MOST_WEIGHT: i32 = 1_000;

/// The place of the end among the beats of an arc.
const END: usize = MOST_BEATS;

/// The places of an arc: beats and the end.
const PLACES: u64 = 256;

/// The ways of an arc, from beat to beat or to the end.
type Ways = Vec<(usize, usize)>;

impl Checker<'_> {
    pub(super) fn check_arcs(&mut self) {
        let definitions = self.definitions;
        let mut all = Vec::new();
        for (id, placed) in &definitions.arcs {
            let (arc, spot) = (&placed.definition, placed.spot);
            self.check_id("arc", id, spot);
            self.check_condition_of_arc(arc, &arc.when, spot.key("when"));
            self.check_tension(arc, spot.key("tension"));
            let beats = spot.key("beats");
            if arc.beats.is_empty() || arc.beats.len() > MOST_BEATS {
                let hint = format!("give 1 to {MOST_BEATS}");
                self.error(beats, format!("an arc of {} beats", arc.beats.len()), hint);
                continue;
            }
            for (id, beat) in arc.beats.iter() {
                self.check_id("beat", id, beats.name(id));
                self.check_beat(arc, id, beat, beats.key(id));
            }
            self.check_names_of_arc(id, arc, spot);
            if placed.whole {
                all.push((arc, spot, self.ways(arc)));
            }
        }
        self.check_ways(&all);
    }

    fn check_tension(&mut self, arc: &ArcDef, spot: Spot<'_>) {
        let tension = &arc.tension;
        if tension.half_life.ms == 0 {
            self.error(spot.key("half_life"), "`half_life` is no time at all", "give a span such as `10m`");
        }
        if tension.half_life.world {
            let hint = "give a span of real time, such as `10m`";
            self.error(spot.key("half_life"), "tension passes in real time", hint);
        }
        if tension.most == 0 {
            self.error(spot.key("most"), "a tension that is always 0", "give a number such as 100");
        }
        for (id, tense) in &tension.events {
            let spot = spot.key("events");
            self.check_id("event", id, spot.name(id));
            let spot = spot.key(id);
            self.check_pattern_elsewhere(&tense.pattern, spot.key("pattern"));
            if tense.add == 0 {
                let hint = "give a number above 0, or below it for what calms";
                self.error(spot.key("add"), "this changes nothing", hint);
            }
        }
    }

    /// A pattern outside of quests.
    pub(super) fn check_pattern_elsewhere(&mut self, pattern: &Pattern, spot: Spot<'_>) {
        self.check_pattern(pattern, spot);
        for (key, given) in [("role", pattern.role.is_some()), ("within", pattern.within.is_some())] {
            if given {
                self.error(spot.key(key), format!("`{key}` is for objectives of quests"), "remove it");
            }
        }
        if let Some(when) = &pattern.when {
            self.check_asks_elsewhere(when, spot.key("when"));
        }
    }

    fn check_condition_of_arc(&mut self, arc: &ArcDef, when: &Condition, spot: Spot<'_>) {
        self.check_condition_elsewhere(when, spot);
        if let Some((message, _)) = self.holder_lacks(when, arc.scope) {
            let hint = "give the arc the scope player or region, or ask for a fact of its own scope";
            self.error(spot, format!("this never holds: {message}"), hint);
        }
    }

    fn check_beat(&mut self, arc: &ArcDef, id: &str, beat: &BeatDef, spot: Spot<'_>) {
        self.check_condition_of_arc(arc, &beat.when, spot.key("when"));
        self.check_target(arc, beat.tension, spot.key("tension"));
        for (index, effect) in beat.effects.iter().enumerate() {
            self.check_effect_of_beat(arc, effect, spot.key("effects").item(index));
        }
        if beat.ends && !beat.branches.is_empty() {
            let hint = "remove `ends`, or the branches; a branch without `to` ends the arc, too";
            self.error(spot.key("ends"), format!("`{id}` ends the arc and has branches"), hint);
        }
        if beat.branches.len() > MOST_BRANCHES {
            let hint = format!("at most {MOST_BRANCHES}");
            self.error(spot.key("branches"), format!("{} branches", beat.branches.len()), hint);
        }
        for (id, branch) in beat.branches.iter() {
            let spot = spot.key("branches");
            self.check_id("branch", id, spot.name(id));
            self.check_branch(arc, branch, spot.key(id));
        }
    }

    fn check_target(&mut self, arc: &ArcDef, target: TargetDef, spot: Spot<'_>) {
        let (name, wanted, most) = (target.name(), target.tension(), arc.tension.most);
        let spot = spot.key(name);
        let rises = arc.tension.events.values().any(|tense| tense.add > 0);
        let relaxes = matches!(target, TargetDef::Relax(_));
        if wanted > most {
            let hint = format!("the most is {most}: ask for less, or raise `most`");
            self.error(spot, format!("the tension never comes to {wanted}"), hint);
        } else if !relaxes && wanted > 0 && !rises {
            let hint = "give `tension: events:` one with `add` above 0";
            self.error(spot, format!("no event raises the tension, so it never comes to {wanted}"), hint);
        } else if matches!(target, TargetDef::Peak(0)) {
            self.error(
                spot,
                "the tension is never below 0, so this peak is never over",
                "ask for at least 1",
            );
        }
    }

    fn check_effect_of_beat(&mut self, arc: &ArcDef, effect: &Effect, spot: Spot<'_>) {
        self.check_effect(effect, spot);
        let (verb, fact, after) = match effect {
            Effect::Set { fact, after, .. } => ("set", fact, after),
            Effect::Add { fact, after, .. } => ("add", fact, after),
        };
        if !after.is_empty() {
            let hint = "remove `after`: an arc has no stages";
            self.error(spot.key(verb).key("after"), "`after` names stages of a quest", hint);
        }
        let world = self.definitions.world.as_ref();
        let declared = world.and_then(|world| world.definition.facts.get(fact)).map(|fact| fact.scope);
        if let Some(declared) = declared.filter(|declared| !finds(arc.scope, *declared)) {
            let message = format!(
                "the fact `{fact}` is kept for {}, which {} does not have: nothing would happen",
                a(declared),
                a(arc.scope)
            );
            self.error(spot.key(verb).key("fact"), message, "give the arc or the fact another scope");
        }
    }

    fn check_branch(&mut self, arc: &ArcDef, branch: &BranchDef, spot: Spot<'_>) {
        if let Some(to) = branch.to.as_deref().filter(|to| arc.beats.get(to).is_none()) {
            let known = arc.beats.iter().map(|(id, _)| id);
            let hint = hint(to, known, "a branch leads to a beat of the same arc; without `to` the arc ends");
            self.error(spot.key("to"), format!("unknown beat `{to}`"), hint);
        }
        self.check_condition_of_arc(arc, &branch.when, spot.key("when"));
        if let Some(pattern) = &branch.chosen_by {
            self.check_pattern_elsewhere(pattern, spot.key("chosen_by"));
        }
        if !(-MOST_WEIGHT..=MOST_WEIGHT).contains(&branch.weight) {
            let hint = format!("{} to {MOST_WEIGHT}", -MOST_WEIGHT);
            self.error(spot.key("weight"), format!("a weight of {}", branch.weight), hint);
        }
        for (name, criterion) in &branch.criteria {
            let spot = spot.key("criteria").name(name);
            self.check_id("criterion", name, spot);
            self.check_condition_of_arc(arc, &criterion.when, spot.key("when"));
            if criterion.when.is_empty() {
                self.error(spot, "this criterion tests nothing", "give it a condition in `when`");
            }
            if !(1..=MOST_WEIGHT).contains(&criterion.weight) {
                let hint = format!("1 to {MOST_WEIGHT}, so that what holds never makes a branch worse");
                self.error(spot.key("weight"), format!("a weight of {}", criterion.weight), hint);
            }
        }
    }

    /// Ids that things had before, and have still.
    fn check_names_of_arc(&mut self, id: &str, arc: &ArcDef, spot: Spot<'_>) {
        let hint = "an id that something still has was not moved: remove `moved_from`, or the other";
        let taken = |from: &Option<String>, is: &dyn Fn(&str) -> bool| {
            from.as_deref().filter(|from| is(from)).map(|from| format!("`{from}` is still there"))
        };
        let arcs = &self.definitions.arcs;
        let said = taken(&arc.moved_from, &|from| from == id || arcs.contains_key(from));
        let mut wrong: Vec<(Spot<'_>, String)> =
            said.into_iter().map(|message| (spot.key("moved_from"), message)).collect();
        for (id, beat) in arc.beats.iter() {
            let spot = spot.key("beats").key(id);
            let said = taken(&beat.moved_from, &|from| arc.beats.get(from).is_some());
            wrong.extend(said.map(|message| (spot.key("moved_from"), message)));
            for (id, branch) in beat.branches.iter() {
                let spot = spot.key("branches").key(id);
                let said = taken(&branch.moved_from, &|from| beat.branches.get(from).is_some());
                wrong.extend(said.map(|message| (spot.key("moved_from"), message)));
            }
        }
        for (spot, message) in wrong {
            self.error(spot, message, hint);
        }
    }

    /// The ways of an arc, without those of which it is known that nobody can take them.
    fn ways(&self, arc: &ArcDef) -> Ways {
        let never = |when: &Condition| {
            self.why_never(when, None).is_some() || self.holder_lacks(when, arc.scope).is_some()
        };
        let mut ways = Ways::new();
        for (place, (_, beat)) in arc.beats.iter().enumerate() {
            if never(&beat.when) {
                continue;
            }
            if beat.branches.is_empty() {
                let last = beat.ends || place + 1 == arc.beats.len();
                ways.push((place, if last { END } else { place + 1 }));
            }
            for (_, branch) in beat.branches.iter().filter(|(_, branch)| !never(&branch.when)) {
                let to = branch.to.as_deref().map(|to| arc.beats.iter().position(|(id, _)| id == to));
                match to {
                    None => ways.push((place, END)),
                    Some(Some(to)) => ways.push((place, to)),
                    Some(None) => {}
                }
            }
        }
        ways
    }

    /// Beats that nothing leads to, that lead to no end, and that go round without a rest.
    fn check_ways(&mut self, all: &[(&ArcDef, Spot<'_>, Ways)]) {
        let found = Found::of(all);
        for (number, (arc, spot, _)) in (0..).zip(all) {
            let at = |place: usize| number * PLACES + place as u64;
            let mut round = Vec::new();
            for (place, (id, _)) in arc.beats.iter().enumerate() {
                let spot = spot.key("beats").name(id);
                if !found.begun.contains(&(number, at(place))) {
                    let hint = "let a branch or the beat before it lead here, or remove it";
                    self.warn(spot, format!("nothing leads to the beat `{id}`"), hint);
                    continue;
                }
                if !arc.endless && !found.ending.contains(&(number, at(place))) {
                    let hint = "give it a branch that can be taken, or `ends: true`; an arc that goes round for ever is `endless: true`";
                    self.warn(spot, format!("from the beat `{id}` no way leads to an end"), hint);
                }
                if found.tense.contains(&(at(place), at(place))) {
                    round.push(id);
                }
            }
            if let Some(first) = round.first() {
                let message = format!("these beats can go round without ever relaxing: {}", round.join(", "));
                let hint = "put a beat with `tension: {relax: ...}` into the round";
                self.warn(spot.key("beats").name(first), message, hint);
            }
        }
    }
}

/// What the ways of all arcs lead to: pairs of whose and place.
struct Found {
    /// From the first beat of each arc.
    begun: BTreeSet<(u64, u64)>,
    /// From the end of each arc, backwards.
    ending: BTreeSet<(u64, u64)>,
    /// From each beat that does not relax, over such beats.
    tense: BTreeSet<(u64, u64)>,
}

impl Found {
    fn of(all: &[(&ArcDef, Spot<'_>, Ways)]) -> Found {
        let (mut ways, mut tense, mut begins, mut ends) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (number, (arc, _, of_arc)) in (0..).zip(all) {
            let at = |place: usize| number * PLACES + place as u64;
            let relaxes: Vec<bool> =
                arc.beats.iter().map(|(_, beat)| matches!(beat.tension, TargetDef::Relax(_))).collect();
            begins.push((number, at(0)));
            ends.push((number, at(END)));
            ways.extend(of_arc.iter().map(|(from, to)| (at(*from), at(*to))));
            let is_tense = |place: usize| relaxes.get(place) == Some(&false);
            let between = of_arc.iter().filter(|(from, to)| is_tense(*from) && is_tense(*to));
            tense.extend(between.map(|(from, to)| (at(*from), at(*to))));
        }
        let backwards = ways.iter().map(|(from, to)| (*to, *from)).collect();
        // Each way begins the search of whether it leads back to where it came from.
        let rounds = tense.clone();
        Found {
            begun: reached(ways, begins),
            ending: reached(backwards, ends),
            tense: reached(tense, rounds),
        }
    }
}
