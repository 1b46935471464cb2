//! A small language for golden worlds: one input a line, `TICK VERB ...`.

use std::collections::BTreeMap;
use std::sync::Arc;

use worldflow::graph::WorldGraph;
use worldflow::open::definition_items;
use worldflow::world::{Folder, LoadedWorld};
use worldflow_engine::graph::BuildGraph;
use worldflow_engine::testing::{Plan, Ran, law, run, show};
use worldflow_engine::workers::{Cut, SealedTick};
use worldflow_schemas::base::BaseRow;
use worldflow_schemas::definitions::{LoreDef, RuleDef, SqlViewDef};
use worldflow_schemas::input::{
    ClockCommand, ClockWrite, Command, DefinitionEdit, EntityBody, EntityChange, EntityWrite, FactChange,
    FactWrite, Finish, GrantAnswer, Holder, MembershipWrite, PresenceWrite, Reply, Scope, WeatherCommand,
    WriteOrder,
};
use worldflow_schemas::{Event, EventId, Input, Sym, Tick, Value, catalog};
use worldflow_sinks::tiers::prompt::render;

/// A golden world: its files and what happens in it.
pub(crate) struct Golden {
    graph: Arc<dyn BuildGraph>,
    ticks: Vec<SealedTick>,
    until: Tick,
}

const REALM: &str = "golden";

