//! The evaluator's phase of writes: facts, entities, presence, membership.

use std::collections::{BTreeMap, BTreeSet};

use worldflow_schemas::definitions::FactKind;
use worldflow_schemas::input::{
    CloseWrite, EntityChange, FactChange, Holder, MembershipWrite, PresenceWrite, Scope, WriteOrder,
};
use worldflow_schemas::{Command, Input, Sym, Tick, Value};

use super::{Effect, HeldFact, Oracle};

impl Oracle {
    /// Phase 3: conclusions of the tick before, then the writes of this one. Notes in `touched`
    /// for whom a condition may have changed.
    pub fn writes(
        &mut self,
        tick: Tick,
        given: &[Input],
        ruled: Vec<Effect>,
        touched: &mut BTreeSet<Holder>,
    ) {
        let expired: Vec<_> = (self.facts.iter())
            .filter(|(_, held)| held.expires.is_some_and(|at| at <= tick))
            .map(|(key, _)| key.clone())
            .collect();
        for (holder, fact) in expired {
            self.facts.remove(&(holder, fact.clone()));
            *self.versions.entry((holder, fact.clone())).or_insert(0) += 1;
            self.fact_changed(tick, holder, &fact, touched);
        }
        let updates = std::mem::take(&mut self.updates);
        let effects = std::mem::take(&mut self.effects);
        let told = self.take_told();
        for Effect { holder, fact, change } in updates.into_iter().chain(effects.into_values()) {
            self.write_fact(tick, holder, &fact, &change, touched);
        }
        for Effect { holder, fact, change } in told {
            let before = self.value_held(holder, &fact);
            self.write_fact(tick, holder, &fact, &change, touched);
            let changed = self.value_held(holder, &fact) != before;
            if changed && self.spoken.names_fact(&fact) {
                self.spoken.meet("effect");
            }
        }
        for Effect { holder, fact, change } in ruled {
            self.write_fact(tick, holder, &fact, &change, touched);
        }
        let mut commands: Vec<(&WriteOrder, &Command)> = Vec::new();
        for input in given {
            let Input::Command(command) = input else { continue };
            let order = match command {
                Command::Fact(write) => &write.order,
                Command::Entity(write) => &write.order,
                Command::Presence(write) => &write.order,
                Command::Membership(write) => &write.order,
                Command::Close(write) => &write.order,
                _ => continue,
            };
            commands.push((order, command));
        }
        commands.sort_by(|(a, _), (b, _)| a.cmp_order(b));
        let mut before = BTreeMap::new();
        let mut closed = BTreeSet::new();
        for (_, command) in commands {
            if let Command::Presence(PresenceWrite { player, .. })
            | Command::Membership(MembershipWrite { player, .. }) = command
            {
                before.entry(*player).or_insert(self.place(*player));
            }
            if let Command::Close(close) = command {
                for (player, place) in &self.places {
                    before.entry(*player).or_insert(*place);
                }
                closed.insert(close.group);
            }
            self.write(tick, command, touched);
        }
        // A group that has ended is unknown until somebody belongs to it at the end of the writes.
        for group in closed {
            self.end(tick, group);
            // Its facts are gone: whoever belongs to it now is counted anew.
            self.sizes.values_mut().filter_map(|sizes| sizes.get_mut(&group)).for_each(|size| *size = -1);
            touched.remove(&group);
            touched.extend(self.places.values().any(|place| place.is_in(group)).then_some(group));
        }
        for (player, old) in before {
            let new = self.place(player);
            if new == old {
                continue;
            }
            touched.insert(Holder { scope: Scope::Player, id: player });
            // Whoever is left behind may all have done their part.
            let left = groups_of(old).into_iter().filter(|group| self.known.contains(group));
            touched.extend(left.chain(groups_of(new)));
        }
        self.known.extend(touched.iter().copied());
        self.count_members();
    }

