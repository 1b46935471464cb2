//! A realm whose requests the test writes and whose replies it reads.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::{broadcast, mpsc, watch};
use worldflow_engine::admission::{Admission, Batch};
use worldflow_engine::observed::Observed;
use worldflow_engine::realm::{Progress, Realm};
use worldflow_engine::view_store::ViewStore;
use worldflow_schemas::catalog::{ENTITIES, NPC_REQUESTS, NPC_SENTENCES, TIER_STATES, TIERS};
use worldflow_schemas::input::{Reply, Sentence};
use worldflow_schemas::{Command, EventId, Input, Row, Sym, Tick, Value};
use worldflow_sinks::simulated_tier::SimulatedTier;
use worldflow_sinks::tiers::Tiers;

use crate::soon;

/// What is asked.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    pub(crate) number: u64,
    pub(crate) said: String,
    pub(crate) persona: &'static str,
    pub(crate) tier: Option<&'static str>,
    pub(crate) budget_ms: Option<i64>,
    pub(crate) patience_ms: i64,
    pub(crate) max_tokens: i64,
    pub(crate) priority: &'static str,
    pub(crate) digest: Option<&'static str>,
    pub(crate) parameters: serde_json::Value,
}

impl Wish {
    /// A wish for a few words, with time.
    pub(crate) fn new(number: u64, said: &str) -> Wish {
        Wish {
            number,
            said: said.to_owned(),
            persona: "You are the smith.",
            tier: Some("gold"),
            budget_ms: Some(5_000),
            patience_ms: 10_000,
            max_tokens: 12,
            priority: "normal",
            digest: None,
            parameters: json!({"form": "line"}),
        }
    }

    pub(crate) fn row(&self, tick: Tick) -> Row {
        let messages =
            json!([{"role": "system", "content": self.persona}, {"role": "user", "content": self.said}]);
        let tick = i64::try_from(tick).expect("few ticks");
        Row::from([
            Value::Sym(Sym::new("fake")),
            Value::text(&format!("smith/ada/{}", self.number)),
            Value::Sym(Sym::new("smith")),
            Value::Sym(Sym::new("ada")),
            self.tier.map_or(Value::Null, |tier| Value::Sym(Sym::new(tier))),
            Value::text(&messages.to_string()),
            Value::Int(self.max_tokens),
            Value::Int(tick),
            Value::Int(tick + self.patience_ms / 10),
            self.budget_ms.map_or(Value::Null, Value::Int),
            Value::Sym(Sym::new(self.priority)),
            self.digest.map_or(Value::Null, Value::text),
            Value::Null,
            Value::Null,
            Value::Null,
            Value::text(&self.parameters.to_string()),
        ])
    }
}

pub(crate) struct Fake {
    pub(crate) realm: Realm,
    progress: watch::Sender<Progress>,
    pub(crate) batches: mpsc::Receiver<Batch>,
    tick: Tick,
    /// Replies that have come and were not looked at.
    waiting: VecDeque<Reply>,
    /// The sentences that have come.
    pub(crate) sentences: Vec<Sentence>,
    /// The last rows of the view `tiers`.
    told: BTreeMap<String, Row>,
    /// The rows of the view `tier_states`.
    gates: BTreeMap<&'static str, Row>,
}

impl Fake {
    pub(crate) fn new(tiers: serde_json::Value, most_changes: usize) -> Fake {
        // What is said is nonsense, and long.
        let guard =
            json!({"most": {"graphemes": 4000, "sentences": 32}, "repetition": {"percent": 0, "lines": 8}});
        let world = json!({"name": "fake", "seed": 1, "tiers": tiers, "guard": guard});
        let (progress, seen) = watch::channel(Progress::default());
        let (admission, batches) = Admission::open();
        let realm = Realm {
            name: Sym::new("fake"),
            epoch: 1,
            world: Arc::new(serde_json::from_value(world).expect("a world")),
            views: Arc::new(ViewStore::new(most_changes)),
            admission,
            progress: seen,
            events: broadcast::channel(1).0,
            observed: Observed::new(Sym::new("fake")),
            defined: Default::default(),
            privacy: worldflow_engine::privacy::Privacy::none(),
        };
        Fake {
            realm,
            progress,
            batches,
            tick: 0,
            waiting: VecDeque::new(),
            sentences: Vec::new(),
            told: BTreeMap::new(),
            gates: BTreeMap::new(),
        }
    }