impl Golden {
    /// Reads `files` (path and text) and a script. The definitions enter at tick 1.
    pub(crate) fn new(files: &[(&str, &str)], script: &str) -> Golden {
        let folder = Folder::of(files.iter().copied());
        let world = LoadedWorld::load(&folder).unwrap_or_else(|error| panic!("{error}"));
        let mut ticks: BTreeMap<Tick, SealedTick> = BTreeMap::new();
        let mut until = 0;
        for item in definition_items(&world, 0) {
            push(&mut ticks, 1, item.input);
        }
        for (number, line) in script.lines().map(str::trim).enumerate().filter(|(_, line)| !line.is_empty()) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let tick = words[0].parse().unwrap_or_else(|_| panic!("{line}: the first word is a tick"));
            until = until.max(tick);
            if let Some(input) = input(tick, number, &words[1..], line) {
                push(&mut ticks, tick, input);
            }
        }
        let graph = Arc::new(WorldGraph { realm: Sym::new(REALM), world: world.world });
        Golden { graph, ticks: ticks.into_values().collect(), until }
    }

    /// Edits rules at a tick: to what this YAML says of them, `null` for none.
    pub(crate) fn edit_rules(&mut self, tick: Tick, yaml: &str) {
        let rules: BTreeMap<String, Option<RuleDef>> = serde_saphyr::from_str(yaml).expect("rules");
        self.edit(
            tick,
            rules.into_iter().map(|(id, def)| DefinitionEdit::Rule(Sym::new(&id), def.map(Arc::new))),
        );
    }

    /// Edits definitions at a tick.
    pub(crate) fn edit(&mut self, tick: Tick, edits: impl IntoIterator<Item = DefinitionEdit>) {
        let edits = edits.into_iter().map(Command::Define);
        let place = self.ticks.iter().position(|sealed| sealed.tick >= tick).unwrap_or(self.ticks.len());
        if self.ticks.get(place).is_none_or(|sealed| sealed.tick != tick) {
            self.ticks.insert(place, SealedTick { tick, ..SealedTick::default() });
        }
        self.ticks[place].commands.extend(edits);
    }

    /// The same, with its definitions coming in at a tick before the script's first.
    pub(crate) fn edited_at(mut self, tick: Tick) -> Golden {
        for sealed in self.ticks.iter_mut().filter(|sealed| sealed.tick == 1) {
            sealed.tick = tick;
        }
        self
    }

    fn plan(&self, workers: usize, items: usize) -> Plan {
        Plan { workers, cut: Cut { items }, load: None, until: self.until }
    }

    /// Runs the script on one worker.
    pub(crate) fn run(&self) -> Ran {
        run(&self.graph, &self.ticks, &self.plan(1, 4096))
    }

    /// Runs the script after a tick, from the base state that another world had left at its end. Checks
    /// that a restart at any later tick gives the same.
    pub(crate) fn run_from(&self, load: (Tick, Vec<BaseRow>)) -> Ran {
        let plan = |load| Plan { load: Some(load), ..self.plan(1, 4096) };
        let loaded_at = load.0;
        let ran = run(&self.graph, &self.ticks, &plan(load));
        for tick in loaded_at..self.until {
            let again = run(&self.graph, &self.ticks, &plan((tick, ran.snapshot_at(tick))));
            assert_eq!(again.rows_at(self.until), ran.rows_at(self.until), "loaded again at {tick}");
        }
        ran
    }

    /// How often a world that is loaded at a tick is woken until the end.
    pub(crate) fn wakes_after(&self, tick: Tick) -> u64 {
        let rows = self.run().snapshot_at(tick);
        run(&self.graph, &self.ticks, &Plan { load: Some((tick, rows)), ..self.plan(1, 4096) }).reports
    }

    /// The changes of some views, a line each, with refusals.
    pub(crate) fn changes(&self, views: &[&str]) -> String {
        Golden::show(&self.run(), views)
    }

    /// The changes of some views of a run.
    pub(crate) fn show(ran: &Ran, views: &[&str]) -> String {
        let mut lines = String::new();
        for (tick, changes) in &ran.changes {
            let changes = changes.iter().filter(|(view, _, _)| views.contains(&view.def().name));
            let mut shown: Vec<(String, String)> = changes
                .map(|(view, row, diff)| {
                    let line = show(*view, row, *diff).replace(&format!(" realm={REALM}"), "");
                    (line[3..].to_owned(), line)
                })
                .collect();
            // Rows have no order of their own: by text, without the sign.
            shown.sort();
            lines.extend(shown.into_iter().map(|(_, line)| format!("{tick}: {line}\n")));
        }
        for (tick, refused) in &ran.refusals {
            lines.push_str(&format!("{tick}: refused {}: {}\n", refused.code, refused.reason));
        }
        lines
    }

    /// What players see of their quests, a line a change: states, objectives `value/need`, and the times that
    /// run for them. The laws are checked for snapshots at these ticks, or at all when none are named.
    pub(crate) fn story(&self, snapshots: &[Tick]) -> String {
        self.check_laws_at(snapshots);
        let mut lines = String::new();
        for (tick, changes) in &self.run().changes {
            let mut shown: Vec<String> = changes
                .iter()
                .filter(|(_, _, diff)| *diff > 0)
                .filter_map(|(view, row, _)| told(*view, row))
                .collect();
            let of_times = changes.iter().filter(|(view, _, _)| *view == catalog::OBJECTIVE_TIMES);
            let changed: Vec<(String, bool)> =
                of_times.map(|(view, row, diff)| (named(*view, row), *diff > 0)).collect();
            let over =
                changed.iter().filter(|(name, runs)| !runs && !changed.contains(&(name.clone(), true)));
            shown.extend(over.map(|(name, _)| format!("{name} runs no more")));
            shown.sort();
            lines.extend(shown.into_iter().map(|line| format!("{tick}: {line}\n")));
        }
        lines
    }

    /// Checks that workers and cuts make no difference, and the law of base state at every tick
    /// from the first to the last.
    pub(crate) fn check_laws(&self) {
        self.check_laws_at(&[]);
    }

    pub(crate) fn check_laws_at(&self, snapshots: &[Tick]) {
        let one = self.run();
        for (workers, items) in [(1, 1), (2, 4096), (2, 3), (4, 1)] {
            let other = run(&self.graph, &self.ticks, &self.plan(workers, items));
            assert_eq!(one.changes, other.changes, "{workers} workers, {items} items a message");
            assert_eq!(one.state_hash(), other.state_hash());
        }
        for workers in [1, 2] {
            let every: Vec<Tick> =
                if snapshots.is_empty() { (1..=self.until).collect() } else { snapshots.to_vec() };
            let snapshots = every.into_iter();
            if let Err(broken) = law(&self.graph, &self.ticks, &self.plan(workers, 4096), snapshots) {
                panic!("{broken}");
            }
        }
        for (view, rows) in catalog::ids().map(|view| (view, one.rows(view))) {
            assert!(rows.iter().all(|row| row[0] == Value::id(Sym::new(REALM))), "{}", view.def().name);
        }
    }
}

/// A request as a model server would be sent it.
pub(crate) struct Asked {
    pub(crate) tick: Tick,
    pub(crate) request: String,
    pub(crate) digest: String,
    /// Role and text.
    pub(crate) messages: Vec<(String, String)>,
}

impl Asked {
    /// All that is said to the model.
    pub(crate) fn text(&self) -> String {
        self.messages.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>().join("\n\n")
    }
}

