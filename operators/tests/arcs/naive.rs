//! An evaluator of arcs from `docs/semantics.md` and `docs/arcs.md` alone: every tick, everybody, everything.
//!
//! It shares no code with the operators, and looks at all there is in each tick. It knows conditions on facts only.

use std::collections::BTreeMap;

use serde_json::Value as Json;
use worldflow_operators::arcs::ArcsIn;
use worldflow_schemas::definitions::{
    ArcDef, BeatDef, BranchDef, Condition, Effect, Pattern, Span, TargetDef,
};
use worldflow_schemas::{Event, Sym, Value};

const MILLION: i128 = 1_000_000;
const REGIONS: [&str; 2] = ["moor", "gate"];
const SCOPES: [(&str, &str); 3] = [("mood", "player"), ("war", "realm"), ("held", "region")];

/// A holder: scope and id.
type Who = (String, String);

#[derive(Default)]
pub(crate) struct Naive {
    tick: u64,
    arcs: BTreeMap<String, ArcDef>,
    /// Of each player: present, region, party.
    players: BTreeMap<String, (bool, String, String)>,
    facts: BTreeMap<(Who, String), Json>,
    tales: BTreeMap<(Who, String), Tale>,
    /// How many changes of facts were concluded in this tick.
    pub(crate) effects: usize,
}

#[derive(Clone, Default)]
struct Tale {
    begun: u64,
    beat: String,
    entered: u64,
    ended: Option<u64>,
    risen: bool,
    reached: bool,
    value: i128,
    since: u64,
    band: (i128, i128, u64),
    times: BTreeMap<String, i64>,
    ways: Vec<(String, [i64; 5])>,
    chosen: Vec<(String, String, String, u64, [i64; 5])>,
}

fn ticks(span: Span) -> u64 {
    span.ms.div_ceil(100)
}

/// The formula of `half_life`.
fn left(v: i128, d: u64, h: u64) -> i128 {
    let (q, x) = (d / h, (u128::from(d % h) << 32) / u128::from(h));
    if q >= 64 {
        return 0;
    }
    let mut f: u128 = 1 << 64;
    let mut c = (1_u128 << 127).isqrt();
    for digit in (0..32).rev() {
        if x >> digit & 1 == 1 {
            f = f * c / (1 << 64);
        }
        c = (c << 64).isqrt();
    }
    let v = u128::try_from(v).expect("it is not below 0");
    i128::try_from((v * f / (1 << 64)) >> q).expect("it only falls")
}

impl Naive {
    fn fact(&self, who: Option<&Who>, name: &str) -> Json {
        let default = if name == "mood" { Json::from(0) } else { Json::from(false) };
        who.and_then(|who| self.facts.get(&(who.clone(), name.to_owned())).cloned()).unwrap_or(default)
    }

    /// The holder of a scope, for a player in a region, or for a holder by itself.
    fn whose(&self, scope: &str, player: &str, region: &str, own: Option<&Who>) -> Option<Who> {
        if let Some(own) = own.filter(|own| own.0 == scope) {
            return Some(own.clone());
        }
        let place = self.players.get(player).cloned().unwrap_or_default();
        let id = match scope {
            "player" => player.to_owned(),
            "party" => place.2,
            "region" => region.to_owned(),
            "realm" => "realm".to_owned(),
            _ => String::new(),
        };
        (!id.is_empty()).then(|| (scope.to_owned(), id))
    }

    fn holds(&self, when: &Condition, player: &str, region: &str, own: Option<&Who>) -> bool {
        when.facts.iter().all(|(name, test)| {
            let scope = SCOPES.iter().find(|(fact, _)| fact == name).expect("a fact").1;
            // Without a holder it is the default.
            let value = self.fact(self.whose(scope, player, region, own).as_ref(), name);
            let test = serde_json::to_value(test).expect("plain");
            match test.get("at_least") {
                Some(least) => value.as_i64() >= least.as_i64(),
                None => value == test,
            }
        })
    }

