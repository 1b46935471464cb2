//! What the page is sent: one JSON object, made from the view store at one tick.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value as Json, json};
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;
use worldflow_engine::realm::Realm;
use worldflow_engine::view_store::Filter;
use worldflow_schemas::catalog::{
    ENGINE_STATS, GRANTS, NPC_LINES, PRESENCE, QUEST_STATE, REJECTIONS, SESSIONS, SPENDING, TIER_STATES,
    TIERS,
};
use worldflow_schemas::{Sym, Tick, Value};

use super::fold::{Counts, Folded, Funnel, Recent};
use super::weather;
use crate::answers::Answered;
use crate::health::sink_json;
use crate::http_views::row_json;
use crate::sql::SinkStatus;

/// How often viewers are told.
const EVERY: Duration = Duration::from_millis(250);
/// How often the statistics are noted, viewers or not.
const TICKS_PER_SAMPLE: u32 = 4;
/// How many samples the sparklines show.
const SAMPLES: usize = 120;
/// The statistics that have a sparkline.
const SPARKS: [&str; 2] = ["inputs_per_s", "tick_latency_p99_ms"];
/// Days of spending are those of UTC.
const DAY_MS: u64 = 86_400_000;
/// Lines and rejections shown.
const MOST_ROWS: usize = 20;

/// Starts a feed. It ends when the realm does.
pub(super) fn open(
    realm: Realm,
    realms: Vec<Sym>,
    sinks: Vec<watch::Receiver<SinkStatus>>,
    answered: Option<watch::Receiver<Arc<Answered>>>,
) -> watch::Receiver<Arc<str>> {
    let (told, seen) = watch::channel(Arc::<str>::from(""));
    let mut feed = Feed {
        online: Folded::new(PRESENCE),
        grants: Folded::new(GRANTS),
        funnel: Folded::new(QUEST_STATE),
        lines: Folded::new(NPC_LINES),
        rejections: Folded::new(REJECTIONS),
        sessions: Folded::new(SESSIONS),
        samples: VecDeque::new(),
        realm,
        realms,
        sinks,
        answered,
    };
    tokio::spawn(async move {
        let mut every = tokio::time::interval(EVERY);
        every.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for count in 0u32.. {
            every.tick().await;
            if feed.realm.progress.has_changed().is_err() {
                break;
            }
            if count % TICKS_PER_SAMPLE == 0 {
                feed.sample();
            }
            // One receiver is kept by the router, to make others from.
            if told.receiver_count() <= 1 {
                continue;
            }
            // The first look at a large view takes a while; the runtime's threads serve sockets.
            let made = tokio::task::spawn_blocking(move || {
                let text = feed.json().to_string();
                (feed, text)
            });
            let Ok((same, text)) = made.await else { break };
            feed = same;
            told.send_replace(text.into());
        }
    });
    seen
}

struct Feed {
    realm: Realm,
    realms: Vec<Sym>,
    sinks: Vec<watch::Receiver<SinkStatus>>,
    answered: Option<watch::Receiver<Arc<Answered>>>,
    /// By game server.
    online: Folded<Counts<2>>,
    /// By status.
    grants: Folded<Counts<10>>,
    funnel: Folded<Funnel>,
    /// By tick.
    lines: Folded<Recent<8>>,
    /// By time.
    rejections: Folded<Recent<7>>,
    /// By role.
    sessions: Folded<Counts<2>>,
    samples: VecDeque<[Json; SPARKS.len()]>,
}

impl Feed {
    fn stat(&self, name: &str) -> Json {
        let key = [Value::id(self.realm.name), Value::Sym(name.into())];
        let stats = self.realm.views.read(ENGINE_STATS);
        stats.get(&key).map_or(Json::Null, |row| row[2].to_json())
    }

    /// The tiers, by name, with what each has cost today, and why one may not be asked. The page shows the columns that it knows.
    fn tiers(&self, tick: Tick) -> Json {
        let today_ms = tick.saturating_mul(self.realm.world.tick_ms.into()) / DAY_MS * DAY_MS;
        let spent = self.realm.views.read(SPENDING);
        let money = SPENDING.def().column("money").expect("the catalog has it");
        let cost = |tier: &Value| {
            let key = [
                Value::id(self.realm.name),
                Value::Sym(Sym::new("tier")),
                tier.clone(),
                Value::count(today_ms),
            ];
            spent.get(&key).map_or(Json::Null, |row| row[money].to_json())
        };
        let states = self.realm.views.read(TIER_STATES);
        let why = TIER_STATES.def().column("why").expect("the catalog has it");
        let closed = |tier: &Value| {
            let key = [Value::id(self.realm.name), tier.clone()];
            states.get(&key).map_or(Json::Null, |row| row[why].to_json())
        };
        let (view, all) = (self.realm.views.read(TIERS), Filter::all());
        let name = TIERS.def().column("tier").expect("the catalog has it");
        let rows = view.rows(&all).map(|row| {
            let mut json = row_json(TIERS.def(), row);
            json.insert("cost_today".to_owned(), cost(&row[name]));
            json.insert("closed".to_owned(), closed(&row[name]));
            (row[name].as_str().unwrap_or_default().to_owned(), Json::Object(json))
        });
        rows.collect::<BTreeMap<_, _>>().into_values().collect()
    }

    fn sample(&mut self) {
        self.samples.push_back(SPARKS.map(|name| self.stat(name)));
        if self.samples.len() > SAMPLES {
            self.samples.pop_front();
        }
    }

    fn json(&mut self) -> Json {
        let realm = &self.realm;
        let progress = *realm.progress.borrow();
        let tick = progress.tick;
        self.online.advance(realm, tick);
        self.grants.advance(realm, tick);
        self.funnel.advance(realm, tick);
        self.lines.advance(realm, tick);
        self.rejections.advance(realm, tick);
        self.sessions.advance(realm, tick);
        let grants = ["pending", "delivered", "refused"].map(|status| (status, self.grants.fold.of(status)));
        let sparks = SPARKS.iter().enumerate().map(|(place, name)| {
            let samples: Vec<&Json> = self.samples.iter().map(|sample| &sample[place]).collect();
            ((*name).to_owned(), json!({"now": self.stat(name), "samples": samples}))
        });
        json!({
            "realm": realm.name.as_str(),
            "realms": self.realms.iter().map(|name| name.as_str()).collect::<Vec<_>>(),
            "world": realm.world.name,
            "tick": tick,
            "utc_ms": progress.utc_ms,
            "tick_ms": realm.world.tick_ms,
            "clock": weather::clock(realm, tick),
            "zones": weather::zones(realm, tick),
            "quests": self.funnel.fold.json(),
            "players": self.online.fold.sum(),
            "sessions": self.sessions.fold.sum(),
            "grants": grants.into_iter().map(|(status, count)| (status.to_owned(), count.into())).collect::<Map<_, _>>(),
            "sparks": sparks.collect::<Map<_, _>>(),
            "lines": self.lines.fold.json(NPC_LINES.def(), MOST_ROWS),
            "tiers": self.tiers(tick),
            "answered": self.answered.as_ref().map(|answered| answered.borrow().json()),
            "rejections": self.rejections.fold.json(REJECTIONS.def(), MOST_ROWS),
            "sinks": self.sinks.iter().map(|sink| sink_json(&sink.borrow())).collect::<Vec<_>>(),
        })
    }
}
