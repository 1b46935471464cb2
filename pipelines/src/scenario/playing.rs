//! A realm of its own for one scenario, whose ticks pass by hand: what each step does to it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value as Json;
use tempfile::TempDir;
use tokio::sync::oneshot;
use worldflow_engine::admission::{Batch, Item, Outcome, Refusal};
use worldflow_engine::runtime::{RealmConfig, RunningRealm, open};
use worldflow_engine::sequencer::Mode;
use worldflow_engine::view_store::Filter;
use worldflow_operators::clock::parse_moment;
use worldflow_schemas::definitions::Span;
use worldflow_schemas::input::{ClockCommand, ClockWrite, Command, WriteOrder};
use worldflow_schemas::tick::TickLength;
use worldflow_schemas::{EventId, Input, Row, Sym, Tick, Value, catalog};
use worldflow_sources::recording::{Rules, read_ndjson_from};

use super::def::{ExpectDef, RestartDef, StepDef};
use super::file::Scenario;
use super::table::{Table, cell};
use crate::graph::graphs;
use crate::open::definition_items;
use crate::world::{Folder, LoadedWorld};

/// When scenarios begin that do not say when.
const STARTS: &str = "2024-01-01T00:00:00Z";

/// The producer of what a scenario sends.
const SOURCE: &str = "scenario";

/// What a step that does something takes: its own tick, and the one in which what follows from it acts.
const TICKS: Tick = 2;

/// The longest that a scenario may let pass in one step: ten real years are more than any needs.
const MOST_TICKS: Tick = 100_000_000;

/// Rows that are not what was expected.
pub(super) struct Differs {
    pub(super) message: String,
    pub(super) found: Table,
}

/// A scenario that is being played.
pub(super) struct Playing {
    files: Folder,
    world: LoadedWorld,
    realm: RunningRealm,
    rules: Rules,
    /// Only of a scenario that restarts.
    data: Option<TempDir>,
    began: Tick,
    sent: Vec<(EventId, Input)>,
    /// How often definitions have been handed over: part of their ids.
    defined: i64,
}

impl Playing {
    pub(super) async fn begin(scenario: &Scenario, folder: &Folder) -> Result<Playing, String> {
        let world = LoadedWorld::load(folder).map_err(|error| error.to_string())?;
        let starts = scenario.def.starts.as_deref().unwrap_or(STARTS);
        let starts: jiff::Timestamp = starts.parse().map_err(|error| format!("`{starts}`: {error}"))?;
        let length = TickLength { tick_ms: world.world.tick_ms };
        let began = length.tick_at(starts.as_millisecond());
        let restarts = scenario.def.steps.iter().any(|step| step.restart.is_some());
        let data = restarts.then(TempDir::new).transpose().map_err(|error| error.to_string())?;
        let realm = opened(&world, data.as_ref().map(TempDir::path), began).await?;
        let rules = Rules::new(Sym::new(&world.world.name), &world.world);
        let mut playing =
            Playing { files: folder.clone(), world, realm, rules, data, began, sent: Vec::new(), defined: 0 };
        playing.define().await?;
        Ok(playing)
    }

    pub(super) async fn end(self) -> Result<(), String> {
        self.realm.close().await.map_err(|error| error.to_string())
    }

    fn length(&self) -> TickLength {
        TickLength { tick_ms: self.world.world.tick_ms }
    }

    /// The tick that is open, in UTC milliseconds.
    fn now_ms(&self) -> i64 {
        let tick = self.realm.realm.progress.borrow().tick;
        self.length().utc_ms(tick.max(self.began.saturating_sub(1)) + 1)
    }

    async fn advance(&self, ticks: Tick) -> Result<(), String> {
        self.realm.advance(ticks).await.map(drop).map_err(|_| "the realm has stopped".to_owned())
    }

    /// Hands inputs over, lets them and what follows from them happen, and returns what became of each.
    async fn hand_over(&self, source: &str, items: Vec<Item>) -> Result<Vec<Outcome>, String> {
        let (reply, outcomes) = oneshot::channel();
        let batch =
            Batch { source: Sym::new(source), items, watermark_ms: None, reply: Some(reply), reached: None };
        let stopped = || "the realm has stopped".to_owned();
        self.realm.realm.admission.submit(batch).await.map_err(|_| stopped())?;
        self.advance(TICKS).await?;
        outcomes.await.map_err(|_| stopped())
    }