    fn holds_for(&self, when: &Condition, who: &Who) -> bool {
        let (player, region) = match who.0.as_str() {
            "player" => (who.1.clone(), self.players.get(&who.1).cloned().unwrap_or_default().1),
            "region" => (String::new(), who.1.clone()),
            _ => Default::default(),
        };
        self.holds(when, &player, &region, Some(who))
    }

    fn region_of(&self, event: &Event) -> String {
        if event.region.is_none() {
            self.players.get(event.player.as_str()).cloned().unwrap_or_default().1
        } else {
            event.region.as_str().to_owned()
        }
    }

    fn fits(&self, event: &Event, pattern: &Pattern) -> bool {
        let target = event.target.as_str();
        let is = |name: &String| name == target || (name == "beast" && target == "wolf");
        let player = if event.player.is_none() { "" } else { event.player.as_str() };
        event.kind.as_str() == pattern.event
            && pattern.target.as_ref().is_none_or(|names| names.as_slice().iter().any(is))
            && pattern.when.as_ref().is_none_or(|when| self.holds(when, player, &self.region_of(event), None))
    }

    fn counts_for(&self, event: &Event, scope: &str) -> Option<Who> {
        let player = if event.player.is_none() { "" } else { event.player.as_str() };
        self.whose(scope, player, &self.region_of(event), None)
    }

    fn is_there(&self, who: &Who) -> bool {
        match who.0.as_str() {
            "region" => REGIONS.contains(&who.1.as_str()),
            "realm" => true,
            "player" => self
                .players
                .get(&who.1)
                .is_some_and(|(present, region, party)| *present || !region.is_empty() || !party.is_empty()),
            _ => self.players.values().any(|(_, _, party)| *party == who.1),
        }
    }

    /// One tick.
    pub(crate) fn step(&mut self, tick: u64, inputs: &[ArcsIn]) {
        self.tick = tick;
        self.effects = 0;
        let mut events: Vec<Event> = Vec::new();
        let old = self.arcs.clone();
        let (mut edited, mut closed) = (Vec::new(), Vec::new());
        for input in inputs {
            match input {
                ArcsIn::Define(id, def) => {
                    edited.push(id.as_str().to_owned());
                    match def {
                        Some(def) => self.arcs.insert(id.as_str().to_owned(), (**def).clone()),
                        None => self.arcs.remove(id.as_str()),
                    };
                }
                ArcsIn::Player(now) => {
                    let id = |sym: Sym| if sym.is_none() { String::new() } else { sym.as_str().to_owned() };
                    let place = (now.present, id(now.place.region), id(now.place.party));
                    self.players.insert(now.player.as_str().to_owned(), place);
                }
                ArcsIn::Fact(now) => {
                    let who = (now.holder.scope.name().to_owned(), now.holder.id.as_str().to_owned());
                    let value = match now.value.clone().expect("the test tells values") {
                        Value::Int(value) => Json::from(value),
                        Value::Bool(value) => Json::from(value),
                        other => panic!("{other:?}"),
                    };
                    self.facts.insert((who, now.fact.as_str().to_owned()), value);
                }
                ArcsIn::Close(group) => {
                    closed.push((group.scope.name().to_owned(), group.id.as_str().to_owned()));
                }
                ArcsIn::Event(event) => events.push(event.clone()),
                other => panic!("{other:?}"),
            }
        }
        self.tales.retain(|(who, _), _| !closed.contains(who));
        edited.sort();
        edited.dedup();
        self.edit(&edited, &old);
        events.sort_by(Event::cmp_order);
        for id in self.arcs.keys().cloned().collect::<Vec<_>>() {
            self.tell(&id, &events);
        }
    }

