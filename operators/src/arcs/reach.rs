//! Which places can be reached from which, over ways: a fixpoint, for the check of arcs before a world runs.
//!
//! `(place, whose) ─over ways, iterated until nothing is new→ every place that is reached, and by whom`
//!
//! Places are numbers of the caller's. Nothing here runs with a realm.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use differential_dataflow::input::Input;
use differential_dataflow::operators::iterate::Iterate;

/// Every (whose, place) that is reached: where each begins, and by ways from a place to a place what follows.
#[must_use]
pub fn reached(ways: Vec<(u64, u64)>, begins: Vec<(u64, u64)>) -> BTreeSet<(u64, u64)> {
    if begins.is_empty() {
        return BTreeSet::new();
    }
    timely::execute_directly(move |worker| {
        let found: Rc<RefCell<Vec<((u64, u64), isize)>>> = Rc::default();
        let note = Rc::clone(&found);
        worker.dataflow::<u64, _, _>(|scope| {
            let (_, ways) = scope.new_collection_from(ways);
            let (_, begins) = scope.new_collection_from(begins);
            let begins = begins.map(|(whose, place)| (place, whose));
            let all = begins.clone().iterate(|inner, reached| {
                let (ways, begins) = (ways.enter(inner), begins.enter(inner));
                reached.join_map(ways, |_, whose, next| (*next, *whose)).concat(begins).distinct()
            });
            let all = all.consolidate();
            all.inspect(move |((place, whose), _, diff)| note.borrow_mut().push(((*whose, *place), *diff)));
        });
        while worker.has_dataflows() {
            worker.step();
        }
        let found = found.borrow();
        found.iter().filter(|(_, diff)| *diff > 0).map(|(reached, _)| *reached).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same, place by place.
    fn walked(ways: &[(u64, u64)], begins: &[(u64, u64)]) -> BTreeSet<(u64, u64)> {
        let mut all: BTreeSet<(u64, u64)> = BTreeSet::new();
        let mut next = begins.to_vec();
        while let Some((whose, place)) = next.pop() {
            if all.insert((whose, place)) {
                next.extend(ways.iter().filter(|(from, _)| *from == place).map(|(_, to)| (whose, *to)));
            }
        }
        all
    }

    #[test]
    fn it_is_what_a_walk_finds_cycles_included() {
        let mut state = 7_u64;
        let mut draw = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        for _ in 0..30 {
            let ways: Vec<(u64, u64)> = (0..draw(25)).map(|_| (draw(12), draw(12))).collect();
            let begins: Vec<(u64, u64)> = (0..draw(5)).map(|_| (draw(3), draw(12))).collect();
            assert_eq!(reached(ways.clone(), begins.clone()), walked(&ways, &begins), "{ways:?} {begins:?}");
        }
        assert_eq!(reached(vec![(0, 1), (1, 0)], vec![(9, 0)]), BTreeSet::from([(9, 0), (9, 1)]));
    }
}
