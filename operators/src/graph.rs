//! The graph of a realm: every operator, and who tells whom.
//!
//! ```text
//! definitions ─▶ all                        ┌──────────── levels, effects, standings of tick T ──────────┐
//! clock ─▶ weather, facts, players, groups  ▼ (at T+1)                                                   │
//! facts, entities, presence ─▶ players ─▶ groups ─▶ quest_state, objective_progress, grants ... ─▶ levels ┘
//! ```
//!
//! Only wiring lives here. Inputs are routed to the worker that owns their key, or broadcast as one
//! copy a worker; what an operator concludes for the next tick goes through the one loop.

mod arcs;
mod dialogues;
mod events;
mod rules;
mod spending;
mod watched;
mod wires;

use std::sync::Arc;

use differential_dataflow::VecCollection;
use differential_dataflow::collection::AsCollection;
use rustc_hash::FxHashSet;
use serde::{Deserialize, Serialize};
use timely::ExchangeData;
use timely::dataflow::StreamVec;
use timely::dataflow::operators::vec::{Filter, Map};
use timely::dataflow::operators::{Concat, Concatenate, ConnectLoop, Feedback};
use worldflow_schemas::base::{BaseChange, BaseRow};
use worldflow_schemas::catalog::CatalogEdit;
use worldflow_schemas::definitions::WorldDef;
use worldflow_schemas::input::{Command, DefinitionEdit, Holder, IfVersion, Scope, Versioned};
use worldflow_schemas::{Diff, Event, Sym, Tick, Value, catalog};

use crate::arcs::ArcsOut;
use crate::behaviours::{BehavioursIn, BehavioursMachine};
use crate::clock::{Calendar, ClockIn, ClockMachine};
use crate::community::community_progress;
use crate::definitions::{Defined, DefinitionsIn, DefinitionsMachine, DefinitionsOut};
use crate::dialogues::DialoguesOut;
use crate::entities::{EntitiesIn, EntitiesMachine, EntitiesOut};
use crate::facts::{FactsIn, FactsMachine, FactsOut};
use crate::levels::levels;
use crate::lore::{LoreIn, LoreMachine};
use crate::machine::{Produced, ViewRow};
use crate::messages::{
    ClockNow, EntityTags, FactEffect, FactNow, LevelNow, QuestEdit, QuestNow, Refused, ViewNow, ZoneWeather,
};
use crate::npcs::{
    NpcsIn, NpcsMachine, NpcsOut, quests_named, quests_of_prompt, quests_of_storylet, reach, reply_route,
};
use crate::presence::{PlayerNow, PresenceIn, PresenceMachine, PresenceOut};
use crate::quests::traced::{Traced, Watch};
use crate::quests::{
    Conclusion, GroupsIn, GroupsMachine, PlayersIn, PlayersMachine, PlayersOut, Spread, grant_holder,
};
use crate::rules::RulesOut;
use crate::spending::SpendingOut;
use crate::sql::live::{Installer, Tapping, Told, tap};
use crate::sql::{Readable, Sizes};
use crate::weather::{WeatherIn, WeatherMachine, WeatherOut};
use wires::{Loads, broadcast, by_owner, by_player_or_all, set_aside};

/// What enters the graph on one worker.
pub struct Inputs<'scope> {
    /// Events of the game.
    pub events: StreamVec<'scope, Tick, Event>,
    /// Everything else that is sealed.
    pub commands: StreamVec<'scope, Tick, Command>,
    /// Base state given back, all in one tick, before every other input.
    pub loads: StreamVec<'scope, Tick, BaseRow>,
    /// Whether changes of base state are wanted.
    pub keeps_base: bool,
}

/// What leaves the graph.
pub struct Outputs<'scope> {
    /// Changes of the rows of every deterministic view.
    pub rows: VecCollection<'scope, Tick, ViewRow, Diff>,
    /// Changes of base state.
    pub base: StreamVec<'scope, Tick, (BaseChange, Tick)>,
    /// Changes of the realm's catalog.
    pub catalog: StreamVec<'scope, Tick, (CatalogEdit, Tick)>,
    /// Builds the dataflows of views in SQL between the steps of the worker.
    pub sql_views: Installer,
    /// Refused inputs.
    pub refused: StreamVec<'scope, Tick, Refused>,
    /// What is traced, if anything is.
    pub traced: Option<StreamVec<'scope, Tick, Traced>>,
}