    fn edit(&mut self, edited: &[String], old: &BTreeMap<String, ArcDef>) {
        // Who takes over from whom.
        let mut from: BTreeMap<String, String> = BTreeMap::new();
        for id in edited.iter().filter(|id| !old.contains_key(*id)) {
            let Some(arc) = self.arcs.get(id) else { continue };
            let undone = || {
                let gone = edited.iter().filter_map(|other| Some((other, old.get(other)?)));
                let mut gone = gone.filter(|(_, arc)| arc.moved_from.as_ref() == Some(id));
                gone.next().map(|(other, _)| other.clone())
            };
            if let Some(former) = arc.moved_from.clone().or_else(undone)
                && !self.arcs.contains_key(&former)
            {
                from.insert(id.clone(), former);
            }
        }
        let holders: Vec<Who> = self.tales.keys().map(|(who, _)| who.clone()).collect();
        let mut taken = std::collections::BTreeSet::new();
        for (id, former) in &from {
            for who in &holders {
                if self.tales.contains_key(&(who.clone(), id.clone())) {
                    continue;
                }
                if let Some(tale) = self.tales.remove(&(who.clone(), former.clone())) {
                    self.tales.insert((who.clone(), id.clone()), tale);
                    taken.insert((who.clone(), id.clone()));
                }
            }
        }
        for ((who, id), mut tale) in self.tales.clone() {
            if !edited.contains(&id) {
                continue;
            }
            let former = from.get(&id).filter(|_| taken.contains(&(who.clone(), id.clone())));
            let was = former.filter(|former| edited.contains(former)).or(Some(&id));
            let was = was.and_then(|was| old.get(was)).cloned();
            match self.arcs.get(&id).cloned().filter(|arc| arc.scope.name() == who.0) {
                Some(arc) => self.follow(&mut tale, was.as_ref(), &arc),
                None => {
                    (tale.value, tale.since) = (0, self.tick);
                    tale.band = (0, 0, self.tick);
                    tale.ways.clear();
                }
            }
            self.tales.insert((who, id), tale);
        }
    }

    fn follow(&self, tale: &mut Tale, old: Option<&ArcDef>, arc: &ArcDef) {
        let course = |arc: &ArcDef| (arc.tension.half_life, arc.tension.most);
        if let Some(old) = old.filter(|old| course(old) != course(arc)) {
            let most = i128::from(arc.tension.most) * MILLION;
            tale.value = self.left_of(tale, old).min(most);
            tale.since = self.tick;
        }
        let now_called = |id: &str| -> Option<String> {
            let same = arc.beats.get(id).map(|_| id.to_owned());
            let moved = || arc.beats.iter().find(|(_, beat)| beat.moved_from.as_deref() == Some(id));
            let undone = || old?.beats.get(id)?.moved_from.clone().filter(|was| arc.beats.get(was).is_some());
            same.or_else(|| moved().map(|(id, _)| id.to_owned())).or_else(undone)
        };
        let called = |id: &str| now_called(id).unwrap_or_else(|| id.to_owned());
        for chosen in &mut tale.chosen {
            let before = old.and_then(|old| old.beats.get(&chosen.0)?.branches.get(&chosen.1));
            chosen.0 = called(&chosen.0);
            if let Some(beat) = arc.beats.get(&chosen.0)
                && beat.branches.get(&chosen.1).is_none()
            {
                let mut all = beat.branches.iter();
                let moved = all.find(|(_, branch)| branch.moved_from.as_ref() == Some(&chosen.1));
                let undone = || before?.moved_from.clone().filter(|was| beat.branches.get(was).is_some());
                if let Some(id) = moved.map(|(id, _)| id.to_owned()).or_else(undone) {
                    chosen.1 = id;
                }
            }
            if !chosen.2.is_empty() {
                chosen.2 = called(&chosen.2);
            }
        }
        let mut last: Vec<(String, String, String, u64, [i64; 5])> = Vec::new();
        for chosen in std::mem::take(&mut tale.chosen) {
            last.retain(|earlier| earlier.0 != chosen.0);
            last.push(chosen);
        }
        tale.chosen = last;
        let mut times = BTreeMap::new();
        for (id, n) in &tale.times {
            *times.entry(called(id)).or_insert(0) += n;
        }
        tale.times = times;
        let former = tale.beat.clone();
        tale.beat = called(&tale.beat);
        if tale.ended.is_some() {
            return;
        }
        tale.chosen.retain(|chosen| chosen.0 != tale.beat);
        if let Some(beat) = arc.beats.get(&tale.beat) {
            // Which of the former beats this one is now.
            let before = old.and_then(|old| {
                old.beats.iter().find(|(id, _)| now_called(id).as_deref() == Some(tale.beat.as_str()))
            });
            if before.is_some_and(|(_, before)| before.tension != beat.tension) {
                (tale.reached, tale.risen) = (false, false);
            }
            return;
        }
        let next = match old.filter(|old| old.beats.get(&former).is_some()) {
            Some(old) => {
                let later = old.beats.iter().skip_while(|(id, _)| **id != former).skip(1);
                later.filter_map(|(id, _)| now_called(id)).find(|id| arc.beats.get(id).is_some())
            }
            None => arc.beats.iter().next().map(|(id, _)| id.to_owned()),
        };
        match next {
            Some(id) => self.enter(tale, &id),
            None => {
                tale.ended = Some(self.tick);
                tale.ways.clear();
            }
        }
    }

