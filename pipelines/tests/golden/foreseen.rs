//! What `plan` foresees of an edit: a table of edits, and who completes, gets further, falls back, gains or loses by each.

use std::path::Path;

use expect_test::{Expect, expect};
use worldflow::edits::{Difference, Foresee, Plan, foresee, text};
use worldflow::graph::graphs;
use worldflow::open::{OpenConfig, open_realm};
use worldflow::world::{Folder, LoadedWorld};
use worldflow_engine::admission::{Item, Outcome};
use worldflow_engine::privacy::Privacy;
use worldflow_engine::rebuild::{RebuildConfig, fork};
use worldflow_engine::runtime::RunningRealm;
use worldflow_schemas::{Event, EventId, Input, Sym};

const WORLD: &str = "
name: golden
seed: 7
kinds: {kill: {}, gather: {}, talk: {}}
facts:
  mood: {scope: realm, type: int, default: 0}
  renown: {scope: player, type: int, default: 0}
lifetime:
  felled: {scope: player, pattern: {event: kill}}
";

/// Ann is done after two kills, and bob has one; both have gathered.
const HUNT: &str = "
hunt:
  title: Hunt
  accept: auto
  stages:
    kill: {objectives: {beasts: {event: kill, count: 2}}}
  rewards: {experience: 10, slots: {cloak: {item: cloak}}}
";
const WALK: &str = "
walk:
  title: Walk
  accept: auto
  stages:
    herbs: {objectives: {herbs: {event: gather, count: 3}, word: {event: talk, optional: true}}}
    back: {objectives: {word: {event: talk}}}
";
const DEEDS: [(&str, &str); 5] =
    [("ann", "kill"), ("ann", "kill"), ("bob", "kill"), ("ann", "gather"), ("bob", "gather")];

/// Quests, and after a line of `---` arcs.
fn load(quests: &str) -> LoadedWorld {
    let (quests, arcs) = quests.split_once("---\n").unwrap_or((quests, ""));
    let files = [("world.yaml", WORLD), ("quests/all.yaml", quests), ("arcs.yaml", arcs)];
    let folder = Folder::of(files.into_iter().filter(|(_, text)| !text.trim().is_empty()));
    LoadedWorld::load(&folder).unwrap_or_else(|error| panic!("{error}"))
}

async fn opened(world: &LoadedWorld, folder: &Path) -> RunningRealm {
    let config = OpenConfig {
        realm: Sym::new("golden"),
        world: world.clone(),
        folder: Some(folder.to_owned()),
        workers: Some(1),
        manual: true,
        event_time: Vec::new(),
        keys: Default::default(),
    };
    let running = open_realm(config).await.expect("opens");
    running.advance(2).await.expect("runs");
    running
}

async fn does(running: &RunningRealm, number: usize, player: &str, kind: &str) {
    let event = Event {
        at_ms: running.realm.progress.borrow().utc_ms,
        source: "game".into(),
        id: EventId::Named(number.to_string().as_str().into()),
        player: player.into(),
        kind: kind.into(),
        target: Sym::NONE,
        region: Sym::NONE,
        amount: 1,
        with: None,
    };
    let id = event.id.clone();
    let items = vec![Item { id, input: Input::Event(event), most_per_s: None }];
    let admission = running.realm.admission.clone();
    let published = tokio::spawn(async move { admission.publish("game".into(), items).await });
    tokio::task::yield_now().await;
    running.advance(2).await.expect("runs");
    let outcomes = published.await.expect("no panic").expect("runs");
    assert!(matches!(outcomes[..], [Outcome::Accepted { .. }]), "{outcomes:?}");
}

/// What is foreseen of the last edit of a realm that was run with each of `worlds` but the last, the deeds being done in the
/// first.
async fn foreseen(worlds: &[&str], expected: Expect) {
    said_of(worlds, "from tick", expected).await;
}

