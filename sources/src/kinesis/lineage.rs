//! The shards of a stream and what came of what: which may be read now, and from where.
//!
//! `listing ─▶ shards with their parents ─all parents read to their ends?→ ready`. A shard that is split or
//! merged is closed, and its keys go on in its children; so that events of a key stay in order, no child
//! is read before its parents are finished. Plain state; it reads nothing itself.

use std::collections::BTreeMap;

use worldflow_schemas::ArcStr;

use super::position::Position;

/// A shard as the stream lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) id: ArcStr,
    /// What it came of: one shard by a split, two by a merge.
    pub(super) parents: Vec<ArcStr>,
    /// The hashes of its keys, both ends included.
    pub(super) hashes: (u128, u128),
}

/// Where a stream is read from that has never been read before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// The oldest record that is kept.
    TrimHorizon,
    /// What comes from now on.
    Latest,
    /// What has come since this UTC millisecond.
    At(i64),
}

/// What became known by a listing.
#[derive(Debug, PartialEq)]
pub(super) enum News {
    /// A shard begins here.
    Begins(ArcStr, Position),
    /// A shard is no longer kept, and was read to its end.
    Gone(ArcStr),
    /// A shard is no longer kept, and had not been read to its end.
    Lost(ArcStr),
}

#[derive(Debug)]
struct Shard {
    /// As it was last listed; `None` before the first listing.
    listed: Option<Listed>,
    position: Position,
    reading: bool,
}

/// The shards of a stream that are known.
#[derive(Debug)]
pub(super) struct Lineage {
    /// Where to begin, until the first listing of a stream that has never been read.
    start: Option<Position>,
    shards: BTreeMap<ArcStr, Shard>,
}

impl Lineage {
    /// With what the journal holds; a stream of which it holds nothing begins as is said.
    pub(super) fn new(start: Start, now_ms: i64, known: BTreeMap<ArcStr, Position>) -> Lineage {
        let start = match start {
            Start::TrimHorizon => Position::Horizon,
            Start::Latest => Position::Latest(now_ms),
            Start::At(ms) => Position::At(ms),
        };
        let shard = |position| Shard { listed: None, position, reading: false };
        Lineage {
            start: known.is_empty().then_some(start),
            shards: known.into_iter().map(|(id, position)| (id, shard(position))).collect(),
        }
    }

    /// Takes in all shards of the stream.
    pub(super) fn list(&mut self, listed: Vec<Listed>) -> Vec<News> {
        let mut news = Vec::new();
        // Shards that come later have come of others, or been added, and are read from their beginning.
        let begin = self.start.take().unwrap_or(Position::Horizon);
        self.shards.retain(|id, shard| {
            if shard.reading || listed.iter().any(|listed| listed.id == *id) {
                return true;
            }
            let finished = shard.position == Position::End;
            news.push(if finished { News::Gone(id.clone()) } else { News::Lost(id.clone()) });
            false
        });
        for listed in listed {
            match self.shards.get_mut(&listed.id) {
                Some(shard) => shard.listed = Some(listed),
                None => {
                    news.push(News::Begins(listed.id.clone(), begin.clone()));
                    let (id, position) = (listed.id.clone(), begin.clone());
                    self.shards.insert(id, Shard { listed: Some(listed), position, reading: false });
                }
            }
        }
        news
    }

    /// The shards that can be read from now on; whoever asks reads them.
    pub(super) fn ready(&mut self) -> Vec<(Listed, Position)> {
        let open = |id: &ArcStr| self.shards.get(id).is_some_and(|shard| shard.position != Position::End);
        let ready: Vec<ArcStr> = (self.shards.iter())
            .filter(|(_, shard)| !shard.reading && shard.position != Position::End)
            .filter(|(_, shard)| shard.listed.as_ref().is_some_and(|listed| !listed.parents.iter().any(open)))
            .map(|(id, _)| id.clone())
            .collect();
        let mut begun = Vec::with_capacity(ready.len());
        for id in ready {
            if let Some(shard) = self.shards.get_mut(&id)
                && let Some(listed) = shard.listed.clone()
            {
                shard.reading = true;
                begun.push((listed, shard.position.clone()));
            }
        }
        begun
    }

