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