/// The requests of a run, in the order of ticks.
pub(crate) fn asked(ran: &Ran) -> Vec<Asked> {
    let column = |row: &[Value], name: &str| {
        row[catalog::NPC_REQUESTS.def().column(name).expect("the catalog has it")].to_string()
    };
    let of_requests = ran.changes.iter().flat_map(|(tick, changes)| {
        let opened = changes.iter().filter(|(view, _, diff)| *view == catalog::NPC_REQUESTS && *diff > 0);
        opened.map(move |(_, row, _)| Asked {
            tick: *tick,
            request: column(row, "request"),
            digest: column(row, "digest"),
            messages: render(&column(row, "messages"), &[], None, None).expect("a prompt").messages,
        })
    });
    of_requests.collect()
}

/// Whose row it is: the holder unless it is ann, and the objective.
fn named(view: catalog::ViewId, row: &[Value]) -> String {
    let column = |name: &str| row[view.def().column(name).expect("the catalog has it")].to_string();
    let holder = column("holder");
    let holder = if holder == "ann" { String::new() } else { format!("{holder} ") };
    format!("{holder}{}", column("objective"))
}

/// A row as one reads it.
fn told(view: catalog::ViewId, row: &[Value]) -> Option<String> {
    let column = |name: &str| row[view.def().column(name).expect("the catalog has it")].to_string();
    let with = |name: &str| match column(name) {
        text if text.is_empty() || text == "null" => String::new(),
        text => format!(" {name}={text}"),
    };
    match view {
        catalog::OBJECTIVE_PROGRESS => {
            let done = if column("done") == "true" { " done" } else { "" };
            let hidden = if column("hidden") == "true" { " hidden" } else { "" };
            Some(format!("{} {}/{}{done}{hidden}", named(view, row), column("value"), column("need")))
        }
        catalog::OBJECTIVE_TIMES => {
            let times = format!("{}{}{}", with("value"), with("since"), with("until"));
            Some(format!("{} runs{times}", named(view, row)))
        }
        catalog::CONTRIBUTIONS => {
            Some(format!("{} credits {} with {}", named(view, row), column("player"), column("amount")))
        }
        catalog::GRANTS => {
            Some(format!("grant of {} {} to {}", column("amount"), column("item"), column("player")))
        }
        catalog::QUEST_STATE => {
            let holder = column("holder");
            let holder = if holder == "ann" { String::new() } else { format!("{holder} ") };
            Some(format!("{holder}quest {} {}{}", column("quest"), column("state"), with("stage")))
        }
        _ => None,
    }
}

fn push(ticks: &mut BTreeMap<Tick, SealedTick>, tick: Tick, input: Input) {
    let sealed = ticks.entry(tick).or_insert_with(|| SealedTick { tick, ..SealedTick::default() });
    match input {
        Input::Event(event) => sealed.events.push(event),
        Input::Command(command) => sealed.commands.push(command),
    }
}

fn number<T: std::str::FromStr>(word: &str, line: &str) -> T {
    word.parse().unwrap_or_else(|_| panic!("{line}: `{word}` is not a number"))
}