    async fn define(&mut self) -> Result<(), String> {
        self.defined += 1;
        let items = definition_items(&self.world, self.defined);
        let outcomes = self.hand_over("world", items).await?;
        outcomes.into_iter().find_map(refusal).map_or(Ok(()), |refused| Err(refused.told))
    }

    pub(super) async fn step(
        mut self,
        number: usize,
        step: &StepDef,
    ) -> Result<(Playing, Option<Differs>), String> {
        if let Some(after) = step.after {
            self.pass(after).await?;
        }
        if let Some(clock) = &step.clock {
            self.set_clock(number, clock).await?;
        }
        if let Some(inputs) = &step.send {
            self.send(number, inputs.as_slice(), step.refused.as_deref()).await?;
        }
        if step.send_again {
            self.send_again().await?;
        }
        if !step.edit.is_empty() {
            self.edit(step).await?;
        }
        if let Some(restart) = step.restart {
            self = self.restart(restart).await?;
        }
        let differs = step.expect.as_ref().map(|expect| self.expect(expect)).transpose()?.flatten();
        Ok((self, differs))
    }

    /// Time passes.
    async fn pass(&self, span: Span) -> Result<(), String> {
        let ms = if span.world { self.real_ms(span.ms)? } else { span.ms };
        let ticks = self.length().ticks(ms);
        if ticks > MOST_TICKS {
            return Err(format!("{span} are {ticks} ticks, and a step may let {MOST_TICKS} pass"));
        }
        self.advance(ticks).await
    }

    /// Real milliseconds of a span of world time, as the clock runs now.
    fn real_ms(&self, world_ms: u64) -> Result<u64, String> {
        let rows =
            self.realm.realm.views.read(catalog::CLOCK).rows(&Filter::all()).cloned().collect::<Vec<_>>();
        let def = catalog::CLOCK.def();
        let number =
            |name: &str| match rows.first().zip(def.column(name)).and_then(|(row, column)| row.get(column)) {
                Some(Value::Int(n)) if *n > 0 => Some(n.unsigned_abs()),
                _ => None,
            };
        let (Some(world), Some(real)) = (number("scale_world"), number("scale_real")) else {
            return Err("the world's clock does not run".to_owned());
        };
        let ms = (u128::from(world_ms) * u128::from(real)).div_ceil(u128::from(world));
        u64::try_from(ms).map_err(|_| "that is too long".to_owned())
    }

    async fn set_clock(&mut self, number: usize, clock: &str) -> Result<(), String> {
        let world_ms = parse_moment(clock)?;
        let id = EventId::Named(format!("clock.{number}").into());
        let order = WriteOrder { at_ms: self.now_ms(), source: Sym::new(SOURCE), id: id.clone() };
        let command = ClockCommand::SetTime { world_ms };
        let input = Input::Command(Command::Clock(ClockWrite { order, command }));
        let outcomes = self.hand_over(SOURCE, vec![Item { id, input, most_per_s: None }]).await?;
        outcomes.into_iter().find_map(refusal).map_or(Ok(()), |refused| Err(refused.told))
    }

    /// Sends inputs of one tick, all of which are taken, or refused with a code.
    async fn send(
        &mut self,
        number: usize,
        inputs: &[BTreeMap<String, Json>],
        refused: Option<&str>,
    ) -> Result<(), String> {
        let (mut items, mut refusals) = (Vec::new(), Vec::new());
        for (place, input) in inputs.iter().enumerate() {
            match self.input(format!("{number}.{place}"), input) {
                Ok(item) => items.push(item),
                Err(refusal) => refusals.push(Refused::from(&refusal)),
            }
        }
        let ids: Vec<EventId> = items.iter().map(|item| item.id.clone()).collect();
        self.sent.extend(items.iter().map(|item| (item.id.clone(), item.input.clone())));
        let last = self.rejections(0).into_keys().next_back().unwrap_or(0);
        let outcomes = self.hand_over(SOURCE, items).await?;
        // An event that is taken may still ask for what is not to be had; then it is told as a row.
        let told = self.rejections(last);
        let told = |id: &EventId| told.values().find(|(of, _)| of == id).map(|(_, refused)| refused.clone());
        refusals.extend(
            ids.iter().zip(outcomes).filter_map(|(id, outcome)| refusal(outcome).or_else(|| told(id))),
        );
        let Some(code) = refused else {
            return refusals.first().map_or(Ok(()), |first| Err(first.told.clone()));
        };
        if let Some(other) = refusals.iter().find(|refused| refused.code != code) {
            return Err(format!("`{code}` is expected, but {}", other.told));
        }
        match inputs.len() - refusals.len() {
            0 => Ok(()),
            taken => Err(format!("`{code}` is expected, but {taken} of {} are taken", inputs.len())),
        }
    }

