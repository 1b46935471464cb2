//! Rows of views in prompts: what a view shows at the end of a tick is asked in the next, over edits of the prompt and of the view.

use std::sync::Arc;

use worldflow_schemas::definitions::PromptDef;
use worldflow_schemas::input::DefinitionEdit;
use worldflow_schemas::{Sym, Tick};

use crate::script::{Golden, asked};

const WORLD: &str = "
name: golden
seed: 7
tick_ms: 10
regions: {moor: {}, village: {}}
kinds: {kill: {}, talk: {from: player, attributes: {said: text}}}
facts:
  score: {scope: player, type: int, default: 0, changed_by: [{pattern: {event: kill}, add: 1}]}
tiers:
  gold: {url: 'http://127.0.0.1:1', model: tiny}
";

const VIEWS: &str = "
CREATE VIEW deeds AS
SELECT holder AS player, 'elder' AS npc, concat('killed ', CAST(value AS INTEGER)) AS text
FROM facts WHERE scope = 'player' AND fact = 'score';

CREATE VIEW hunted AS SELECT sum(CAST(value AS INTEGER)) AS kills FROM facts WHERE fact = 'score';
";

const PROMPTS: &str = "
talk: {context: [rows.deeds], sections: {past: {text: 'Deeds: {rows.deeds}'}}}
";

fn golden(prompts: &str, script: &str) -> Golden {
    let files = [
        ("world.yaml", WORLD),
        ("entities.yaml", "{wolf: {kind: npc}, elder: {kind: npc}}"),
        ("views/all.sql", VIEWS),
        ("npcs.yaml", "elder: {template: talk, tier: gold, barks: Hm.}"),
        ("npcs/prompts.yaml", prompts),
    ];
    Golden::new(&files, script)
}

/// What the last request of a tick says: the text of its first message.
fn said(golden: &Golden, tick: Tick) -> String {
    let asked = asked(&golden.run());
    let request =
        asked.iter().find(|request| request.tick == tick).unwrap_or_else(|| panic!("none at {tick}"));
    request.messages.iter().map(|(_, text)| text.lines().take(4).collect::<Vec<_>>().join("/")).collect()
}

#[test]
fn what_a_view_shows_is_asked_a_tick_later() {
    let golden = golden(
        PROMPTS,
        "
        2 event talk player=ann target=elder
        3 event kill player=ann target=wolf
        4 event talk player=ann target=elder
        5 event talk player=ann target=elder
        5 event kill player=bob target=wolf
        8 event talk player=ann target=elder
        8 event kill player=ann target=wolf
        10 event talk player=ann target=elder
        11 event talk player=bob target=elder
        14 wait
        ",
    );
    let of = |tick| said(&golden, tick);
    assert_eq!(of(2), "Deeds: ");
    assert_eq!(of(4), "Deeds: ", "the fact is there at the end of that tick");
    assert_eq!(of(5), "Deeds: <rows>/killed 1/</rows>/");
    assert_eq!(of(10), "Deeds: <rows>/killed 2/</rows>/");
    assert_eq!(of(11), "Deeds: <rows>/killed 1/</rows>/", "bob's own");
    let asked = asked(&golden.run());
    let digest =
        |tick| asked.iter().find(|request| request.tick == tick).map(|request| request.digest.as_str());
    assert!(digest(5) == digest(8) && digest(5) != digest(4) && digest(8) != digest(10));
    golden.check_laws();
}

#[test]
fn prompts_and_views_are_edited_while_they_are_asked() {
    let mut golden = golden(
        PROMPTS,
        "
        2 event kill player=ann target=wolf
        5 event talk player=ann target=elder
        6 event talk player=ann target=elder
        7 event talk player=ann target=elder
        9 view deeds SELECT player, 'none' AS text, 7 AS n FROM presence
        9 presence ann s1 moor -
        10 event talk player=ann target=elder
        12 view deeds drop
        12 event talk player=ann target=elder
        13 event talk player=ann target=elder
        16 wait
        ",
    );
    let both = r#"{"context": ["rows.deeds", "rows.hunted"], "sections": {"past": {"text": "{rows.deeds}{rows.hunted}"}}}"#;
    let both: PromptDef = serde_json::from_str(both).expect("a prompt");
    golden.edit(6, [DefinitionEdit::Prompt(Sym::new("talk"), Some(Arc::new(both)))]);
    let of = |tick| said(&golden, tick);
    assert_eq!(of(5), "Deeds: <rows>/killed 1/</rows>/");
    assert_eq!(
        of(6),
        "<rows>/killed 1/</rows>/",
        "of a view that nobody named before nothing is known in that tick"
    );
    assert!(of(7).starts_with("<rows>/killed 1/</rows><rows>/kills: 1"), "{}", of(7));
    assert!(of(10).starts_with("<rows>/none/</rows>"), "{}", of(10));
    assert!(of(12).starts_with("<rows>/none/</rows>"), "{}", of(12));
    assert!(of(13).starts_with("<rows>/kills: 1/</rows>"), "{}", of(13));
    golden.check_laws();
}
