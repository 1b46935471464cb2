//! Presence and membership: order within a tick, what stays when a player leaves, and the law of
//! base state.

mod support;

use proptest::prelude::*;
use support::{Script, changes, check_law, drive, order};
use worldflow_operators::presence::{PresenceIn, PresenceMachine};
use worldflow_schemas::Sym;
use worldflow_schemas::input::{CloseWrite, Holder, MembershipWrite, PresenceWrite, Scope};

fn machine() -> PresenceMachine {
    PresenceMachine::new(Sym::new("realm"))
}

fn at(id: u64, player: &str, server: &str, region: &str, instance: &str) -> PresenceIn {
    let [player, server, region, instance] = [player, server, region, instance].map(Sym::new);
    PresenceIn::Presence(PresenceWrite { order: order(0, id), player, server, region, instance })
}

fn join(id: u64, player: &str, scope: Scope, group: &str) -> PresenceIn {
    let (player, group) = (Sym::new(player), Sym::new(group));
    PresenceIn::Membership(MembershipWrite { order: order(0, id), player, scope, group })
}

#[test]
fn a_player_who_leaves_is_nowhere_but_stays_in_groups() {
    let script = Script::from([
        (1, vec![join(2, "ada", Scope::Guild, "wardens"), at(1, "ada", "eu-1", "moor", "crypt-7")]),
        (2, vec![at(4, "ada", "", "moor", ""), at(3, "ada", "eu-2", "moor", "")]),
        (3, vec![at(5, "ada", "", "", "")]),
        (4, vec![join(6, "ada", Scope::Guild, "")]),
        (5, vec![join(7, "ada", Scope::Region, "moor")]),
    ]);
    let run = drive(&mut machine(), &script, 0, 9);
    assert_eq!(changes(&run, 1), ["+1 ada eu-1 moor crypt-7 - wardens - 1"]);
    assert_eq!(changes(&run, 2), ["-1 ada eu-1 moor crypt-7 - wardens - 1", "+1 ada - - - - wardens - 2"]);
    assert!(run[&2].out[0].contains("present: false"));
    assert!(run[&3].out.is_empty() && run[&3].base.is_empty(), "leaving twice changes nothing");
    assert_eq!(changes(&run, 4), ["-1 ada - - - - wardens - 2"]);
    assert!(
        run[&4].base.values().all(Option::is_none),
        "nothing is kept of a player of whom nothing is known"
    );
    assert!(run[&5].out[0].contains("wrong_scope") && run[&5].rows.is_empty());
}

fn close(id: u64, scope: Scope, group: &str) -> PresenceIn {
    PresenceIn::Close(CloseWrite { order: order(0, id), group: Holder { scope, id: group.into() } })
}

#[test]
fn whoever_is_in_a_group_that_ends_leaves_it() {
    let script = Script::from([
        (1, vec![join(1, "ada", Scope::Party, "red"), join(2, "bo", Scope::Party, "red")]),
        (2, vec![join(3, "cy", Scope::Party, "red"), close(4, Scope::Party, "red")]),
        (3, vec![join(5, "ada", Scope::Party, "red")]),
        (4, vec![close(6, Scope::Party, "red"), join(7, "ada", Scope::Party, "red")]),
        (5, vec![join(8, "dee", Scope::Guild, "oak"), close(9, Scope::Guild, "oak")]),
    ]);
    let run = drive(&mut machine(), &script, 0, 9);
    assert_eq!(changes(&run, 2), ["-1 ada - - - red - - 1", "-1 bo - - - red - - 1"]);
    assert_eq!(changes(&run, 3), ["+1 ada - - - red - - 3"]);
    assert!(run[&4].rows.is_empty() && run[&4].out[0].contains("ada"), "the group is heard of anew");
    assert!(run[&5].out.is_empty(), "whoever comes and goes within a tick is not heard of");
}

fn input() -> impl Strategy<Value = PresenceIn> {
    let id = |ids: &'static [&'static str]| prop::sample::select(ids.to_vec());
    let player = id(&["ada", "bo", "cy"]);
    let presence =
        (0_u64..99, player.clone(), id(&["", "eu", "us"]), id(&["", "moor", "fen"]), id(&["", "crypt"]));
    let scope = prop::sample::select(vec![Scope::Party, Scope::Guild, Scope::Account, Scope::Instance]);
    let membership = (0_u64..99, player, scope, id(&["", "a", "b"]));
    prop_oneof![
        presence.prop_map(|(id, player, server, region, instance)| at(id, player, server, region, instance)),
        membership.prop_map(|(id, player, scope, group)| join(id, player, scope, group)),
        (0_u64..99, prop::sample::select(vec![Scope::Party, Scope::Instance]), id(&["a", "crypt"]))
            .prop_map(|(id, scope, group)| close(id, scope, group)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn load_and_journal_equal_the_uninterrupted_run(
        script in prop::collection::btree_map(1_u64..20, prop::collection::vec(input(), 1..4), 1..12)
    ) {
        check_law(machine, &script, 22, |_| Vec::new());
    }

    #[test]
    fn a_row_says_the_last_of_everything(
        script in prop::collection::btree_map(1_u64..20, prop::collection::vec(input(), 1..2), 1..12)
    ) {
        let run = drive(&mut machine(), &script, 0, 22);
        let mut servers = std::collections::BTreeMap::new();
        for write in script.values().flatten() {
            if let PresenceIn::Presence(write) = write {
                servers.insert(write.player.to_string(), write.server.to_string());
            }
        }
        for (_, row) in support::rows(&run) {
            let player = row[1].as_str().unwrap_or_default();
            let server = servers.get(player).map(String::as_str).unwrap_or_default();
            prop_assert_eq!(row[2].as_str().unwrap_or_default(), server);
        }
    }
}
