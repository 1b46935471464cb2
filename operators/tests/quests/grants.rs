//! Grants: answered once, and gone when they are old.

use expect_test::expect;

use crate::harness::{Given, World, events};
use crate::{WOLVES, WORLD};

#[test]
fn an_answered_grant_goes_when_it_is_old_and_is_never_written_again() {
    let short = WORLD.replacen('{', r#"{"grants": {"keep": "50ms"}, "#, 1);
    let again = WOLVES.replacen('{', r#"{"repeat": {"always": {}}, "#, 1);
    let mut world = World::with(&short, &[("wolves", &again)]);
    let hunted = || events(["ann quest.accept wolves", "ann kill wolf x3"]);
    let answer = |instance: u32| vec![Given::Answer(format!("wolves/player:ann/{instance}/pelt/ann"), true)];
    let mut text = String::new();
    for (tick, given) in [(2, hunted()), (3, hunted())] {
        text.push_str(&world.step(tick, given));
    }
    let mut pieces = Vec::new();
    for (tick, given) in [(4, answer(1)), (12, answer(2))] {
        text.push_str(&world.step(tick, given));
        pieces.push(world.pieces());
        // How long it stays is known after a restart too.
        world = world.restarted(1);
    }
    assert_eq!(
        pieces[0], pieces[1],
        "one has gone with all that was kept of it, for a sum; another was answered"
    );
    text.push_str(&world.step(13, answer(1)));
    // Its quest is taken away and comes back: its instances go on.
    world.step(14, vec![Given::Define("wolves", None)]);
    world.step(15, vec![Given::Define("wolves", Some(again.clone()))]);
    for tick in 16..20 {
        text.push_str(&world.step(tick, hunted()));
    }
    let grants = text.lines().filter(|line| line.contains("grants") || line.contains("refused"));
    let grants: String = grants.map(|line| format!("{line}\n")).collect();
    expect![[r#"
        2 + grants wolves/player:ann/1/experience/ann wolves player ann 1 experience ann experience 50 pending - 2
        2 + grants wolves/player:ann/1/pelt/ann wolves player ann 1 pelt ann pelt 2 pending - 2
        3 + grants wolves/player:ann/2/experience/ann wolves player ann 2 experience ann experience 50 pending - 3
        3 + grants wolves/player:ann/2/pelt/ann wolves player ann 2 pelt ann pelt 2 pending - 3
        4 - grants wolves/player:ann/1/pelt/ann wolves player ann 1 pelt ann pelt 2 pending - 2
        4 + grants wolves/player:ann/1/pelt/ann wolves player ann 1 pelt ann pelt 2 delivered - 2
        9 - grants wolves/player:ann/1/pelt/ann wolves player ann 1 pelt ann pelt 2 delivered - 2
        9 + past_grants wolves player ann ann pelt 1 2 1
        12 - grants wolves/player:ann/2/pelt/ann wolves player ann 2 pelt ann pelt 2 pending - 3
        12 + grants wolves/player:ann/2/pelt/ann wolves player ann 2 pelt ann pelt 2 delivered - 3
        13 refused unknown_grant: there is no grant `wolves/player:ann/1/pelt/ann`
        16 + grants wolves/player:ann/3/experience/ann wolves player ann 3 experience ann experience 50 pending - 16
        16 + grants wolves/player:ann/3/pelt/ann wolves player ann 3 pelt ann pelt 2 pending - 16
        17 - grants wolves/player:ann/2/pelt/ann wolves player ann 2 pelt ann pelt 2 delivered - 3
        17 - past_grants wolves player ann ann pelt 1 2 1
        17 + grants wolves/player:ann/4/experience/ann wolves player ann 4 experience ann experience 50 pending - 17
        17 + grants wolves/player:ann/4/pelt/ann wolves player ann 4 pelt ann pelt 2 pending - 17
        17 + past_grants wolves player ann ann pelt 2 4 2
        18 + grants wolves/player:ann/5/experience/ann wolves player ann 5 experience ann experience 50 pending - 18
        18 + grants wolves/player:ann/5/pelt/ann wolves player ann 5 pelt ann pelt 2 pending - 18
        19 + grants wolves/player:ann/6/experience/ann wolves player ann 6 experience ann experience 50 pending - 19
        19 + grants wolves/player:ann/6/pelt/ann wolves player ann 6 pelt ann pelt 2 pending - 19
    "#]].assert_eq(&grants);
}

#[test]
fn a_grant_is_answered_once() {
    let mut world = World::with(WORLD, &[("wolves", WOLVES)]);
    world.step(2, events(["ann quest.accept wolves", "ann kill wolf x3"]));
    let grant = "wolves/player:ann/1/pelt/ann".to_owned();
    let mut text = world.step(
        3,
        vec![
            Given::Answer(grant.clone(), false),
            Given::Answer(grant.clone(), true),
            Given::Answer("wolves/player:ann/2/pelt/ann".to_owned(), true),
            Given::Answer("nonsense".to_owned(), true),
        ],
    );
    text.push_str(&world.step(4, vec![Given::Answer(grant, true)]));
    expect![[r#"
        3 - grants wolves/player:ann/1/pelt/ann wolves player ann 1 pelt ann pelt 2 pending - 2
        3 + facts realm r slain 3 1 -
        3 + grants wolves/player:ann/1/pelt/ann wolves player ann 1 pelt ann pelt 2 delivered - 2
        3 refused already_answered: grant `wolves/player:ann/1/pelt/ann` has been answered before
        3 refused unknown_grant: there is no grant `wolves/player:ann/2/pelt/ann`
        3 refused unknown_grant: there is no grant `nonsense`
        4 refused already_answered: grant `wolves/player:ann/1/pelt/ann` has been answered before
    "#]]
    .assert_eq(&text);
}
