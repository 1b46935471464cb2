//! Prompts: what they read, what their sections say, and who uses them.

use crate::problems;
use crate::told::says_only;

const NPCS: &str = "elder: {template: talk, persona: You are old., barks: Hm.}\n";

/// What is said of these prompts, of which an elder has the first.
fn of(prompts: &str) -> String {
    problems(&[("npcs.yaml", NPCS), ("npcs/prompts.yaml", prompts)])
}

#[test]
fn a_prompt_that_is_right_is_not_mentioned() {
    let said = of("\
talk:
  context: [player, said, lines, phase, fact.mood]
  bands: {fact.mood: {low: 0, high: 10}}
  sections:
    persona: {}
    place: {text: \"{npc} at {phase}, {fact.mood}\", most: 40}
    knows: {lore: 3, gives_way: 2}
    past: {text: \"{lines}\", cut: start, gives_way: 1}
    ask: {role: user, text: \"{player}: {said}\"}
  most: 400
  sampling: {temperature: 0.7, top_p: 0.9, stop: [END]}
");
    says_only(&said, &[]);
}

#[test]
fn what_is_read_and_said_must_be_there() {
    let said = of("\
talk:
  context: [said, said, fact.mod, quest.hunt, weathr, phase]
  bands: {phase: {}, fact.mood: {low: 0, lower: 0}}
  sections:
    persona: {}
    place: {text: \"It is {phse}.\"}
    silent: {}
    both: {text: Hm., lore: 2}
    much: {lore: 500}
  most: 0
  max_tokens: 200000
  sampling: {temperature: 3, stop: [a, b, c, d, e]}
");
    says_only(
        &said,
        &[
            "`said` is given twice",
            "unknown fact `mod`",
            "unknown quest `hunt`",
            "nothing is called `weathr`",
            "3:11: bands that cannot be told apart",
            "3:11: `phase` is no number",
            "3:22: bands that cannot be told apart",
            "`fact.mood` is not read",
            "nothing replaces `{phse}`",
            "a section that says nothing",
            "a text and lore in one section",
            "500 pieces of lore",
            "10:9: a number of tokens that no prompt has",
            "11:15: a number of tokens that no prompt has",
            "no section gives way, so a longer prompt is not sent",
            "`temperature` is out of range",
            "too many words at which it stops",
        ],
    );
    assert!(said.contains("did you mean `weather`?") && said.contains("did you mean `phase`?"), "{said}");
}

#[test]
fn bands_are_of_numbers() {
    let said = of("\
talk:
  context: [said, level, phase, fact.saved, fact.mood]
  bands: {level: {new: 0}, fact.mood: {low: 0}, fact.saved: {no: 0}, phase: {early: 0, late: 1}, said: {short: 0}}
  sections: {persona: {}, ask: {role: user, text: \"{said}\"}}
");
    says_only(
        &said,
        &["3:49: `fact.saved` is no number", "3:70: `phase` is no number", "3:98: `said` is no number"],
    );
    assert!(said.contains("hint: bands are of `level` and of facts of type int or dec"), "{said}");
}

#[test]
fn what_a_place_hears_is_nobodys_alone() {
    let said = of("\
talk:
  audience: place
  context: [phase, player, said, level, fact.mood]
  sections: {persona: {}}
");
    says_only(
        &said,
        &[
            "`player` is one player's, and a place hears the answer",
            "`said` is one player's",
            "`level` is one player's",
            "`fact.mood` is one player's",
        ],
    );
}

const VIEWS: &str = "\
CREATE VIEW memories AS SELECT player, 'elder' AS npc, level, 'x' AS text FROM levels;
CREATE VIEW ranks AS SELECT level, max(player) AS player FROM levels WHERE level IS NOT NULL GROUP BY level;
CREATE VIEW stands AS SELECT scope, holder, quest, state FROM quest_state;
CREATE VIEW places AS SELECT region, count(*) AS n FROM presence WHERE region IS NOT NULL GROUP BY region;
CREATE VIEW crowds AS SELECT region, count(*) AS n, max(player) AS player FROM presence WHERE region IS NOT NULL GROUP BY region;
CREATE VIEW all_levels AS SELECT level, count(*) AS n FROM levels WHERE level IS NOT NULL GROUP BY level;
CREATE VIEW known AS SELECT player FROM levels;
";

fn with_views(prompt: &str) -> String {
    problems(&[("npcs.yaml", NPCS), ("npcs/prompts.yaml", prompt), ("views/all.sql", VIEWS)])
}

#[test]
fn rows_are_read_of_views_that_say_whose_they_are() {
    let right = with_views(
        "\
talk:
  context: [rows.memories, rows.places, rows.crowds, rows.all_levels]
  at_most: {rows.memories: 3, rows.places: 32}
  sections: {persona: {}, past: {text: \"{rows.memories} {rows.places} {rows.crowds} {rows.all_levels}\"}}
",
    );
    says_only(&right, &[]);
    let wrong = with_views(
        "\
talk:
  context: [rows.memoris, rows.levels, rows.ranks, rows.stands, rows.known, rows.places, row.places]
  at_most: {rows.memories: 3, rows.places: 0, phase: 2}
  bands: {rows.places: {few: 0}}
  sections: {persona: {}, past: {text: \"{rows.crowds}\"}}
",
    );
    says_only(
        &wrong,
        &[
            "npcs/prompts.yaml:2:13: unknown view `memoris`",
            "npcs/prompts.yaml:2:27: `levels` is a view of every world, and a prompt reads those of its own world",
            "npcs/prompts.yaml:2:40: whose the rows of `ranks` are is not said by their key",
            "npcs/prompts.yaml:2:52: whose the rows of `stands` are is not said by their key",
            "npcs/prompts.yaml:2:65: rows of `known` say nothing but whose they are",
            "nothing is called `row.places`",
            "no rows are read of `rows.memories`",
            "no rows are read of `phase`",
            "npcs/prompts.yaml:3:31: 0 rows",
            "`rows.places` is no number",
            "nothing replaces `{rows.crowds}`",
        ],
    );
    for hint in [
        "did you mean `memories`?",
        "`CREATE VIEW ... FROM levels`",
        "select `player` first",
        "`SELECT holder AS player ... WHERE scope = 'player'`",
        "1 to 32",
    ] {
        assert!(wrong.contains(hint), "{hint}\n\nis not in\n\n{wrong}");
    }
}

#[test]
fn a_place_hears_no_rows_of_players() {
    let said = with_views(
        "\
talk:
  audience: place
  context: [rows.memories, rows.places, rows.crowds, rows.all_levels]
  sections: {persona: {}}
",
    );
    says_only(
        &said,
        &[
            "npcs/prompts.yaml:3:13: rows of `memories` have a `player`, and a place hears the answer",
            "npcs/prompts.yaml:3:41: rows of `crowds` have a `player`, and a place hears the answer",
        ],
    );
}

#[test]
fn a_view_in_sql_with_a_problem_is_not_unknown_as_well() {
    let prompt = "talk: {context: [rows.broken], sections: {persona: {}}}\n";
    let said = problems(&[
        ("npcs.yaml", NPCS),
        ("npcs/prompts.yaml", prompt),
        ("views/all.sql", "CREATE VIEW broken AS SELECT playr FROM levels;\n"),
    ]);
    assert!(said.contains("playr") && !said.contains("unknown view"), "{said}");
}

#[test]
fn prompts_that_are_used_must_be_there_and_say_the_persona() {
    let said = problems(&[
        (
            "npcs.yaml",
            "elder: {template: tlak, barks: Hm.}\nwolf: {template: talk, persona: You howl., barks: Hm.}\n",
        ),
        ("npcs/prompts/one.yaml", "talk: {sections: {who: {text: You.}, knows: {lore: 1}}}\n"),
        ("stories.yaml", "gossip: {who: elder, ask: {prompt: gosip, every: 0s}, lines: Hm.}\n"),
    ]);
    for message in [
        "unknown prompt `tlak`",
        "did you mean `talk`?",
        "nobody reads the persona of `wolf`",
        "nothing says which lore is wanted",
        "unknown prompt `gosip`",
        "`every` is no time at all",
    ] {
        assert!(said.contains(message), "{message}\n\nis not in\n\n{said}");
    }
}

#[test]
fn what_asks_by_itself_needs_no_other_limit() {
    let said = problems(&[
        ("npcs.yaml", NPCS),
        ("npcs/prompts.yaml", "talk: {context: [phase], sections: {persona: {}}}\n"),
        (
            "stories.yaml",
            "gossip: {who: elder, trigger: {holds: {}}, ask: {prompt: talk, every: 1m}, lines: Hm.}\n",
        ),
    ]);
    says_only(&said, &[]);
}