    /// What the scenario has been refused after its refusal of that number.
    fn rejections(&self, after: i64) -> BTreeMap<i64, (EventId, Refused)> {
        let stored = self.realm.realm.views.read(catalog::REJECTIONS);
        let def = catalog::REJECTIONS.def();
        let text = |row: &Row, name: &str| {
            def.column(name).and_then(|column| row.get(column)).map_or_else(String::new, ToString::to_string)
        };
        let mut rejections = BTreeMap::new();
        for row in stored.rows(&Filter::all()).filter(|row| text(row, "source") == SOURCE) {
            let number = text(row, "number").parse().unwrap_or(0);
            if number > after {
                let code = text(row, "code");
                let told = format!(
                    "what is sent is refused: {code}: {}\nhint: {}",
                    text(row, "reason"),
                    text(row, "hint")
                );
                rejections
                    .insert(number, (EventId::Named(text(row, "position").into()), Refused { code, told }));
            }
        }
        rejections
    }

    /// An input as it is written becomes one of this world.
    fn input(
        &mut self,
        id: String,
        input: &std::collections::BTreeMap<String, Json>,
    ) -> Result<Item, Refusal> {
        let mut line: serde_json::Map<String, Json> = input.clone().into_iter().collect();
        line.entry("at").or_insert_with(|| self.now_ms().into());
        line.entry("id").or_insert_with(|| id.into());
        let text = Json::Object(line).to_string();
        let block = read_ndjson_from(text.as_bytes(), Sym::new(SOURCE), None).expect("reading from memory");
        if let Some(bad) = block.bad.first() {
            return Err(bad.refusal());
        }
        let (_, item) = block.into_items().next().expect("a line is an input, or bad");
        match &item.input {
            Input::Event(event) => self.rules.event(event)?,
            Input::Command(command) => self.rules.command(command)?,
        }
        Ok(item)
    }