/// What acts in the next tick.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Concluded {
    Effect(FactEffect),
    Level(LevelNow),
    Stands(QuestNow),
    Rule(RulesOut),
    Spread(Spread),
    Seen(ViewNow),
}

type Stream<'scope, D> = StreamVec<'scope, Tick, D>;

/// Builds the graph of a realm in a scope. Every worker builds the same.
pub fn build<'scope>(realm: Sym, world: &Arc<WorldDef>, inputs: Inputs<'scope>) -> Outputs<'scope> {
    build_watching(realm, world, inputs, None)
}

/// Builds the graph of a realm in which one quest of one holder is traced, if it is.
pub fn build_watching<'scope>(
    realm: Sym,
    world: &Arc<WorldDef>,
    inputs: Inputs<'scope>,
    watch: Option<Watch>,
) -> Outputs<'scope> {
    let Inputs { events, commands, loads, keeps_base } = inputs;
    let scope = events.scope();
    let (index, peers) = (scope.index(), scope.peers());
    let (loop_handle, concluded) = scope.feedback::<Vec<Concluded>>(1);
    let loads = Loads { rows: loads, peers, keeps_base };

    let definitions = loads.operate(
        vec![commands.clone().flat_map(|command| match command {
            Command::Define(edit) => Some((Sym::NONE.hash64(), DefinitionsIn::Edit(edit))),
            Command::Revise(revise) => Some((Sym::NONE.hash64(), DefinitionsIn::Revise(revise))),
            _ => None,
        })],
        DefinitionsMachine::new(realm, world.tick_ms),
    );
    let all_defined = definitions.out.clone().flat_map(|out| match out {
        DefinitionsOut::Defined(defined) => Some(defined),
        DefinitionsOut::Refused(_) => None,
    });
    let defined = all_defined.clone().map(|defined| defined.edit);
    let begins = commands.clone().flat_map(|command| begins(&command).then_some(()));

    let calendar = Calendar::compile(&world.clock).expect("a world is checked before it runs");
    let calendar = Arc::new(calendar);
    // Where the clock's base state goes back to.
    let clock_route = realm.hash64();
    let clock = loads.operate(
        vec![
            commands.clone().flat_map(move |command| match command {
                Command::Clock(command) => Some((clock_route, ClockIn::Command(command))),
                _ => None,
            }),
            begins.clone().map(move |()| (clock_route, ClockIn::Start)),
            defined.clone().flat_map(move |edit| match edit {
                DefinitionEdit::Schedule(id, def) => Some((clock_route, ClockIn::Schedule(id, def))),
                _ => None,
            }),
        ],
        ClockMachine::new(realm, world.tick_ms, Arc::clone(&calendar)),
    );
    let clock_now = clock.out.clone();

    let weather = loads.operate(
        vec![
            broadcast(clock_now.clone(), peers, WeatherIn::Clock),
            broadcast(
                defined.clone().flat_map(|edit| match edit {
                    DefinitionEdit::Climate(id, def) => Some((id, def)),
                    _ => None,
                }),
                peers,
                |(id, def)| WeatherIn::Climate(id, def),
            ),
            commands.clone().flat_map(|command| match command {
                Command::Weather(command) => Some((command.zone.hash64(), WeatherIn::Command(command))),
                _ => None,
            }),
        ],
        WeatherMachine::new(realm, world.seed, world.tick_ms, calendar, &world.zones, (index, peers)),
    );
    let weather_now = weather.out.clone().flat_map(|out| match out {
        WeatherOut::Now(now) => Some(now),
        WeatherOut::Refused(_) => None,
    });

    let facts = loads.operate(
        vec![
            broadcast(clock_now.clone(), peers, FactsIn::Clock),
            commands.clone().flat_map(|command| match command {
                Command::Fact(write) => Some((write.holder.route(), FactsIn::Write(write))),
                Command::IfVersion(IfVersion { version, write: Versioned::Fact(write) }) => {
                    Some((write.holder.route(), FactsIn::WriteIf(version, write)))
                }
                Command::Close(write) => Some((write.group.route(), FactsIn::Close(write))),
                _ => None,
            }),
            concluded.clone().flat_map(|concluded| match concluded {
                Concluded::Effect(effect) | Concluded::Rule(RulesOut::Effect(effect, _)) => {
                    Some((effect.holder.route(), FactsIn::Effect(effect)))
                }
                _ => None,
            }),
        ],
        FactsMachine::new(realm, world),
    );
    let fact_now = facts.out.clone().flat_map(|out| match out {
        FactsOut::Now(now) => Some(now),
        FactsOut::Refused(_) => None,
    });

    let entities = loads.operate(
        vec![
            broadcast(begins.clone(), peers, |()| EntitiesIn::Begin),
            commands.clone().flat_map(|command| match command {
                Command::Entity(write) => Some((write.entity.hash64(), EntitiesIn::Write(write))),
                Command::IfVersion(IfVersion { version, write: Versioned::Entity(write) }) => {
                    Some((write.entity.hash64(), EntitiesIn::WriteIf(version, write)))
                }
                _ => None,
            }),
        ],
        EntitiesMachine::new(realm, world, index, peers),
    );
    let tags_now = entities.out.clone().flat_map(|out| match out {
        EntitiesOut::Tags(tags) => Some(tags),
        EntitiesOut::Refused(_) => None,
    });

    let closed = commands.clone().flat_map(|command| match command {
        Command::Close(write) => Some(write),
        _ => None,
    });
    let presence = loads.operate(
        vec![
            commands.clone().flat_map(|command| match command {
                Command::Presence(write) => Some((write.player.hash64(), PresenceIn::Presence(write))),
                Command::Membership(write) => Some((write.player.hash64(), PresenceIn::Membership(write))),
                _ => None,
            }),
            broadcast(closed.clone(), peers, PresenceIn::Close),
        ],
        PresenceMachine::new(realm),
    );
    let player_now = presence.out.clone().flat_map(|out| match out {
        PresenceOut::Now(now) => Some(now),
        PresenceOut::Refused(_) => None,
    });

    let documents = defined.clone().flat_map(|edit| match edit {
        DefinitionEdit::Lore(document, def) => Some((document.hash64(), LoreIn { document, def })),
        _ => None,
    });
    let lore = loads.operate(vec![documents], LoreMachine::new(realm));

    let told_views = told_views(&clock_now, &defined, peers);
    let shared = Shared { realm, world, loads: &loads, peers, index, watch };
    let known = Known {
        clock: clock_now,
        weather: weather_now,
        facts: fact_now,
        tags: tags_now,
        players: player_now,
    };
    let closed = closed.map(|write| write.group);
    let emitted = concluded.clone().flat_map(|concluded| match concluded {
        Concluded::Rule(RulesOut::Event(event, _)) => Some(event),
        _ => None,
    });
    let readable = Readable::of(&world.kinds);
    let sizes = Sizes::default();
    let (events, kept_events) = shared.kept_events(events.concat(emitted), &defined, (&readable, &sizes));
    let (events, of_arcs) = shared.events_of_arcs(events, &defined);
    let (events, talk) = set_aside(events, may_be_addressed(world));
    let entered = Entered { events, talk, commands, defined, all_defined, concluded, closed };
    let players = shared.players(&entered, &known);
    let groups = shared.groups(&entered, &known, &players.out);
    let spending = shared.spending(&entered, &known, begins);
    let npcs = shared.npcs(&entered, &known, &spending.out);
    let behaviours = shared.behaviours(&entered, &known);
    let arcs = shared.arcs(&entered, &known, of_arcs);
    let dialogues = shared.dialogues(&entered, &known);

    let quest_rows = players.rows.concat(groups.rows);
    let scope_column = catalog::OBJECTIVE_PROGRESS.def().column("scope").expect("the catalog has it");
    let alone = Value::Sym(Sym::new(Scope::Player.name()));
    let (quest_rows, derived_from) = set_aside(quest_rows.inner, move |((view, row), ..)| match *view {
        catalog::QUEST_STATE | catalog::OBJECTIVE_TIMES => false,
        catalog::OBJECTIVE_PROGRESS => row[scope_column] != alone,
        _ => true,
    });
    let derived_from = derived_from.as_collection();
    let levels = levels(realm, derived_from.clone());
    let community = community_progress(derived_from);

    let conclusions = players.out.flat_map(|out| match out {
        PlayersOut::Conclusion(conclusion) => Some(conclusion),
        _ => None,
    });
    let conclusions = conclusions.concat(groups.out);
    let next = conclusions.clone().flat_map(|conclusion| match conclusion {
        Conclusion::Effect(effect) => Some(Concluded::Effect(effect)),
        Conclusion::Stands(now) => Some(Concluded::Stands(now)),
        Conclusion::Spread(spread) => Some(Concluded::Spread(spread)),
        Conclusion::Refused(_) | Conclusion::Traced(_) => None,
    });
    let next = next.concat(npcs.out.clone().flat_map(|out| match out {
        NpcsOut::Effect(effect) => Some(Concluded::Effect(effect)),
        NpcsOut::Refused(_) => None,
    }));
    let next = next.concat(arcs.out.map(|ArcsOut::Effect(effect)| Concluded::Effect(effect)));
    let next = next.concat(dialogues.out.clone().flat_map(|out| match out {
        DialoguesOut::Effect(effect) => Some(Concluded::Effect(effect)),
        DialoguesOut::Refused(_) => None,
    }));
    // A stream that goes another way would be copied.
    let traced = watch.map(|_| {
        conclusions.clone().flat_map(|conclusion| match conclusion {
            Conclusion::Traced(traced) => Some(*traced),
            _ => None,
        })
    });
    let rows = differential_dataflow::collection::concatenate(
        scope,
        [
            definitions.rows,
            clock.rows,
            weather.rows,
            facts.rows,
            entities.rows,
            presence.rows,
            quest_rows.as_collection(),
            reach(npcs.rows),
            behaviours.rows,
            spending.rows,
            arcs.rows,
            dialogues.rows,
            lore.rows,
            levels.rows,
            community,
        ],
    );
    let (rows, watched) = shared.watched(&entered, rows.inner);
    let told_views = told_views.concat(shared.told_asks(&entered));
    let (tick_ms, asked_by_world) = (world.tick_ms, shared.asked_by_world());
    let tapping = Tapping { realm, tick_ms, readable, asked_by_world, sizes };
    let tapped = tap(tapping, rows.as_collection(), kept_events.rows, told_views);
    let (fired, seen) = shared.looked_at(&entered, &known, watched, tapped.returned);
    let rules = shared.rules(&entered, &known, fired);
    let ruled = rules.out.clone().flat_map(|out| match out {
        RulesOut::Refused(_) => None,
        out => Some(Concluded::Rule(out)),
    });
    let next = next.concat(levels.now.map(Concluded::Level)).concat(seen.map(Concluded::Seen));
    next.concat(ruled).connect_loop(loop_handle);

    Outputs {
        rows: tapped.rows.concat(rules.rows),
        catalog: tapped.catalog,
        sql_views: tapped.installer,
        traced,
        base: scope.concatenate([
            definitions.base,
            clock.base,
            weather.base,
            facts.base,
            entities.base,
            presence.base,
            players.base,
            groups.base,
            npcs.base,
            behaviours.base,
            spending.base,
            arcs.base,
            dialogues.base,
            rules.base,
            kept_events.base,
        ]),
        refused: scope.concatenate([
            definitions.out.flat_map(|out| match out {
                DefinitionsOut::Refused(refused) => Some(refused),
                DefinitionsOut::Defined(_) => None,
            }),
            weather.out.flat_map(|out| match out {
                WeatherOut::Refused(refused) => Some(refused),
                WeatherOut::Now(_) => None,
            }),
            facts.out.flat_map(|out| match out {
                FactsOut::Refused(refused) => Some(refused),
                FactsOut::Now(_) => None,
            }),
            entities.out.flat_map(|out| match out {
                EntitiesOut::Refused(refused) => Some(refused),
                EntitiesOut::Tags(_) => None,
            }),
            presence.out.flat_map(|out| match out {
                PresenceOut::Refused(refused) => Some(refused),
                PresenceOut::Now(_) => None,
            }),
            conclusions.flat_map(|conclusion| match conclusion {
                Conclusion::Refused(refused) => Some(refused),
                _ => None,
            }),
            npcs.out.flat_map(|out| match out {
                NpcsOut::Refused(refused) => Some(refused),
                NpcsOut::Effect(_) => None,
            }),
            dialogues.out.flat_map(|out| match out {
                DialoguesOut::Refused(refused) => Some(refused),
                DialoguesOut::Effect(_) => None,
            }),
            kept_events.out,
            tapped.refused,
            rules.out.flat_map(|out| match out {
                RulesOut::Refused(refused) => Some(refused),
                _ => None,
            }),
        ]),
    }
}

