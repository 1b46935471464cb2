//! Dialogue in Yarn through the whole graph: choices that stay, conditions, visits, commands, edits in the middle, the law.

use std::collections::BTreeMap;
use std::sync::Arc;

use worldflow::world::{Folder, LoadedWorld};
use worldflow_schemas::Sym;
use worldflow_schemas::definitions::DialogueDef;
use worldflow_schemas::input::DefinitionEdit;

use crate::script::Golden;

fn says(said: &str, all: &[&str]) {
    for line in all {
        assert!(said.contains(line), "{line}\n\nis not in\n\n{said}");
    }
}

const WORLD: &str = "
name: golden
seed: 7
tick_ms: 10
regions: {moor: {}}
kinds: {talk: {}, kill: {}, choose: {attributes: {option: id}}}
facts:
  trust: {scope: player, type: int, default: 0}
  path: {scope: player, type: text, default: none}
  sworn: {scope: realm, type: int, default: 0}
dialogue: {commands: [give]}
";

const ENTITIES: &str = "
maren: {kind: npc}
bram: {kind: npc}
wolf: {kind: npc}
";

const NPCS: &str = "
maren: {dialogue: maren_hello, barks: Hm.}
bram: {dialogue: bram, barks: Hm., when: {facts: {path: oath}}}
";

const QUESTS: &str = "
hunt: {title: Hunt, stages: {s: {objectives: {wolves: {event: kill, target: wolf}}}}}
";