    async fn send_again(&self) -> Result<(), String> {
        let items = self.sent.iter().map(|(id, input)| Item {
            id: id.clone(),
            input: input.clone(),
            most_per_s: None,
        });
        let outcomes = self.hand_over(SOURCE, items.collect()).await?;
        // What is older than the ids that are remembered is refused, and counts no more than a duplicate.
        let again = outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Accepted { .. })).count();
        match again {
            0 => Ok(()),
            again => Err(format!("{again} of {} inputs counted again", outcomes.len())),
        }
    }

    async fn edit(&mut self, step: &StepDef) -> Result<(), String> {
        for (file, text) in &step.edit {
            match text {
                Some(text) => drop(self.files.files.insert(file.clone(), text.clone().into_bytes())),
                None if self.files.files.remove(file).is_none() => {
                    return Err(format!("there is no file {file}"));
                }
                None => {}
            }
        }
        let world =
            LoadedWorld::load(&self.files).map_err(|error| format!("the edited world is wrong\n{error}"))?;
        let fixed = self.world.world != world.world;
        if fixed && step.restart.is_none() {
            return Err("what world.yaml and entities.yaml say is fixed while a realm runs\n\
                        hint: put `restart: clean` into the same step"
                .to_owned());
        }
        self.world = world;
        self.rules = Rules::new(self.realm.realm.name, &self.world.world);
        // With a restart they are handed over then.
        if step.restart.is_none() { self.define().await } else { Ok(()) }
    }

    async fn restart(self, restart: RestartDef) -> Result<Playing, String> {
        let Playing { files, world, realm, data, began, sent, defined, .. } = self;
        let Some(data) = data else { return Err("this scenario keeps no data".to_owned()) };
        let data = match restart {
            RestartDef::Clean => {
                realm.close().await.map_err(|error| error.to_string())?;
                data
            }
            RestartDef::Crash => {
                // What is on the disk now is what a crash would leave: nothing is under way between two ticks.
                let left =
                    TempDir::new().and_then(|left| copy_folder(data.path(), left.path()).map(|()| left));
                realm.close().await.map_err(|error| error.to_string())?;
                left.map_err(|error| error.to_string())?
            }
        };
        let realm = opened(&world, Some(data.path()), began).await?;
        let rules = Rules::new(realm.realm.name, &world.world);
        let mut playing = Playing { files, world, realm, rules, data: Some(data), began, sent, defined };
        playing.define().await?;
        Ok(playing)
    }

    fn expect(&self, expect: &ExpectDef) -> Result<Option<Differs>, String> {
        let unknown = || format!("the realm has no view `{}`", expect.view);
        let view = self.realm.realm.views.catalog().view(&expect.view).ok_or_else(unknown)?;
        let expected = Table::parse(&expect.rows).map_err(|bad| bad.why)?;
        let (def, tick_ms) = (view.def(), self.world.world.tick_ms);
        let place =
            |name: &str| def.column(name).ok_or_else(|| format!("`{}` has no column `{name}`", expect.view));
        let places = expected.columns.iter().map(|name| place(name)).collect::<Result<Vec<usize>, _>>()?;
        let mut wanted = Vec::new();
        for (name, values) in expect.wanted() {
            let values: Vec<String> = values.iter().map(written).collect();
            wanted.push((place(name)?, values));
        }
        let shown = |value: &Value, column: usize| cell(value, def.columns[column].kind, self.began, tick_ms);
        let rows: Vec<Row> = {
            let stored = self.realm.realm.views.get(view).ok_or_else(unknown)?;
            stored.rows(&Filter::all()).cloned().collect()
        };
        let rows = rows.iter().filter(|row| {
            wanted.iter().all(|(column, values)| {
                row.get(*column).is_some_and(|value| values.contains(&shown(value, *column)))
            })
        });
        let rows = rows.map(|row| places.iter().map(|place| shown(&row[*place], *place)).collect()).collect();
        let found = Table { columns: expected.columns.clone(), rows };
        Ok(expected.difference(&found).map(|lines| {
            let message =
                format!("the rows of `{}` are not the expected ones\n{}", expect.view, lines.join("\n"));
            Differs { message, found }
        }))
    }
}

/// A value of `where` as it is shown in a table.
fn written(value: &Json) -> String {
    match value {
        Json::Null => "-".to_owned(),
        Json::String(text) => cell(&Value::text(text), catalog::ColumnType::Text, 0, 1),
        value => Value::from_json(value).map_or_else(|| value.to_string(), |value| value.to_string()),
    }
}

async fn opened(world: &LoadedWorld, data: Option<&Path>, start: Tick) -> Result<RunningRealm, String> {
    let name = Sym::new(&world.world.name);
    let config = RealmConfig {
        folder: data.map(Path::to_owned),
        mode: Mode::Manual { start },
        ..RealmConfig::in_memory(name, Arc::clone(&world.world))
    };
    open(config, graphs(name)).await.map_err(|error| error.to_string())
}

fn copy_folder(from: &Path, to: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let copy = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            std::fs::create_dir_all(&copy)?;
            copy_folder(&entry.path(), &copy)?;
        } else {
            std::fs::copy(entry.path(), &copy)?;
        }
    }
    Ok(())
}

/// Why something is not taken.
#[derive(Clone, Debug)]
struct Refused {
    code: String,
    /// In words.
    told: String,
}

impl From<&Refusal> for Refused {
    fn from(refusal: &Refusal) -> Refused {
        let Refusal { code, path, reason, hint, .. } = refusal;
        let at = if path.is_empty() { String::new() } else { format!(" at `{path}`") };
        let told = format!("what is sent is refused{at}: {code}: {reason}\nhint: {hint}");
        Refused { code: (*code).to_owned(), told }
    }
}

fn refusal(outcome: Outcome) -> Option<Refused> {
    match outcome {
        Outcome::Accepted { .. } | Outcome::Duplicate { .. } => None,
        Outcome::Refused(refusal) => Some(Refused::from(&*refusal)),
        Outcome::Denied(denied) => Some(Refused::from(&denied.0)),
    }
}
