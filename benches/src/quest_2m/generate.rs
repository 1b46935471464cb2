//! Generates the workload: a function of the seed, written once.

use std::io::Write;
use std::path::Path;

use rustc_hash::FxHashMap;
use worldflow_schemas::chance::draw;
use worldflow_schemas::{Event, EventId, Sym};
use worldflow_sources::recording::{BinaryReader, BinaryWriter};

use super::world::{
    Counts, KINDS, OBJECTIVES, QUESTS, TARGETS, kind_name, objectives, quest_name, target_name, zipf,
    zipf_weights,
};

const SEED: u64 = 2_000_001;
const PLAYERS: usize = 50_000;
const EVENTS_PER_MS: u64 = 100;
const MOST_ACTIVE: usize = 10;
/// 2024-01-01T00:00:00Z.
const START_MS: i64 = 1_704_067_200_000;

/// What was generated.
pub(super) struct Made {
    pub(super) events: u64,
    pub(super) accepts: u64,
    pub(super) matched_percent: f64,
}

/// What the generator knows of a player, so that at most ten quests are active.
#[derive(Default)]
struct Player {
    events: u32,
    accepted: usize,
    active: Vec<(usize, [u32; OBJECTIVES])>,
}

pub(super) fn generate(folder: &Path, path: &Path, events: u64) -> anyhow::Result<Made> {
    std::fs::create_dir_all(folder)?;
    let unfinished = path.with_extension("part");
    let source = Sym::new("bots");
    let mut writer = BinaryWriter::create(&unfinished, source)?;
    let counted = objectives();
    let players = zipf_weights(PLAYERS, 0.8);
    let (kinds, targets) = (zipf_weights(KINDS, 1.0), zipf_weights(TARGETS, 1.0));
    let kind_syms: Vec<Sym> = (0..KINDS).map(|kind| Sym::new(&kind_name(kind))).collect();
    let target_syms: Vec<Sym> = (0..TARGETS).map(|target| Sym::new(&target_name(target))).collect();
    let quest_syms: Vec<Sym> = (0..QUESTS).map(|quest| Sym::new(&quest_name(quest))).collect();
    let accept = Sym::new("quest.accept");
    let mut known: FxHashMap<usize, Player> = FxHashMap::default();
    let (mut accepts, mut matched, mut block) = (0, 0_u64, Vec::new());
    for number in 0..events {
        let who = zipf(&players, draw(SEED, "player", "", number));
        let player = known.entry(who).or_default();
        let mut event = Event {
            at_ms: START_MS + i64::try_from(number / EVENTS_PER_MS)?,
            source,
            id: EventId::Position(number + 1),
            player: Sym::new(&format!("player{who:05}")),
            kind: accept,
            target: Sym::NONE,
            region: Sym::NONE,
            amount: 1,
            with: None,
        };
        // A player begins with a quest and takes up another every third event until ten are open.
        let due =
            player.events.is_multiple_of(3) && player.active.len() < MOST_ACTIVE && player.accepted < QUESTS;
        player.events += 1;
        if due {
            let quest = (who * 7 + player.accepted) % QUESTS;
            player.accepted += 1;
            player.active.push((quest, [0; OBJECTIVES]));
            event.target = quest_syms[quest];
            accepts += 1;
        } else {
            let kind = zipf(&kinds, draw(SEED, "kind", "", number));
            let target = zipf(&targets, draw(SEED, "target", "", number));
            (event.kind, event.target) = (kind_syms[kind], target_syms[target]);
            matched += u64::from(count(player, &counted, kind, target));
        }
        block.push(event);
        if block.len() == 65_536 {
            writer.write(&block, &[])?;
            block.clear();
        }
    }
    writer.write(&block, &[])?;
    writer.finish()?;
    std::fs::rename(unfinished, path)?;
    #[expect(clippy::cast_precision_loss, reason = "a percentage for people")]
    let matched_percent = matched as f64 * 100.0 / events as f64;
    Ok(Made { events, accepts, matched_percent })
}

/// Counts an event for a player; whether anything counted it.
fn count(player: &mut Player, counted: &[[Counts; OBJECTIVES]], kind: usize, target: usize) -> bool {
    let mut any = false;
    player.active.retain_mut(|(quest, values)| {
        for (counts, value) in counted[*quest].iter().zip(values.iter_mut()) {
            if *value < counts.need && counts.accepts(kind, target) {
                *value += 1;
                any = true;
            }
        }
        !counted[*quest].iter().zip(&*values).all(|(counts, value)| *value >= counts.need)
    });
    any
}

/// Writes the events of a binary file as worldflow's own lines.
pub(super) fn write_ndjson(from: &Path, to: &Path) -> anyhow::Result<()> {
    let mut reader = BinaryReader::open(from)?;
    let mut file = std::io::BufWriter::with_capacity(1 << 20, std::fs::File::create(to)?);
    while let Some(block) = reader.next_block()? {
        for event in block.events {
            writeln!(
                file,
                r#"{{"at":{},"player":"{}","kind":"{}","target":"{}"}}"#,
                event.at_ms, event.player, event.kind, event.target
            )?;
        }
    }
    file.flush()?;
    Ok(())
}