    fn enter(&self, tale: &mut Tale, id: &str) {
        tale.beat = id.to_owned();
        tale.entered = self.tick;
        (tale.reached, tale.risen) = (false, false);
        *tale.times.entry(id.to_owned()).or_insert(0) += 1;
        tale.chosen.retain(|chosen| chosen.0 != id);
        tale.ways.clear();
    }

    fn left_of(&self, tale: &Tale, arc: &ArcDef) -> i128 {
        left(tale.value, self.tick - tale.since, ticks(arc.tension.half_life).max(1))
    }

    /// An arc in this tick, for everyone.
    fn tell(&mut self, id: &str, events: &[Event]) {
        let arc = self.arcs[id].clone();
        let scope = arc.scope.name();
        let mut everyone: Vec<Who> = self
            .tales
            .keys()
            .filter(|(who, of)| who.0 == scope && of == id)
            .map(|(who, _)| who.clone())
            .collect();
        everyone.extend(REGIONS.map(|region| ("region".to_owned(), region.to_owned())));
        everyone.push(("realm".to_owned(), "realm".to_owned()));
        everyone.extend(self.players.keys().map(|player| ("player".to_owned(), player.clone())));
        everyone.extend(self.players.values().map(|(_, _, party)| ("party".to_owned(), party.clone())));
        everyone.extend(events.iter().filter_map(|event| self.counts_for(event, scope)));
        everyone.retain(|who| who.0 == scope && !who.1.is_empty());
        everyone.sort();
        everyone.dedup();
        for who in everyone {
            let own: Vec<Event> = events
                .iter()
                .filter(|event| self.counts_for(event, scope).as_ref() == Some(&who))
                .cloned()
                .collect();
            let mut tale = match self.tales.get(&(who.clone(), id.to_owned())) {
                Some(tale) => tale.clone(),
                None => {
                    let patterns = arc.tension.events.values().map(|tense| &tense.pattern);
                    let choices = arc.beats.iter().flat_map(|(_, beat)| beat.branches.iter());
                    let mut patterns =
                        patterns.chain(choices.filter_map(|(_, branch)| branch.chosen_by.as_ref()));
                    let felt = scope == "player"
                        && patterns.any(|pattern| own.iter().any(|event| self.fits(event, pattern)));
                    if !(self.is_there(&who) || felt) || !self.holds_for(&arc.when, &who) {
                        continue;
                    }
                    let mut tale = Tale {
                        begun: self.tick,
                        since: self.tick,
                        band: (0, 0, self.tick),
                        ..Tale::default()
                    };
                    let first = arc.beats.iter().next().expect("a beat").0.to_owned();
                    self.enter(&mut tale, &first);
                    tale
                }
            };
            if tale.ended.is_none() {
                self.go_on(&mut tale, &arc, &who, &own);
            }
            if tale.entered == self.tick && tale.ended.is_none() {
                self.effects +=
                    self.effects_of(&arc.beats.get(&tale.beat).expect("it is there").clone(), &who);
            }
            self.tales.insert((who, id.to_owned()), tale);
        }
    }