const YARN: &str = "title: maren_hello
---
Maren: I trust you {$trust}. #line:back
<<if visited(\"maren_oath\")>>
    Maren: You have sworn. #line:sworn
<<endif>>
-> Ask about the ridge #line:ridge #free
    Maren: Wolves. #line:wolves
    <<set $trust += 1>>
    <<jump maren_hello>>
-> Swear <<if $trust >= 1>> #line:swear
    <<jump maren_oath>>
-> Refuse #line:refuse
    <<set $path to \"wild\">>
    Maren: Then go. #line:go
===
title: maren_oath
---
<<set $path to \"oath\">>
<<set $sworn = $sworn + 1>>
<<give bread {$trust + 0.5}>>
Maren: It is said. #line:said
===
title: bram
---
<<if holds(\"quest.hunt == done\")>>
    They are dead, I hear.
<<else>>
    Come back when they are dead.
<<endif>>
I throw {dice(6)}.
===
";

fn files(yarn: &str) -> [(&str, &str); 5] {
    [
        ("world.yaml", WORLD),
        ("entities.yaml", ENTITIES),
        ("npcs.yaml", NPCS),
        ("quests.yaml", QUESTS),
        ("dialogue/maren.yarn", yarn),
    ]
}

const VIEWS: [&str; 4] = ["dialogues", "dialogue_lines", "dialogue_options", "facts"];

fn nodes(yarn: &str) -> BTreeMap<String, Arc<DialogueDef>> {
    let world = LoadedWorld::load(&Folder::of(files(yarn)));
    world.unwrap_or_else(|error| panic!("{error}")).dialogues
}

#[test]
fn what_is_chosen_stays_chosen() {
    let golden = Golden::new(
        &files(YARN),
        "
        5 presence ann s1 moor -
        10 event talk player=ann target=maren
        11 event choose player=ann target=maren option=dialogue.swear
        12 event choose player=ann target=maren option=1
        14 event choose player=ann target=maren option=dialogue.swear
        15 event choose player=ann target=maren option=dialogue.swear
        20 event talk player=ann target=maren
        21 event choose player=ann target=maren option=dialogue.refuse
        22 event choose player=ann target=maren option=4
        23 event choose player=ann target=maren option=2
        30 wait
        ",
    );
    let said = golden.changes(&VIEWS);
    says(
        &said,
        &[
            "10: +1 dialogues player=ann npc=maren node=maren_hello state=choosing why= turn=1 since=10",
            "10: +1 dialogue_lines player=ann npc=maren number=1 kind=line speaker=Maren key=dialogue.back text=I trust you 0. arguments=[0] said=10",
            "10: +1 dialogue_options player=ann npc=maren place=1 key=dialogue.ridge text=Ask about the ridge arguments= available=true why= chosen=false",
            "10: +1 dialogue_options player=ann npc=maren place=2 key=dialogue.swear text=Swear arguments= available=false why=condition chosen=false",
            "11: refused not_available: its condition does not hold",
            // What was done to a fact is said in the same turn, and is there for all in the next tick.
            "12: +1 dialogue_lines player=ann npc=maren number=2 kind=line speaker=Maren key=dialogue.wolves text=Wolves. arguments= said=12",
            "12: +1 dialogue_lines player=ann npc=maren number=3 kind=line speaker=Maren key=dialogue.back text=I trust you 1. arguments=[1] said=12",
            "12: +1 dialogue_options player=ann npc=maren place=1 key=dialogue.ridge text=Ask about the ridge arguments= available=true why= chosen=true",
            "12: +1 dialogue_options player=ann npc=maren place=2 key=dialogue.swear text=Swear arguments= available=true why= chosen=false",
            "13: +1 facts scope=player holder=ann fact=trust value=1 version=1 ",
            "14: +1 dialogue_lines player=ann npc=maren number=4 kind=command speaker= key= text=give bread 1.5 arguments=[1.5] said=14",
            "14: +1 dialogues player=ann npc=maren node=maren_oath state=ended why=over turn=3 since=14",
            "15: +1 facts scope=player holder=ann fact=path value=oath version=1 ",
            "15: +1 facts scope=realm holder=golden fact=sworn value=1 version=1 ",
            "15: refused no_choice: nothing is to be chosen with `maren`",
            "20: +1 dialogue_lines player=ann npc=maren number=2 kind=line speaker=Maren key=dialogue.sworn text=You have sworn. arguments= said=20",
            "20: +1 dialogue_options player=ann npc=maren place=2 key=dialogue.swear text=Swear arguments= available=true why= chosen=true",
            "20: +1 dialogue_options player=ann npc=maren place=3 key=dialogue.refuse text=Refuse arguments= available=false why=decided chosen=false",
            "21: refused not_available: the player has chosen otherwise before",
            "22: refused no_option: `maren` offers no such option",
            "24: +1 facts scope=realm holder=golden fact=sworn value=2 version=2 ",
        ],
    );
    assert!(!said.contains("value=wild"), "{said}");
    golden.check_laws();
}

#[test]
fn players_are_apart_and_what_one_adds_is_added_to_what_another_has() {
    let golden = Golden::new(
        &files(YARN),
        "
        5 presence ann s1 moor -
        5 presence bo s1 moor -
        6 fact player ann trust 1
        6 fact player bo trust 1
        7 event quest.accept player=ann target=hunt
        10 event talk player=ann target=maren
        10 event talk player=bo target=maren
        12 event choose player=ann target=maren option=2
        12 event choose player=bo target=maren option=2
        14 event talk player=cid target=bram
        15 event talk player=ann target=bram
        16 event kill player=ann target=wolf
        18 event talk player=ann target=bram
        20 event talk player=bo target=maren
        21 presence bo - - -
        22 event choose player=bo target=maren option=1
        24 event talk player=dan target=maren
        24 event choose player=dan target=maren option=1
        24 event choose player=dan target=maren option=dialogue.swear
        27 wait
        ",
    );
    let said = golden.changes(&VIEWS);
    says(
        &said,
        &[
            "13: +1 facts scope=realm holder=golden fact=sworn value=2 ",
            "15: +1 dialogue_lines player=ann npc=bram number=1 kind=line speaker= key=dialogue.bram.",
            "text=Come back when they are dead.",
            "text=They are dead, I hear.",
            "text=I throw ",
            "21: +1 dialogues player=bo npc=maren node=maren_hello state=ended why=left ",
            "22: refused no_choice",
            // All of what is said in one tick can be read, and what is done acts at once for whom it is done by.
            "24: +1 dialogue_lines player=dan npc=maren number=1 kind=line speaker=Maren key=dialogue.back text=I trust you 0. ",
            "24: +1 dialogue_lines player=dan npc=maren number=3 kind=line speaker=Maren key=dialogue.back text=I trust you 1. ",
            "24: +1 dialogue_lines player=dan npc=maren number=4 kind=command speaker= key= text=give bread 1.5 ",
            "25: +1 facts scope=player holder=dan fact=path value=oath version=1 ",
            "25: +1 facts scope=player holder=dan fact=trust value=1 version=1 ",
        ],
    );
    // He answers nobody who has not sworn.
    assert!(!said.contains("player=cid"), "{said}");
    golden.check_laws();
}

#[test]
fn an_edit_strands_nobody() {
    let mut golden = Golden::new(
        &files(YARN),
        "
        5 presence ann s1 moor -
        5 presence bo s1 moor -
        6 fact player ann trust 1
        10 event talk player=ann target=maren
        10 event talk player=bo target=maren
        15 event choose player=ann target=maren option=dialogue.swear
        20 event talk player=ann target=maren
        30 wait
        ",
    );
    // A line more, an option less, and what bo may choose is called otherwise.
    let edited = YARN
        .replace(
            "-> Ask about the ridge #line:ridge",
            "Maren: Well? #line:well\n-> Ask of the old ridge #line:ridge",
        )
        .replace("-> Refuse #line:refuse\n", "-> Leave #line:leave\n");
    // Then nothing of it is there any more.
    let gone = YARN
        .replace("#line:ridge", "#line:a")
        .replace("#line:swear", "#line:b")
        .replace("#line:refuse", "#line:c");
    for (tick, yarn) in [(12, edited.as_str()), (25, gone.as_str())] {
        let edits = nodes(yarn).into_iter();
        golden.edit(tick, edits.map(|(id, def)| DefinitionEdit::Dialogue(Sym::new(&id), Some(def))));
    }
    let said = golden.changes(&VIEWS);
    says(
        &said,
        &[
            "12: +1 dialogue_options player=bo npc=maren place=1 key=dialogue.ridge text=Ask of the old ridge ",
            "12: +1 dialogue_options player=bo npc=maren place=3 key=dialogue.leave text=Leave ",
            "15: +1 dialogues player=ann npc=maren node=maren_oath state=ended why=over ",
            "25: +1 dialogues player=ann npc=maren node=maren_hello state=ended why=edited turn=1 since=25",
            "25: +1 dialogues player=bo npc=maren node=maren_hello state=ended why=edited turn=1 since=25",
        ],
    );
    golden.check_laws();
}