/// So, from the line on that begins like this.
async fn said_of(worlds: &[&str], from: &str, expected: Expect) {
    let worlds: Vec<LoadedWorld> = worlds.iter().map(|quests| load(quests)).collect();
    let [ran @ .., new] = worlds.as_slice() else { panic!("an edit is of a world") };
    let folder = tempfile::tempdir().expect("a folder");
    for (number, world) in ran.iter().enumerate() {
        let running = opened(world, folder.path()).await;
        if number == 0 {
            for (number, (player, kind)) in DEEDS.into_iter().enumerate() {
                does(&running, number, player, kind).await;
            }
        }
        running.close().await.expect("closes");
    }
    let old = ran.last().expect("there is a former world");
    let difference = Difference::of(old, new);
    let of =
        Foresee { realm: Sym::new("golden"), folder: folder.path().to_owned(), workers: 1, until_ms: None };
    let consequences = foresee(&of, old, new, &difference).await.expect("the folder can be read");
    let plan = Plan::new("golden", consequences.revision, difference, Ok(consequences));
    let said: Vec<String> = text(&plan)
        .lines()
        .skip_while(|line| !line.starts_with(from))
        .skip(1)
        .filter(|line| !line.starts_with("from tick"))
        .map(|line| format!("{line}\n"))
        .collect();
    expected.assert_eq(&format!("revision {}\n{}", plan.revision, said.concat()));
}

/// What edges ask of a realm is known in a copy of it as well: from a snapshot, from the journal after it, and from before there
/// was any.
#[tokio::test]
async fn a_copy_of_a_realm_knows_which_quests_there_are() {
    let folder = tempfile::tempdir().expect("a folder");
    let name = Sym::new("golden");
    let mut ticks = Vec::new();
    for quests in [HUNT.to_owned(), format!("{HUNT}{WALK}"), WALK.to_owned()] {
        let running = opened(&load(&quests), folder.path()).await;
        ticks.push(running.realm.progress.borrow().utc_ms);
        running.close().await.expect("closes");
    }
    for (until_ms, known) in ticks.into_iter().zip([["hunt"].as_slice(), &["hunt", "walk"], &["walk"]]) {
        let config = RebuildConfig {
            folder: folder.path().to_owned(),
            name,
            workers: 2,
            until_ms: Some(until_ms),
            privacy: Privacy::none(),
        };
        let (running, _) = fork(&config, graphs(name)).await.expect("it can be rebuilt");
        let mut quests: Vec<&str> = running.realm.defined.quests().iter().map(|id| id.as_str()).collect();
        quests.sort_unstable();
        running.close().await.expect("closes");
        assert_eq!(quests, known);
    }
}

/// Ann has killed two beasts and is in the second beat, by a choice of its own; bob is in the first.
const HUNTED: &str = "
hunted:
  tension: {half_life: 10h, events: {kills: {pattern: {event: kill}, add: 10}}}
  beats:
    calm: {tension: {build_up: 15}, branches: {on: {to: chase}}}
    chase: {tension: {build_up: 90}}
    end: {tension: {relax: 5}}
";

/// The edit of an arc, said in full.
async fn of_arcs(arcs: &[&str], expected: Expect) {
    let worlds: Vec<String> = arcs.iter().map(|arcs| format!("{WALK}---\n{arcs}")).collect();
    let worlds: Vec<&str> = worlds.iter().map(String::as_str).collect();
    said_of(&worlds, "realm", expected).await;
}

