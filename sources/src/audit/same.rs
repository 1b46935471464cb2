//! Acts that are alike: the first few of a minute are written out, the rest is counted.

use std::net::IpAddr;
use std::time::Duration;

use rustc_hash::FxHashMap;

use super::Act;

/// How long acts are counted together.
pub(super) const MINUTE: Duration = Duration::from_secs(60);

/// So many alike are written out in a minute.
pub(super) const FEW: u64 = 10;

/// So many kinds of acts are told apart in a minute; what is of yet another kind is counted as one.
pub(super) const MOST_KINDS: usize = 500;

/// What makes acts alike.
#[derive(PartialEq, Eq, Hash)]
struct Kind {
    act: &'static str,
    realm: Option<String>,
    role: Option<&'static str>,
    subject: Option<String>,
    ip: Option<IpAddr>,
    code: Option<String>,
}

/// How often what was done in this minute.
#[derive(Default)]
pub(super) struct Same {
    /// With the last one of each kind.
    kinds: FxHashMap<Kind, (u64, Option<Act>)>,
    others: u64,
}

impl Same {
    /// Counts an act. Whether it is to be written out.
    pub(super) fn is_one_of_few(&mut self, act: &Act) -> bool {
        let kind = Kind {
            act: act.act,
            realm: act.realm.clone(),
            role: act.role,
            subject: act.subject.clone(),
            ip: act.from.map(|from| from.ip()),
            code: act.code.clone(),
        };
        if self.kinds.len() >= MOST_KINDS && !self.kinds.contains_key(&kind) {
            self.others += 1;
            return false;
        }
        let (count, last) = self.kinds.entry(kind).or_default();
        *count += 1;
        let few = *count <= FEW;
        if !few {
            *last = Some(act.clone());
        }
        few
    }

    /// What has been counted and not written out, each with how often: `times`. A minute ends.
    pub(super) fn counted(&mut self) -> Vec<Act> {
        let alike = std::mem::take(&mut self.kinds).into_values();
        let mut acts: Vec<Act> =
            alike.filter_map(|(count, last)| Some(last?.with("times", count - FEW))).collect();
        let others = std::mem::take(&mut self.others);
        if others > 0 {
            acts.push(Act::new("others").with("times", others));
        }
        acts
    }
}