    pub(crate) fn open(&self) -> Tiers {
        let variable = |name: &str| (name == "GOLD_KEY").then(|| "s3cret".to_owned());
        Tiers::open(self.realm.clone(), None, variable).expect("the tiers are well formed")
    }

    /// A tick in which these requests appear and those go, without telling anyone.
    pub(crate) fn apply(&mut self, come: &[&str], go: &[&str]) {
        self.tick += 1;
        let come = come.iter().map(|said| (NPC_REQUESTS, row(said), 1));
        let go = go.iter().map(|said| (NPC_REQUESTS, row(said), -1));
        self.realm.views.apply(self.tick, come.chain(go));
    }

    pub(crate) fn tell(&self) {
        self.progress.send_replace(Progress { tick: self.tick, utc_ms: 0 });
    }

    pub(crate) fn tick(&mut self, come: &[&str], go: &[&str]) {
        self.apply(come, go);
        self.tell();
    }

    /// A tick in which the realm closes a tier, or opens it.
    pub(crate) fn gate(&mut self, tier: &'static str, open: bool) {
        self.tick += 1;
        let why = if open { Value::Null } else { Value::Sym(Sym::new("tier_off")) };
        let row = Row::from([
            Value::Sym(self.realm.name),
            Value::Sym(Sym::new(tier)),
            Value::Bool(open),
            why,
            Value::count(self.tick),
        ]);
        let before = self.gates.insert(tier, row.clone()).map(|row| (TIER_STATES, row, -1));
        self.realm.views.apply(self.tick, before.into_iter().chain([(TIER_STATES, row, 1)]));
        self.tell();
    }

    /// A tick in which this is wished for.
    pub(crate) fn wish(&mut self, wishes: &[Wish]) {
        self.tick += 1;
        let rows = wishes.iter().map(|wish| (NPC_REQUESTS, wish.row(self.tick), 1));
        self.realm.views.apply(self.tick, rows);
        self.tell();
    }

    /// A tick in which these sentences of Ada's and the smith's first line were said, and its end not.
    pub(crate) fn heard_before(&mut self, sentences: &[&str]) {
        self.tick += 1;
        let row = |(place, said): (i64, &&str)| {
            let value = |column: &str| match column {
                "realm" => Value::Sym(self.realm.name),
                "player" => Value::Sym(Sym::new("ada")),
                "npc" => Value::Sym(Sym::new("smith")),
                "line" => Value::Int(1),
                "sentence" => Value::Int(place),
                "text" => Value::text(said),
                "last" => Value::Bool(false),
                _ => Value::Null,
            };
            (
                NPC_SENTENCES,
                NPC_SENTENCES.def().columns.iter().map(|column| value(column.name)).collect::<Row>(),
                1,
            )
        };
        self.realm.views.apply(self.tick, (0..).zip(sentences).map(row));
        self.tell();
    }

    /// A tick in which this is wished for with these sections in place of its own.
    pub(crate) fn wish_with(&mut self, wish: &Wish, sections: &serde_json::Value) {
        self.tick += 1;
        let mut row = wish.row(self.tick).to_vec();
        row[NPC_REQUESTS.def().column("messages").expect("a column")] = Value::text(&sections.to_string());
        self.realm.views.apply(self.tick, [(NPC_REQUESTS, Row::new(row), 1)]);
        self.tell();
    }

    /// A tick in which these are entities, with their properties.
    pub(crate) fn entities(&mut self, entities: &[(&str, serde_json::Value)]) {
        self.tick += 1;
        let row = |(id, properties): &(&str, serde_json::Value)| {
            let value = |column: &str| match column {
                "realm" => Value::Sym(self.realm.name),
                "entity" => Value::Sym(Sym::new(id)),
                "kind" => Value::Sym(Sym::new("npc")),
                "properties" => Value::text(&properties.to_string()),
                _ => Value::Null,
            };
            let columns = ENTITIES.def().columns.iter();
            (ENTITIES, columns.map(|column| value(column.name)).collect::<Row>(), 1)
        };
        self.realm.views.apply(self.tick, entities.iter().map(row));
        self.tell();
    }