    /// Facts that count the members of groups are right from the next tick on.
    fn count_members(&mut self) {
        let world = std::sync::Arc::clone(&self.world);
        let facts = world.facts.iter().filter(|(_, def)| def.members);
        for (number, (fact, def)) in facts.enumerate() {
            let mut sizes: BTreeMap<Holder, i64> = BTreeMap::new();
            for place in self.places.values() {
                let id = match def.scope {
                    Scope::Party => place.party,
                    Scope::Guild => place.guild,
                    Scope::Account => place.account,
                    _ => place.instance,
                };
                if !id.is_none() {
                    *sizes.entry(Holder { scope: def.scope, id }).or_insert(0) += 1;
                }
            }
            let before = self.sizes.insert(fact.clone(), sizes.clone()).unwrap_or_default();
            for holder in before.keys().chain(sizes.keys()).copied().collect::<BTreeSet<_>>() {
                let size = sizes.get(&holder).copied().unwrap_or(0);
                if before.get(&holder).copied().unwrap_or(0) != size {
                    let change = FactChange::Set(Value::Int(size));
                    let order = (String::new(), holder.scope, holder.id.as_str(), number);
                    self.effects.insert(order, Effect { holder, fact: fact.clone(), change });
                }
            }
        }
    }

    /// A group is no more: what is kept of it goes, but for the highest instance of its quests.
    fn end(&mut self, tick: Tick, group: Holder) {
        if !self.known.remove(&group) {
            return;
        }
        let held = self.held.remove(&group).unwrap_or_default();
        let highest = held.values().map(|held| held.instance).max().unwrap_or(0);
        let mark = self.highest.entry(group).or_insert(0);
        *mark = highest.max(*mark);
        self.lifetime.retain(|(holder, _), _| *holder != group);
        self.note_changes(tick, group);
        if self.seen.remove(&group).is_some() && !self.quests_named.is_empty() {
            self.sweeps.insert(tick + 1);
        }
    }

    /// A fact that a prerequisite or a failure condition names is another.
    fn fact_changed(&mut self, tick: Tick, holder: Holder, fact: &str, touched: &mut BTreeSet<Holder>) {
        if !self.facts_named.contains(fact) {
            return;
        }
        if holder.scope == Scope::Player {
            touched.extend(self.known.get(&holder));
        } else {
            self.sweeps.insert(tick);
        }
    }

    fn write(&mut self, tick: Tick, command: &Command, touched: &mut BTreeSet<Holder>) {
        match command {
            Command::Fact(write) => {
                self.write_fact(tick, write.holder, write.fact.as_str(), &write.change, touched);
            }
            Command::Presence(write) => {
                let place = self.places.entry(write.player).or_default();
                let away = write.server.is_none();
                place.server = write.server;
                place.region = if away { Sym::NONE } else { write.region };
                place.instance = if away { Sym::NONE } else { write.instance };
            }
            Command::Membership(write) => {
                let place = self.places.entry(write.player).or_default();
                match write.scope {
                    Scope::Party => place.party = write.group,
                    Scope::Guild => place.guild = write.group,
                    Scope::Account => place.account = write.group,
                    _ => {}
                }
            }
            Command::Close(CloseWrite { group, .. }) => {
                for place in self.places.values_mut() {
                    let of = match group.scope {
                        Scope::Party => &mut place.party,
                        Scope::Guild => &mut place.guild,
                        Scope::Account => &mut place.account,
                        _ => &mut place.instance,
                    };
                    if *of == group.id {
                        *of = Sym::NONE;
                    }
                }
                self.versions.retain(|(holder, _), _| holder != group);
                let facts: Vec<String> = (self.facts.keys())
                    .filter(|(holder, _)| holder == group)
                    .map(|(_, fact)| fact.clone())
                    .collect();
                for fact in facts {
                    self.facts.remove(&(*group, fact.clone()));
                    self.fact_changed(tick, *group, &fact, touched);
                }
            }
            Command::Entity(write) => {
                let texts = |syms: &[Sym]| -> BTreeSet<String> {
                    syms.iter().map(|sym| sym.as_str().to_owned()).collect()
                };
                let entity = write.entity.as_str();
                let there = self.there.contains(entity);
                match &write.change {
                    EntityChange::Upsert(_) => drop(self.there.insert(entity.to_owned())),
                    EntityChange::Delete if there => drop(self.there.remove(entity)),
                    EntityChange::Merge { .. } if there => {}
                    EntityChange::Delete | EntityChange::Merge { .. } => return self.refused += 1,
                }
                // Sets of entities may be others for everyone.
                self.sweeps.insert(tick);
                self.move_entity(write.entity.as_str(), &write.change);
                let tags = self.tags.entry(write.entity.as_str().to_owned()).or_default();
                match &write.change {
                    EntityChange::Upsert(body) => *tags = texts(&body.tags).into_iter().collect(),
                    EntityChange::Delete => tags.clear(),
                    EntityChange::Merge { add_tags, remove_tags, .. } => {
                        let gone = texts(remove_tags);
                        let mut all: BTreeSet<String> = tags.iter().cloned().collect();
                        all.extend(texts(add_tags));
                        *tags = all.difference(&gone).cloned().collect();
                    }
                }
            }
            _ => {}
        }
    }