pub(crate) fn input(tick: Tick, place: usize, words: &[&str], line: &str) -> Option<Input> {
    let at_ms = i64::try_from(tick * 10).expect("ticks of a script are small");
    let id = EventId::Position(place as u64);
    let order = WriteOrder { at_ms, source: "script".into(), id: id.clone() };
    let command = match words {
        ["wait"] => return None,
        ["event", kind, rest @ ..] => {
            let mut event = Event {
                at_ms,
                source: "script".into(),
                id,
                player: Sym::NONE,
                kind: Sym::new(kind),
                target: Sym::NONE,
                region: Sym::NONE,
                amount: 1,
                with: None,
            };
            let mut with = Vec::new();
            for word in rest {
                match word.split_once('=').unwrap_or_else(|| panic!("{line}: `{word}` is not key=value")) {
                    ("player", name) => event.player = Sym::new(name),
                    ("target", name) => event.target = Sym::new(name),
                    ("region", name) => event.region = Sym::new(name),
                    ("amount", amount) => event.amount = number(amount, line),
                    (name, value) => with.push((Sym::new(name), scalar(value))),
                }
            }
            with.sort_by(|(a, _), (b, _)| a.cmp_text(*b));
            event.with = (!with.is_empty()).then(|| with.into());
            return Some(Input::Event(event));
        }
        ["fact", scope, holder, fact, value] => Command::Fact(FactWrite {
            order,
            holder: Holder { scope: scope_of(scope, line), id: Sym::new(holder) },
            fact: Sym::new(fact),
            change: FactChange::Set(scalar(value)),
        }),
        ["presence", player, server, region, instance] => {
            let part = |word: &str| if word == "-" { Sym::NONE } else { Sym::new(word) };
            let (server, region, instance) = (part(server), part(region), part(instance));
            Command::Presence(PresenceWrite { order, player: Sym::new(player), server, region, instance })
        }
        ["member", player, scope, group] => Command::Membership(MembershipWrite {
            order,
            player: Sym::new(player),
            scope: scope_of(scope, line),
            group: if *group == "-" { Sym::NONE } else { Sym::new(group) },
        }),
        ["entity", name, "delete"] => {
            Command::Entity(EntityWrite { order, entity: Sym::new(name), change: EntityChange::Delete })
        }
        ["entity", name, "upsert", kind, tags @ ..] => {
            let tags = tags.iter().flat_map(|tags| tags.split(',')).map(Sym::new).collect();
            let body = EntityBody { kind: Sym::new(kind), tags, properties: Vec::new() };
            Command::Entity(EntityWrite { order, entity: Sym::new(name), change: EntityChange::Upsert(body) })
        }
        ["entity", name, "merge", rest @ ..] => {
            let properties = rest.iter().filter_map(|word| word.split_once('='));
            let properties = properties.map(|(name, value)| (Sym::new(name), scalar(value))).collect();
            let change = EntityChange::Merge { properties, add_tags: Vec::new(), remove_tags: Vec::new() };
            Command::Entity(EntityWrite { order, entity: Sym::new(name), change })
        }
        ["view", name, "drop"] => Command::Define(DefinitionEdit::View(Sym::new(name), None)),
        ["view", name, query @ ..] => {
            let sql = format!("CREATE VIEW {name} AS {}", query.join(" "));
            Command::Define(DefinitionEdit::View(Sym::new(name), Some(Arc::new(SqlViewDef { sql }))))
        }
        ["lore", id, "drop"] => Command::Define(DefinitionEdit::Lore(Sym::new(id), None)),
        ["lore", id, text @ ..] => {
            let def = LoreDef { text: text.join(" ").replace("\\n", "\n"), ..LoreDef::default() };
            Command::Define(DefinitionEdit::Lore(Sym::new(id), Some(Arc::new(def))))
        }
        ["clock", "scale", world, real] => {
            clock(order, ClockCommand::SetScale { world: number(world, line), real: number(real, line) })
        }
        ["clock", "pause"] => clock(order, ClockCommand::Pause),
        ["clock", "resume"] => clock(order, ClockCommand::Resume),
        ["clock", "set", world_ms] => {
            clock(order, ClockCommand::SetTime { world_ms: number(world_ms, line) })
        }
        ["weather", zone, state] => {
            Command::Weather(WeatherCommand { order, zone: Sym::new(zone), state: Sym::new(state) })
        }
        ["answer", grant, "delivered"] => {
            let grant = (*grant).into();
            Command::GrantAnswer(GrantAnswer { order, grant, delivered: true, reason: "".into() })
        }
        ["answer", grant, "refused", reason] => Command::GrantAnswer(GrantAnswer {
            order,
            grant: (*grant).into(),
            delivered: false,
            reason: (*reason).into(),
        }),
        ["reply", request, tier, prompt_tokens, tokens, text @ ..] => Command::Reply(Reply {
            request: (*request).into(),
            tier: Sym::new(tier),
            outcome: if text.is_empty() { Err("down".into()) } else { Ok(text.join(" ").into()) },
            took_ms: 70,
            tokens: number(tokens, line),
            finish: Finish::Stop,
            replica: 1,
            first_ms: 20,
            prompt_tokens: number(prompt_tokens, line),
            model: "tiny".into(),
            seed: 1,
            digest: "".into(),
            revision: "".into(),
            shared: false,
            verdict: if text.is_empty() { "".into() } else { "accept".into() },
            rule: "".into(),
            refs: Vec::new(),
            retried: "".into(),
        }),
        _ => panic!("{line}: unknown verb"),
    };
    Some(Input::Command(command))
}

fn clock(order: WriteOrder, command: ClockCommand) -> Command {
    Command::Clock(ClockWrite { order, command })
}

fn scope_of(name: &str, line: &str) -> Scope {
    *Scope::ALL.iter().find(|scope| scope.name() == name).unwrap_or_else(|| panic!("{line}: scope `{name}`"))
}

fn scalar(text: &str) -> Value {
    match text.parse::<i64>() {
        Ok(number) => Value::Int(number),
        Err(_) if text == "true" || text == "false" => Value::Bool(text == "true"),
        // A fraction is a number, too.
        Err(_) => match serde_json::from_str(text).ok().as_ref().and_then(Value::from_json) {
            Some(fraction @ Value::Dec(_)) => fraction,
            _ => Value::Sym(Sym::new(text)),
        },
    }
}