/// What views in SQL are told on every worker.
fn told_views<'scope>(
    clock: &Stream<'scope, ClockNow>,
    defined: &Stream<'scope, DefinitionEdit>,
    peers: usize,
) -> Stream<'scope, (u64, Told)> {
    let edits = defined.clone().filter(|edit| matches!(edit, DefinitionEdit::View(..)));
    broadcast(edits, peers, Told::Edit).concat(broadcast(clock.clone(), peers, Told::Clock))
}

/// Whether a realm is started: a world writes all of its definitions at every start.
fn begins(command: &Command) -> bool {
    let only = |edit: &DefinitionEdit| matches!(edit, DefinitionEdit::Only(_));
    match command {
        Command::Define(edit) => only(edit),
        Command::Revise(revise) => revise.edits.iter().any(only),
        _ => false,
    }
}

/// Only an entity that `entities.yaml` declares as an npc can be talked to, or tell what it senses (the check of a world asks it of
/// every definition), so most events are passed over. Which kind of event addresses it is looked at by the
/// machine, since definitions are edited while the graph runs.
fn may_be_addressed(world: &WorldDef) -> impl Fn(&Event) -> bool + 'static {
    let speakers = world.entities.iter().filter(|(_, entity)| entity.kind == "npc");
    let speakers: FxHashSet<Sym> = speakers.map(|(id, _)| Sym::new(id)).collect();
    move |event| speakers.contains(&event.target)
}