    /// Where an entity is after a write.
    fn move_entity(&mut self, entity: &str, change: &EntityChange) {
        let is = |properties: &[(Sym, Value)]| {
            let region = properties.iter().find(|(name, _)| name.as_str() == "region");
            region.map(|(_, value)| value.as_str().unwrap_or_default().to_owned())
        };
        let region = match change {
            EntityChange::Upsert(body) => is(&body.properties).unwrap_or_default(),
            EntityChange::Delete => String::new(),
            EntityChange::Merge { properties, .. } => match is(properties) {
                Some(region) => region,
                None => return,
            },
        };
        self.regions.insert(entity.to_owned(), region);
    }

    fn value_held(&self, holder: Holder, fact: &str) -> Option<Value> {
        self.facts.get(&(holder, fact.to_owned())).map(|held| held.value.clone())
    }

    fn write_fact(
        &mut self,
        tick: Tick,
        holder: Holder,
        fact: &str,
        change: &FactChange,
        touched: &mut BTreeSet<Holder>,
    ) {
        let Some(def) = self.world.facts.get(fact).cloned() else { return };
        let default = Value::from_json(&def.default).expect("a scalar");
        let key = (holder, fact.to_owned());
        let old = self.facts.get(&key).map_or(default.clone(), |held| held.value.clone());
        let new = match change {
            FactChange::Clear => default.clone(),
            FactChange::Set(value) => match (def.kind, value.as_millionths()) {
                (FactKind::Int, Some(n)) => Value::Int(i64::try_from(n / 1_000_000).expect("small")),
                _ => value.clone(),
            },
            FactChange::Clamp(least, most) => {
                let mut value = old.clone();
                for (bound, outside) in
                    [(least, std::cmp::Ordering::Less), (most, std::cmp::Ordering::Greater)]
                {
                    if *bound != Value::Null && value.compare(bound) == Some(outside) {
                        value = bound.clone();
                    }
                }
                value
            }
            FactChange::Add(by) => {
                let sum = old.as_millionths().unwrap_or(0) + by.as_millionths().unwrap_or(0);
                let clamp =
                    |n: i128| i64::try_from(n.clamp(i64::MIN.into(), i64::MAX.into())).expect("clamped");
                if def.kind == FactKind::Int {
                    Value::Int(clamp(sum / 1_000_000))
                } else {
                    Value::Dec(clamp(sum))
                }
            }
        };
        if !new.same(&old) {
            *self.versions.entry(key.clone()).or_insert(0) += 1;
            self.fact_changed(tick, holder, fact, touched);
        }
        if new.same(&default) {
            self.facts.remove(&key);
            return;
        }
        let expires = def.expires.map(|span| tick + self.clock.ticks(span).max(1));
        if let Some(at) = expires {
            self.look.entry(at).or_default();
        }
        self.facts.insert(key, HeldFact { value: new, expires });
    }
}

/// The groups that a place is in.
fn groups_of(place: super::Place) -> Vec<Holder> {
    let all = [
        (Scope::Party, place.party),
        (Scope::Guild, place.guild),
        (Scope::Account, place.account),
        (Scope::Instance, place.instance),
    ];
    all.into_iter().filter(|(_, id)| !id.is_none()).map(|(scope, id)| Holder { scope, id }).collect()
}