    fn effects_of(&self, beat: &BeatDef, who: &Who) -> usize {
        let (player, region) = match who.0.as_str() {
            "player" => (who.1.clone(), self.players.get(&who.1).cloned().unwrap_or_default().1),
            "region" => (String::new(), who.1.clone()),
            _ => Default::default(),
        };
        let done = beat.effects.iter().filter(|effect| {
            let (Effect::Add { fact, .. } | Effect::Set { fact, .. }) = effect;
            let scope = SCOPES.iter().find(|(name, _)| name == fact).expect("a fact").1;
            self.whose(scope, &player, &region, Some(who)).is_some()
        });
        done.count()
    }

    fn measure(&self, tale: &mut Tale, arc: &ArcDef) {
        let value = self.left_of(tale, arc);
        let beat = arc.beats.get(&tale.beat).expect("it is there");
        let n = i128::from(beat.tension.tension()) * MILLION;
        match beat.tension {
            TargetDef::BuildUp(_) => tale.reached |= value >= n,
            TargetDef::Relax(_) => tale.reached |= value <= n,
            TargetDef::Peak(_) => {
                tale.reached |= tale.risen && value < n;
                tale.risen |= value >= n;
            }
        }
        let band = 10 * value / (i128::from(arc.tension.most) * MILLION);
        if band != tale.band.0 {
            tale.band = (band, value, self.tick);
        }
    }

    fn go_on(&self, tale: &mut Tale, arc: &ArcDef, who: &Who, own: &[Event]) {
        let mut sum = None;
        for event in own {
            for tense in arc.tension.events.values().filter(|tense| self.fits(event, &tense.pattern)) {
                *sum.get_or_insert(0) += i128::from(tense.add) * i128::from(event.amount);
            }
        }
        if let Some(sum) = sum {
            let most = i128::from(arc.tension.most) * MILLION;
            tale.value = (self.left_of(tale, arc) + sum * MILLION).clamp(0, most);
            tale.since = self.tick;
        }
        self.measure(tale, arc);
        tale.ways.clear();
        let beat = arc.beats.get(&tale.beat).expect("it is there").clone();
        let passed = |after: Option<Span>| after.is_none_or(|after| self.tick - tale.entered >= ticks(after));
        let over = self.tick > tale.entered && tale.reached && passed(beat.after);
        if !over || !self.holds_for(&beat.when, who) {
            return;
        }
        if beat.branches.is_empty() {
            let mut later = arc.beats.iter().skip_while(|(id, _)| **id != tale.beat).skip(1);
            match later.next().filter(|_| !beat.ends) {
                Some((id, _)) => self.lead(tale, arc, Some(id)),
                None => self.lead(tale, arc, None),
            }
            return;
        }
        let ways: Vec<(String, BranchDef, [i64; 5])> = beat
            .branches
            .iter()
            .filter(|(_, branch)| {
                let required = branch.criteria.values().filter(|criterion| criterion.required);
                let mut required = required.map(|criterion| self.holds_for(&criterion.when, who));
                passed(branch.after) && self.holds_for(&branch.when, who) && required.all(|holds| holds)
            })
            .map(|(id, branch)| (id.to_owned(), branch.clone(), self.scores(tale, arc, &beat, branch, who)))
            .collect();
        let by_event = own.iter().find_map(|event| {
            ways.iter()
                .find(|(_, branch, _)| branch.chosen_by.as_ref().is_some_and(|on| self.fits(event, on)))
        });
        let mut best: Option<&(String, BranchDef, [i64; 5])> = None;
        for way in ways.iter().filter(|(_, branch, _)| branch.chosen_by.is_none()) {
            if best.is_none_or(|best| way.2[4] > best.2[4]) {
                best = Some(way);
            }
        }
        match by_event.or(best) {
            Some((id, branch, scores)) => {
                let to = branch.to.clone().unwrap_or_default();
                tale.chosen.push((tale.beat.clone(), id.clone(), to, self.tick, *scores));
                self.lead(tale, arc, branch.to.as_deref());
            }
            None => tale.ways = ways.into_iter().map(|(id, _, scores)| (id, scores)).collect(),
        }
    }