/// What enters from outside and through the loop.
struct Entered<'scope> {
    events: Stream<'scope, Event>,
    /// Those that may address an NPC.
    talk: Stream<'scope, Event>,
    commands: Stream<'scope, Command>,
    defined: Stream<'scope, DefinitionEdit>,
    /// The same, with what quests were before they were moved.
    all_defined: Stream<'scope, Defined>,
    concluded: Stream<'scope, Concluded>,
    closed: Stream<'scope, Holder>,
}

/// What conditions and patterns are tested against, as it changes.
struct Known<'scope> {
    clock: Stream<'scope, ClockNow>,
    weather: Stream<'scope, ZoneWeather>,
    facts: Stream<'scope, FactNow>,
    tags: Stream<'scope, EntityTags>,
    players: Stream<'scope, PlayerNow>,
}

/// What the machines of quests and NPCs are made from.
struct Shared<'a, 'scope> {
    realm: Sym,
    world: &'a Arc<WorldDef>,
    loads: &'a Loads<'scope>,
    index: usize,
    peers: usize,
    watch: Option<Watch>,
}

impl<'scope> Shared<'_, 'scope> {
    fn quest_edits<I: ExchangeData + Clone>(
        &self,
        entered: &Entered<'scope>,
        make: fn(QuestEdit) -> I,
    ) -> Stream<'scope, (u64, I)> {
        let edits = entered.all_defined.clone().flat_map(|Defined { edit, from }| match edit {
            DefinitionEdit::Quest(quest, def) => Some(QuestEdit { quest, def, from }),
            _ => None,
        });
        broadcast(edits, self.peers, make)
    }

    fn players(&self, entered: &Entered<'scope>, known: &Known<'scope>) -> Produced<'scope, PlayersOut> {
        let (peers, realm) = (self.peers, self.realm);
        let events = by_owner(entered.events.clone(), peers, move |event| {
            let owner = [event.player, event.region].into_iter().find(|key| !key.is_none());
            owner.unwrap_or(realm).hash64()
        });
        let events = events.map(|(worker, events)| (worker, PlayersIn::Events(events)));
        let facts = known.facts.clone().flat_map(move |now| {
            by_player_or_all(now.holder.scope, now.holder.route(), peers, PlayersIn::Fact(now))
        });
        let concluded = entered.concluded.clone().flat_map(move |concluded| match concluded {
            Concluded::Level(now) => vec![(now.player.hash64(), PlayersIn::Level(now))],
            // Where players stand is known to their own worker, and told for NPCs only.
            Concluded::Stands(now) if now.holder.scope != Scope::Player => {
                (0..peers as u64).map(|worker| (worker, PlayersIn::Stands(now))).collect()
            }
            Concluded::Spread(spread) => vec![(spread.player.hash64(), PlayersIn::Spread(spread))],
            Concluded::Seen(now) => {
                (0..peers as u64).map(|worker| (worker, PlayersIn::Seen(now.clone()))).collect()
            }
            Concluded::Stands(_) | Concluded::Effect(_) | Concluded::Rule(_) => Vec::new(),
        });
        let answers = entered.commands.clone().flat_map(|command| match command {
            Command::GrantAnswer(answer) => match grant_holder(&answer.grant) {
                Some(holder) if holder.scope != Scope::Player => None,
                holder => Some((holder.map_or(0, Holder::route), PlayersIn::Answer(answer))),
            },
            _ => None,
        });
        let places = known.players.clone();
        let npcs_ask = entered.defined.clone().flat_map(|edit| match edit {
            DefinitionEdit::Npc(npc, def) => {
                Some((npc, def.as_deref().map(quests_named).unwrap_or_default()))
            }
            DefinitionEdit::Storylet(id, def) => {
                // By a name that no NPC can have.
                let id = Sym::new(&format!("storylet:{id}"));
                Some((id, def.as_deref().map(quests_of_storylet).unwrap_or_default()))
            }
            DefinitionEdit::Prompt(id, def) => {
                let id = Sym::new(&format!("prompt:{id}"));
                Some((id, def.as_deref().map(quests_of_prompt).unwrap_or_default()))
            }
            _ => None,
        });
        let npcs_ask = npcs_ask.concat(self.quests_of_rules(entered)).concat(self.quests_of_arcs(entered));
        let npcs_ask = npcs_ask.concat(self.quests_of_dialogues(entered));
        let inputs = vec![
            events,
            self.quest_edits(entered, PlayersIn::Define),
            broadcast(npcs_ask, peers, |(npc, quests)| PlayersIn::NpcAsks(npc, quests)),
            broadcast(known.clock.clone(), peers, PlayersIn::Clock),
            broadcast(known.weather.clone(), peers, PlayersIn::Weather),
            broadcast(known.tags.clone(), peers, PlayersIn::Tags),
            broadcast(entered.closed.clone(), peers, PlayersIn::Close),
            facts,
            places.map(|now| (now.player.hash64(), PlayersIn::Place(now.player, now.place))),
            concluded,
            answers,
        ];
        let machine = PlayersMachine::new(Arc::clone(self.world), realm).watching(self.watch);
        self.loads.operate(inputs, machine)
    }

    fn groups(
        &self,
        entered: &Entered<'scope>,
        known: &Known<'scope>,
        players: &Stream<'scope, PlayersOut>,
    ) -> Produced<'scope, Conclusion> {
        let peers = self.peers;
        let told = players.clone().flat_map(|out| match out {
            PlayersOut::Contribution(counted) => {
                Some((counted.holder.route(), GroupsIn::Contribution(counted)))
            }
            PlayersOut::Asked(asked) => Some((asked.holder.route(), GroupsIn::Asked(asked))),
            PlayersOut::Known(holder) => Some((holder.route(), GroupsIn::Known(holder))),
            PlayersOut::Member(member) => Some((member.group.route(), GroupsIn::Member(member))),
            PlayersOut::Together(together) => Some((together.party.route(), GroupsIn::Together(together))),
            PlayersOut::Conclusion(_) => None,
        });
        let facts = known.facts.clone().filter(|now| now.holder.scope != Scope::Player);
        let stands = entered.concluded.clone().flat_map(|concluded| match concluded {
            Concluded::Stands(now) if now.holder.scope != Scope::Player => Some(now),
            _ => None,
        });
        let answers = entered.commands.clone().flat_map(|command| match command {
            Command::GrantAnswer(answer) => {
                let holder = grant_holder(&answer.grant).filter(|holder| holder.scope != Scope::Player);
                holder.map(|holder| (holder.route(), GroupsIn::Answer(answer)))
            }
            _ => None,
        });
        let levels = entered.concluded.clone().flat_map(|concluded| match concluded {
            Concluded::Level(now) => Some(now),
            _ => None,
        });
        let seen = entered.concluded.clone().flat_map(|concluded| match concluded {
            Concluded::Seen(now) => Some(now),
            _ => None,
        });
        let inputs = vec![
            told,
            broadcast(levels, peers, GroupsIn::Level),
            broadcast(seen, peers, GroupsIn::Seen),
            self.quest_edits(entered, GroupsIn::Define),
            broadcast(known.clock.clone(), peers, GroupsIn::Clock),
            broadcast(known.weather.clone(), peers, GroupsIn::Weather),
            broadcast(known.tags.clone(), peers, GroupsIn::Tags),
            broadcast(facts, peers, GroupsIn::Fact),
            entered.closed.clone().map(|group| (group.route(), GroupsIn::Close(group))),
            broadcast(stands, peers, GroupsIn::Stands),
            answers,
        ];
        let machine = GroupsMachine::new(Arc::clone(self.world), self.realm, self.index, peers);
        self.loads.operate(inputs, machine.watching(self.watch))
    }

    fn behaviours(&self, entered: &Entered<'scope>, known: &Known<'scope>) -> Produced<'scope, ()> {
        let peers = self.peers;
        let edits = entered.defined.clone().flat_map(|edit| match edit {
            DefinitionEdit::Behaviour(id, def) => Some((id, def)),
            _ => None,
        });
        let inputs = vec![
            broadcast(edits, peers, |(id, def)| BehavioursIn::Define(id, def)),
            broadcast(known.clock.clone(), peers, BehavioursIn::Clock),
            known.tags.clone().map(|tags| (tags.entity.hash64(), BehavioursIn::Entity(tags))),
            entered.talk.clone().map(|event| (event.target.hash64(), BehavioursIn::Event(event))),
        ];
        self.loads.operate(inputs, BehavioursMachine::new(self.realm, self.world.tick_ms))
    }

    fn npcs(
        &self,
        entered: &Entered<'scope>,
        known: &Known<'scope>,
        spending: &Stream<'scope, SpendingOut>,
    ) -> Produced<'scope, NpcsOut> {
        let peers = self.peers;
        let storylets = entered.defined.clone().flat_map(|edit| match edit {
            DefinitionEdit::Storylet(id, def) => Some((id, def)),
            _ => None,
        });
        let prompts = entered.defined.clone().flat_map(|edit| match edit {
            DefinitionEdit::Prompt(id, def) => Some((id, def)),
            _ => None,
        });
        let edits = entered.defined.clone().flat_map(|edit| match edit {
            DefinitionEdit::Npc(id, def) => Some((id, def)),
            _ => None,
        });
        let facts = known.facts.clone().flat_map(move |now| {
            by_player_or_all(now.holder.scope, now.holder.route(), peers, NpcsIn::Fact(now))
        });
        let concluded = entered.concluded.clone().flat_map(move |concluded| match concluded {
            Concluded::Level(now) => vec![(now.player.hash64(), NpcsIn::Level(now))],
            Concluded::Stands(now) => {
                by_player_or_all(now.holder.scope, now.holder.route(), peers, NpcsIn::Quest(now))
            }
            Concluded::Seen(now) => {
                (0..peers as u64).map(|worker| (worker, NpcsIn::Seen(now.clone()))).collect()
            }
            Concluded::Effect(_) | Concluded::Rule(_) | Concluded::Spread(_) => Vec::new(),
        });
        let replies = entered.commands.clone().flat_map(|command| match command {
            Command::Reply(reply) => Some((reply_route(&reply.request), NpcsIn::Reply(reply))),
            Command::Sentence(said) => Some((reply_route(&said.request), NpcsIn::Sentence(said))),
            Command::Forget(write) => Some((write.player.hash64(), NpcsIn::Forget(write.player))),
            _ => None,
        });
        let inputs = vec![
            broadcast(edits, peers, |(id, def)| NpcsIn::Define(id, def)),
            broadcast(storylets, peers, |(id, def)| NpcsIn::DefineStorylet(id, def)),
            broadcast(prompts, peers, |(id, def)| NpcsIn::DefinePrompt(id, def)),
            broadcast(known.tags.clone(), peers, NpcsIn::Entity),
            self.quest_edits(entered, NpcsIn::DefineQuest),
            broadcast(known.clock.clone(), peers, NpcsIn::Clock),
            broadcast(known.weather.clone(), peers, NpcsIn::Weather),
            facts,
            known.players.clone().map(|now| (now.player.hash64(), NpcsIn::Player(now))),
            concluded,
            entered.talk.clone().map(|event| (event.player.hash64(), NpcsIn::Event(event))),
            replies,
            spending::told(spending, peers),
        ];
        self.loads.operate(inputs, NpcsMachine::new(self.realm, self.world).on(self.index, peers))
    }
}
