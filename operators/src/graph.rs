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
mod npcs;
mod quests;
mod rules;
mod spending;
mod storylet_limits;
mod watched;
mod wires;

use std::sync::Arc;

use differential_dataflow::VecCollection;
use differential_dataflow::collection::AsCollection;
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
use crate::arcs::traced::{Traced as TracedArc, Watch as WatchArc};
use crate::clock::{Calendar, ClockIn, ClockMachine};
use crate::community::community_progress;
use crate::definitions::{Defined, DefinitionsIn, DefinitionsMachine, DefinitionsOut};
use crate::dialogues::DialoguesOut;
use crate::entities::{EntitiesIn, EntitiesMachine, EntitiesOut};
use crate::facts::{FactsIn, FactsMachine, FactsOut};
use crate::levels::levels;
use crate::lore::{LoreIn, LoreMachine};
use crate::machine::ViewRow;
use crate::messages::{
    ClockNow, EntityTags, FactEffect, FactNow, LevelNow, QuestEdit, QuestNow, Refused, ViewNow, ZoneWeather,
};
use crate::npcs::{NpcsOut, StoryletLimitsOut, reach};
use crate::presence::{PlayerNow, PresenceIn, PresenceMachine, PresenceOut};
use crate::quests::traced::{Traced, Watch};
use crate::quests::{Conclusion, PlayersOut, Spread};
use crate::rules::RulesOut;
use crate::sql::live::{Installer, Tapping, Told, tap};
use crate::sql::{Readable, Sizes};
use crate::weather::{WeatherIn, WeatherMachine, WeatherOut};
use npcs::may_be_addressed;
use wires::{Loads, broadcast, set_aside};

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
    /// The definitions that were loaded with base state, at the tick of the load.
    pub loaded_definitions: StreamVec<'scope, Tick, DefinitionEdit>,
    /// What is traced, if anything is.
    pub traced: Option<StreamVec<'scope, Tick, Traced>>,
    /// What is traced of an arc, if anything is.
    pub traced_arc: Option<StreamVec<'scope, Tick, TracedArc>>,
}

/// What is traced in a copy of a realm.
#[derive(Clone, Default, Debug)]
pub struct Watching {
    /// One quest of one holder.
    pub quest: Option<Watch>,
    /// One arc of one holder.
    pub arc: Option<WatchArc>,
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
    Limits(StoryletLimitsOut),
}

type Stream<'scope, D> = StreamVec<'scope, Tick, D>;

/// Builds the graph of a realm in a scope. Every worker builds the same.
pub fn build<'scope>(realm: Sym, world: &Arc<WorldDef>, inputs: Inputs<'scope>) -> Outputs<'scope> {
    build_watching(realm, world, inputs, Watching::default())
}

/// Builds the graph of a realm in which one quest or one arc of one holder is traced, if it is.
pub fn build_watching<'scope>(
    realm: Sym,
    world: &Arc<WorldDef>,
    inputs: Inputs<'scope>,
    watching: Watching,
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
        DefinitionsOut::Refused(_) | DefinitionsOut::Loaded(_) => None,
    });
    let loaded_definitions = definitions.out.clone().flat_map(|out| match out {
        DefinitionsOut::Loaded(edit) => Some(edit),
        DefinitionsOut::Refused(_) | DefinitionsOut::Defined(_) => None,
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
    let shared = Shared { realm, world, loads: &loads, peers, index, watching: &watching };
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
    let happened = of_arcs.clone();
    let players = shared.players(&entered, &known);
    let groups = shared.groups(&entered, &known, &players.out);
    let spending = shared.spending(&entered, &known, begins);
    let npcs = shared.npcs(&entered, &known, &spending.out, happened);
    let limits = shared.storylet_limits(&entered, &known, &npcs.out);
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
        NpcsOut::Refused(_) | NpcsOut::Saying(_) => None,
    }));
    let next = next.concat(limits.out.map(Concluded::Limits));
    let traced_arc = watching.arc.map(|_| {
        arcs.out.clone().flat_map(|out| match out {
            ArcsOut::Traced(traced) => Some(*traced),
            ArcsOut::Effect(_) => None,
        })
    });
    let next = next.concat(arcs.out.flat_map(|out| match out {
        ArcsOut::Effect(effect) => Some(Concluded::Effect(effect)),
        ArcsOut::Traced(_) => None,
    }));
    let next = next.concat(dialogues.out.clone().flat_map(|out| match out {
        DialoguesOut::Effect(effect) => Some(Concluded::Effect(effect)),
        DialoguesOut::Refused(_) => None,
    }));
    // A stream that goes another way would be copied.
    let traced = watching.quest.as_ref().map(|_| {
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
            limits.rows,
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
        loaded_definitions,
        traced,
        traced_arc,
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
            limits.base,
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
                DefinitionsOut::Defined(_) | DefinitionsOut::Loaded(_) => None,
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
                NpcsOut::Effect(_) | NpcsOut::Saying(_) => None,
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
    watching: &'a Watching,
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
}