    /// A tick in which this is wished for no longer.
    pub(crate) fn take_back(&mut self, wishes: &[Wish]) {
        self.tick += 1;
        let of = |wish: &Wish| {
            let view = self.realm.views.read(NPC_REQUESTS);
            let request = Value::text(&format!("smith/ada/{}", wish.number));
            view.get(&[Value::Sym(self.realm.name), request]).cloned()
        };
        let rows: Vec<Row> = wishes.iter().filter_map(of).collect();
        self.realm.views.apply(self.tick, rows.into_iter().map(|row| (NPC_REQUESTS, row, -1)));
        self.tell();
    }

    /// Looks at what has come, without waiting for more.
    pub(crate) fn drain(&mut self) {
        while let Ok(batch) = self.batches.try_recv() {
            self.take(&batch);
        }
    }

    /// Asks for one thing and gives what became of it.
    pub(crate) async fn asked(&mut self, wish: Wish) -> Reply {
        self.wish(&[wish]);
        self.any_reply().await
    }

    /// The next reply, as it would be sealed.
    pub(crate) async fn any_reply(&mut self) -> Reply {
        loop {
            if let Some(reply) = self.waiting.pop_front() {
                return reply;
            }
            let batch = soon(self.batches.recv()).await.expect("the realm is open");
            self.take(&batch);
        }
    }

    fn take(&mut self, batch: &Batch) {
        for item in &batch.items {
            let (tier, id) = match &item.input {
                Input::Command(Command::Reply(reply)) => {
                    self.waiting.push_back(reply.clone());
                    (reply.tier, reply.request.to_string())
                }
                Input::Command(Command::Sentence(sentence)) => {
                    self.sentences.push(sentence.clone());
                    (sentence.tier, format!("{}#{}", sentence.request, sentence.index))
                }
                other => panic!("a reply or a sentence, not {other:?}"),
            };
            assert_eq!(item.id, EventId::Named(id.into()));
            let source = if tier.is_none() { "tiers".to_owned() } else { format!("tier:{tier}") };
            assert_eq!(batch.source, Sym::new(&source));
        }
    }

    /// The next reply, of gold.
    pub(crate) async fn reply(&mut self) -> Reply {
        let reply = self.any_reply().await;
        assert_eq!(reply.tier, Sym::new("gold"));
        reply
    }

    /// Why the next reply failed.
    pub(crate) async fn failure(&mut self) -> String {
        self.reply().await.outcome.expect_err("a failed reply").to_string()
    }

    /// Waits until the view `tiers` tells this of a tier.
    pub(crate) async fn told(&mut self, tier: &str, column: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let place = TIERS.def().column(column).expect("a column");
        let look = async {
            loop {
                for (view, row, diff) in self.realm.observed.drain() {
                    if view == TIERS && diff > 0 {
                        self.told.insert(row[1].to_string(), row);
                    }
                }
                let value = self.told.get(tier).map(|row| row[place].clone());
                if let Some(value) = value.filter(&wanted) {
                    return value;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        soon(look).await
    }
}

/// A request by its number and what the player said, as `3:hello`; it goes by its number.
fn row(said: &str) -> Row {
    let (number, text) = said.split_once(':').expect("a number and a text");
    let number: i64 = number.parse().expect("a number");
    let wish = Wish { max_tokens: 48, budget_ms: None, ..Wish::new(number.unsigned_abs(), text) };
    let mut row = wish.row(1).to_vec();
    row[8] = Value::Int(1_000 + number);
    Row::new(row)
}

/// A definition of tiers: each with its servers and more keys.
pub(crate) fn tiers(of: &[(&str, &[&SimulatedTier], serde_json::Value)]) -> serde_json::Value {
    let mut tiers = json!({});
    for (name, servers, more) in of {
        let urls: Vec<String> = servers.iter().map(|server| server.url()).collect();
        tiers[name] = json!({"url": urls, "model": "simulated", "first_token": "5ms", "ms_per_token": 1});
        for (key, value) in more.as_object().expect("a map") {
            tiers[name][key] = value.clone();
        }
    }
    tiers
}