#[tokio::test]
async fn what_goes_by_another_id_in_an_arc_is_kept() {
    let renamed = "
chased:
  moved_from: hunted
  tension: {half_life: 10h, events: {kills: {pattern: {event: kill}, add: 10}}}
  beats:
    quiet: {moved_from: calm, tension: {build_up: 15}, branches: {away: {moved_from: on, to: hunt}}}
    hunt: {moved_from: chase, tension: {build_up: 90}}
    end: {tension: {relax: 5}}
";
    of_arcs(
        &[HUNTED, renamed],
        expect![[r#"
        revision 1
          ~ arc chased, until now hunted
              beats.quiet: until now calm
              beats.quiet.branches.away: until now on
              beats.quiet.branches.away.to: chase → hunt
              beats.quiet.branches.away.moved_from: nothing → on
              beats.quiet.moved_from: nothing → calm
              beats.hunt: until now chase
              beats.hunt.moved_from: nothing → chase
              moved_from: nothing → hunted

          nobody moves
        stays, whatever is edited or undone
          arc chased: how far 2 holders have come, 1 choice
    "#]],
    )
    .await;
    // To undo it is to go back: the former folder says nothing of it.
    of_arcs(
        &[HUNTED, renamed, HUNTED],
        expect![[r#"
        revision 2
          ~ arc hunted, until now chased
              beats.chase: until now hunt
              beats.chase.moved_from: chase → nothing
              beats.calm: until now quiet
              beats.calm.branches.on: until now away
              beats.calm.branches.on.moved_from: on → nothing
              beats.calm.branches.on.to: hunt → chase
              beats.calm.moved_from: calm → nothing
              moved_from: hunted → nothing

          nobody moves
        stays, whatever is edited or undone
          arc hunted: how far 2 holders have come, 1 choice
    "#]],
    )
    .await;
}

#[tokio::test]
async fn what_an_edit_of_an_arc_does_to_its_holders() {
    // The beat that ann is in is gone, and bob's wants less.
    let shorter =
        HUNTED.replace("    chase: {tension: {build_up: 90}}\n", "").replace("to: chase", "to: end");
    of_arcs(
        &[HUNTED, &shorter.replace("build_up: 15", "build_up: 5")],
        expect![[r#"
        revision 1
          ~ arc hunted
              beats.calm.branches.on.to: chase → end
              beats.calm.tension.build_up: 15 → 5
              beats.chase: {"tension":{"build_up":90}} → nothing

          arc hunted: 2 get further
        stays, whatever is edited or undone
          arc hunted: how far 2 holders have come, 1 choice
    "#]],
    )
    .await;
    of_arcs(
        &[HUNTED, ""],
        expect![[r#"
        revision 1
          - arc hunted

          arc hunted: 2 lose it
        stays, whatever is edited or undone
          arc hunted: what 2 holders had of it, for when it is there again
    "#]],
    )
    .await;
    of_arcs(
        &["", HUNTED],
        expect![[r#"
        revision 1
          + arc hunted

          nobody moves
    "#]],
    )
    .await;
}

#[tokio::test]
async fn who_completes_and_what_is_paid() {
    let lower = HUNT.replace("count: 2", "count: 1");
    foreseen(
        &[HUNT, &lower],
        expect![[r#"
            revision 1
              hunt: 1 complete
              grants to be paid:
                hunt: 1 of cloak, 1 in all
                hunt: 1 of experience, 10 in all
            stays, whatever is edited or undone
              hunt: completed by 1 holder
              grants:
                hunt: 1 of cloak, 1 in all
                hunt: 1 of experience, 10 in all
        "#]],
    )
    .await;
    // A quest that is new, and done by what was done before.
    let veteran = "
veteran:
  title: Veteran
  accept: auto
  stages: {all: {objectives: {felled: {event: kill, count: 2, since: ever, lifetime: felled}}}}
  rewards: {slots: {medal: {item: medal}}}
";
    foreseen(
        &[HUNT, &format!("{HUNT}{veteran}")],
        expect![[r#"
            revision 1
              veteran: 1 complete, 1 gain it
              grants to be paid:
                veteran: 1 of medal, 1 in all
        "#]],
    )
    .await;
}

/// What has been done to facts is as it is, whatever the effects are now.
#[tokio::test]
async fn what_effects_have_done_stays() {
    let with = |effects: &str| format!("{}  effects: [{effects}]\n", HUNT.replace("count: 2", "count: 1"));
    let before = with("{add: {fact: mood, by: 1}}, {add: {fact: renown, by: 3}}");
    let others = with("{add: {fact: mood, by: 5}}, {set: {fact: renown, to: 77}}");
    let stays = || {
        expect![[r#"
        revision 2
          hunt: completed by 2 holders
            mood stays 2
            renown of 2 holders (player) stays as it is
          grants:
            hunt: 2 of cloak, 2 in all
            hunt: 2 of experience, 20 in all
    "#]]
    };
    // By neither text it is known what was done by the one before.
    said_of(&[&before, &others, &with("{add: {fact: mood, by: 9}}")], "stays", stays()).await;
    let none = HUNT.replace("count: 2", "count: 1");
    said_of(&[&before, &none, &before], "stays", stays()).await;
    // What one player has is not shown.
    let alone = |effects: &str| format!("{HUNT}  effects: [{effects}]\n");
    said_of(
        &[
            &alone("{add: {fact: renown, by: 3}}"),
            &alone("{add: {fact: mood, by: 1}}"),
            &alone("{add: {fact: renown, by: 4}}"),
        ],
        "stays",
        expect![[r#"
            revision 2
              hunt: completed by 1 holder
                renown of 1 holder (player) stays as it is
              grants:
                hunt: 1 of cloak, 1 in all
                hunt: 1 of experience, 10 in all
        "#]],
    )
    .await;
}

/// Grants keep the ids under which they were written.
#[tokio::test]
async fn what_was_paid_under_a_former_id_stays() {
    let moved = HUNT.replace("hunt:\n", "chase:\n  moved_from: hunt\n");
    let again = HUNT.replace("hunt:\n", "pursuit:\n  moved_from: chase\n");
    let edited = HUNT.replace("hunt:\n", "pursuit:\n").replace("Hunt", "Pursuit");
    said_of(
        &[HUNT, &moved, &again, &edited],
        "stays",
        expect![[r#"
            revision 3
              pursuit: completed by 1 holder
              grants:
                hunt: 1 of cloak, 1 in all
                hunt: 1 of experience, 10 in all
        "#]],
    )
    .await;
}

/// What was completed and paid before a quest was taken away is no completion when it comes back.
#[tokio::test]
async fn a_quest_that_comes_back_is_not_completed_again() {
    foreseen(
        &[HUNT, WALK, &format!("{HUNT}{WALK}")],
        expect![[r#"
            revision 2
              hunt: 2 gain it
        "#]],
    )
    .await;
    // What was open begins anew, also where less is asked now.
    let lower = HUNT.replace("count: 2", "count: 1");
    foreseen(
        &[HUNT, WALK, &format!("{lower}{WALK}")],
        expect![[r#"
            revision 2
              hunt: 2 gain it
        "#]],
    )
    .await;
}

#[tokio::test]
async fn who_gains_and_who_loses() {
    foreseen(
        &[HUNT, &format!("{HUNT}{WALK}")],
        expect![[r#"
            revision 1
              walk: 2 gain it
        "#]],
    )
    .await;
    foreseen(
        &[&format!("{HUNT}{WALK}"), WALK],
        expect![[r#"
            revision 1
              hunt: 2 lose it
            stays, whatever is edited or undone
              hunt: completed by 1 holder
              grants:
                hunt: 1 of cloak, 1 in all
                hunt: 1 of experience, 10 in all
        "#]],
    )
    .await;
    // A gate keeps nobody from what is open.
    let gated = WALK.replace("accept: auto", "requires: {quests: {hunt: done}}");
    foreseen(
        &[&format!("{HUNT}{WALK}"), &format!("{HUNT}{gated}")],
        expect![[r#"
            revision 1
              nobody moves
        "#]],
    )
    .await;
    let open = WALK.replace("accept: auto", "requires: {level: {at_least: 1}}");
    foreseen(
        &[&format!("{HUNT}{open}"), &format!("{HUNT}{gated}")],
        expect![[r#"
            revision 1
              walk: 1 lose it
        "#]],
    )
    .await;
    foreseen(
        &[&format!("{HUNT}{gated}"), &format!("{HUNT}{open}")],
        expect![[r#"
            revision 1
              walk: 1 gain it
        "#]],
    )
    .await;
}

#[tokio::test]
async fn who_gets_further_and_who_falls_back() {
    let shorter = WALK.replace("count: 3", "count: 1");
    foreseen(
        &[WALK, &shorter],
        expect![[r#"
            revision 1
              walk: 2 get further
        "#]],
    )
    .await;
    foreseen(
        &[&shorter, WALK],
        expect![[r#"
            revision 1
              nobody moves
        "#]],
    )
    .await;
    // Another pattern is another counter.
    let other = WALK.replace("event: gather, count: 3", "event: kill, count: 3");
    foreseen(
        &[WALK, &other],
        expect![[r#"
            revision 1
              walk: 2 fall back
              walk.herbs.herbs: the counters of 2 holders begin again: event: "gather" → "kill"
        "#]],
    )
    .await;
    // The stage that they are in has gone.
    let gone = WALK.replace(
        "    herbs: {objectives: {herbs: {event: gather, count: 3}, word: {event: talk, optional: true}}}\n",
        "",
    );
    foreseen(
        &[WALK, &gone],
        expect![[r#"
            revision 1
              walk: 2 fall back
              walk.herbs.herbs: the counters of 2 holders begin again: the stage `herbs` is gone
        "#]],
    )
    .await;
}