    /// A shard has been read to its end.
    pub(super) fn end(&mut self, id: &str) {
        if let Some(shard) = self.shards.get_mut(id) {
            shard.position = Position::End;
            shard.reading = false;
        }
    }

    /// The hashes of a shard's keys.
    pub(super) fn hashes(&self, id: &str) -> Option<(u128, u128)> {
        self.shards.get(id)?.listed.as_ref().map(|listed| listed.hashes)
    }

    /// How many shards are being read.
    pub(super) fn reading(&self) -> usize {
        self.shards.values().filter(|shard| shard.reading).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shard(id: &str, parents: &[&str]) -> Listed {
        let parents = parents.iter().map(|parent| (*parent).into()).collect();
        Listed { id: id.into(), parents, hashes: (0, u128::MAX) }
    }

    fn ready(lineage: &mut Lineage) -> Vec<(String, String)> {
        let ready = lineage.ready().into_iter();
        ready.map(|(listed, position)| (listed.id.to_string(), position.to_string())).collect()
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
    }

    #[test]
    fn children_are_read_from_their_beginning_once_all_their_parents_are_finished() {
        let mut lineage = Lineage::new(Start::At(5), 9, BTreeMap::new());
        lineage.list(vec![shard("a", &[]), shard("b", &[])]);
        assert_eq!(ready(&mut lineage), pairs(&[("a", "at:5"), ("b", "at:5")]));
        assert_eq!(ready(&mut lineage), []);
        let news = lineage.list(vec![shard("a", &[]), shard("b", &[]), shard("ab", &["a", "b"])]);
        assert_eq!(news, [News::Begins("ab".into(), Position::Horizon)]);
        lineage.end("a");
        assert_eq!(ready(&mut lineage), []);
        lineage.end("b");
        assert_eq!(ready(&mut lineage), pairs(&[("ab", "horizon")]));
        assert_eq!(lineage.reading(), 1);
    }

    #[test]
    fn a_restart_goes_on_where_each_shard_was() {
        let known = [("a", Position::End), ("c", Position::After("7".into()))];
        let known = known.into_iter().map(|(id, position)| (id.into(), position)).collect();
        let mut lineage = Lineage::new(Start::Latest, 9, known);
        let listed =
            || vec![shard("a", &[]), shard("b", &["a"]), shard("c", &["a"]), shard("d", &["b", "c"])];
        let news = lineage.list(listed());
        assert_eq!(
            news,
            [News::Begins("b".into(), Position::Horizon), News::Begins("d".into(), Position::Horizon)]
        );
        assert_eq!(ready(&mut lineage), pairs(&[("b", "horizon"), ("c", "after:7")]));
    }

    #[test]
    fn shards_that_are_no_longer_kept_are_forgotten_and_their_children_go_on() {
        let known = [("a", Position::End), ("b", Position::After("7".into()))];
        let known = known.into_iter().map(|(id, position)| (id.into(), position)).collect();
        let mut lineage = Lineage::new(Start::TrimHorizon, 9, known);
        let news = lineage.list(vec![shard("c", &["a"]), shard("d", &["b"])]);
        assert_eq!(news[..2], [News::Gone("a".into()), News::Lost("b".into())]);
        assert_eq!(ready(&mut lineage), pairs(&[("c", "horizon"), ("d", "horizon")]));
    }

    #[test]
    fn what_is_the_latest_is_so_for_every_shard_of_the_first_listing() {
        let mut lineage = Lineage::new(Start::Latest, 9, BTreeMap::new());
        let news = lineage.list(vec![shard("a", &[])]);
        assert_eq!(news, [News::Begins("a".into(), Position::Latest(9))]);
    }
}