    fn lead(&self, tale: &mut Tale, arc: &ArcDef, to: Option<&str>) {
        match to {
            Some(to) => {
                self.enter(tale, to);
                self.measure(tale, arc);
            }
            None => tale.ended = Some(self.tick),
        }
    }

    fn scores(&self, tale: &Tale, arc: &ArcDef, beat: &BeatDef, branch: &BranchDef, who: &Who) -> [i64; 5] {
        let all: i64 = branch.criteria.values().map(|criterion| i64::from(criterion.weight)).sum();
        let hold = branch.criteria.values().filter(|criterion| self.holds_for(&criterion.when, who));
        let hold: i64 = hold.map(|criterion| i64::from(criterion.weight)).sum();
        let coherence = if branch.criteria.is_empty() { 100 } else { 100 * hold / all };
        let to = branch.to.as_deref().map(|to| arc.beats.get(to).expect("it is there"));
        let tension = to.map_or(0, |to| i64::from(to.tension.tension()));
        let far = (i64::from(beat.tension.tension()) - tension).abs();
        let effects = to.map_or(0, |to| to.effects.len() as i64);
        let impact = 60.min(60 * far / i64::from(arc.tension.most)) + 40.min(10 * effects);
        let times = branch.to.as_ref().map_or(0, |to| tale.times.get(to).copied().unwrap_or(0));
        let novelty = 100 / (1 + times);
        let quality = (5 * coherence + 3 * impact + 2 * novelty) / 10;
        [coherence, impact, novelty, quality, quality + i64::from(branch.weight)]
    }

    /// The rows of all three views, as text.
    pub(crate) fn rows(&self) -> Vec<String> {
        let mut rows = Vec::new();
        for ((who, id), tale) in &self.tales {
            let Some(arc) = self.arcs.get(id).filter(|arc| arc.scope.name() == who.0) else { continue };
            let key = format!("{} {} {id}", who.0, who.1);
            let phase = match tale.ended {
                Some(_) => "ended",
                None => arc.beats.get(&tale.beat).expect("it is there").tension.name(),
            };
            let (since, beats) = (tale.ended.unwrap_or(tale.entered), tale.times.values().sum::<i64>());
            let Tale { beat, reached, begun, .. } = tale;
            rows.push(format!("arc_state {key} {beat} {phase} {since} {reached} {begun} {beats}"));
            if tale.ended.is_none() {
                let (band, value, since) = tale.band;
                let value = Value::Dec(i64::try_from(value).expect("it is small"));
                rows.push(format!("arc_tension {key} {band} {value} {since}"));
            }
            let show = |to: &str| if to.is_empty() { "-".to_owned() } else { to.to_owned() };
            for (beat, branch, to, at, scores) in &tale.chosen {
                let scores = scores.map(|score| score.to_string()).join(" ");
                rows.push(format!("arc_branches {key} {beat} {branch} {} {at} {scores}", show(to)));
            }
            for (branch, scores) in &tale.ways {
                let scores = scores.map(|score| score.to_string()).join(" ");
                let def =
                    arc.beats.get(&tale.beat).and_then(|beat| beat.branches.get(branch)).expect("there");
                let to = show(def.to.as_deref().unwrap_or_default());
                rows.push(format!("arc_branches {key} {} {branch} {to} - {scores}", tale.beat));
            }
        }
        rows.sort();
        rows
    }
}
