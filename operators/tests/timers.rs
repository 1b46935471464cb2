//! Timers against a naive list of deadlines.

use std::collections::BTreeMap;

use proptest::prelude::*;
use worldflow_operators::timers::Timers;

proptest! {
    #[test]
    fn timers_agree_with_a_list(script in prop::collection::vec((0u8..8, 0u64..40, 0u8..3), 1..200)) {
        let mut timers: Timers<u8> = Timers::default();
        let mut list: BTreeMap<u8, u64> = BTreeMap::new();
        for (key, tick, what) in script {
            match what {
                0 => {
                    timers.set(key, tick);
                    list.insert(key, tick);
                }
                1 => prop_assert_eq!(timers.cancel(&key), list.remove(&key)),
                _ => {
                    let mut due: Vec<(u64, u8)> =
                        list.iter().filter(|(_, at)| **at <= tick).map(|(key, at)| (*at, *key)).collect();
                    due.sort_unstable();
                    list.retain(|_, at| *at > tick);
                    let popped: Vec<(u64, u8)> = std::iter::from_fn(|| timers.pop_due(tick)).collect();
                    prop_assert_eq!(popped, due);
                }
            }
            prop_assert_eq!(timers.first(), list.values().min().copied());
            prop_assert_eq!(timers.get(&key), list.get(&key).copied());
            prop_assert_eq!((timers.len(), timers.is_empty()), (list.len(), list.is_empty()));
        }
    }
}
