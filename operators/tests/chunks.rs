//! Chunks of documents: what stands together, and that no word is lost.

use expect_test::{Expect, expect};
use proptest::prelude::*;
use worldflow_operators::lore::{Chunk, MOST_WORD, OVERLAP, TARGET, chunks};

fn length(text: &str) -> usize {
    text.chars().count()
}

fn check(text: &str, expected: Expect) {
    let shown: Vec<String> = chunks(text)
        .iter()
        .map(|chunk| format!("[{}] {}\n", chunk.id, chunk.text.replace('\n', "|")))
        .collect();
    expected.assert_eq(&shown.concat());
}

#[test]
fn a_chunk_stands_under_its_headings() {
    check(
        "Before any.\n\n# The lake\nIt is deep.\nAnd cold.\n\n## The village ##\n\n### Bells\n\nThey ring.\n# C#\nSharp.\n#No heading\n\n# The lake\n\nAgain.\n",
        expect![[r#"
            [#1] Before any.
            [The lake#1] It is deep.|And cold.
            [The lake / The village / Bells#1] They ring.
            [C##1] Sharp.|#No heading
            [The lake#2] Again.
        "#]],
    );
}

#[test]
fn code_has_no_headings() {
    check(
        "# Runes\n```\n# not a heading\n\nstill code\n```\n## After\nText.\r\n\r\nMore.\r\n",
        expect![[r#"
            [Runes#1] ```|# not a heading||still code|```
            [Runes / After#1] Text.||More.
        "#]],
    );
}

#[test]
fn nothing_gives_no_chunk() {
    for text in ["", "\n\n", "# A heading\n## And one under it\n", "   \t\r\n"] {
        assert_eq!(chunks(text), [], "{text:?}");
    }
}

#[test]
fn long_paragraphs_are_cut_after_sentences() {
    let sentence = "The bell under the lake rings once for each of the drowned. ";
    let all = chunks(&sentence.repeat(40));
    assert!(all.len() >= 3, "{}", all.len());
    for chunk in &all {
        assert!(chunk.text.ends_with("drowned."), "{}", chunk.text);
        assert!(length(&chunk.text) <= TARGET);
    }
}

#[test]
fn a_script_without_blanks_is_cut_between_its_characters() {
    let sentence = "湖の底の村には鐘がひとつある。";
    let all = chunks(&sentence.repeat(200));
    assert!(all.len() > 3 && all.iter().all(|chunk| length(&chunk.text) <= TARGET));
    assert!(all.iter().all(|chunk| !chunk.text.starts_with('。') && !chunk.text.contains(' ')));
}

#[test]
fn a_word_without_end_is_cut_all_the_same() {
    let all = chunks(&"a".repeat(1 << 20));
    assert!(all.iter().all(|chunk| length(&chunk.text) <= MOST_WORD + OVERLAP + 2));
    assert!(all.iter().map(|chunk| chunk.text.len()).sum::<usize>() >= 1 << 20);
}

#[test]
fn an_edit_leaves_the_chunks_of_other_headings_as_they_are() {
    let part = |n: usize, text: &str| format!("# Part {n}\n{}\n", text.repeat(30));
    let all = |third: &str| -> String {
        (0..9).map(|n| part(n, if n == 3 { third } else { "Nothing is said of it twice. " })).collect()
    };
    let (old, new) = (chunks(&all("It was red. ")), chunks(&all("It was blue. ")));
    let same = |chunk: &&Chunk| new.contains(chunk);
    assert!(old.iter().filter(|chunk| chunk.heading != "Part 3").all(|chunk| same(&chunk)));
    assert!(old.iter().filter(|chunk| chunk.heading == "Part 3").all(|chunk| !same(&chunk)));
}

#[test]
fn the_digest_is_of_heading_and_text() {
    let chunk = |heading: &str, text: &str| Chunk {
        id: String::new(),
        heading: heading.to_owned(),
        text: text.to_owned(),
    };
    assert_eq!(chunk("a", "b").digest(), chunk("a", "b").digest());
    assert_ne!(chunk("a", "b").digest(), chunk("a", "c").digest());
    assert_ne!(chunk("a", "b").digest(), chunk("c", "b").digest());
    assert_eq!(chunk("a", "b").digest().len(), 32);
}

/// Paragraphs of different words of one to `longest` letters.
fn document(lengths: &[Vec<usize>]) -> (String, Vec<String>) {
    let mut words = Vec::new();
    let mut paragraphs = Vec::new();
    for paragraph in lengths {
        let from = words.len();
        for length in paragraph {
            words.push(format!("{}{}", words.len(), "x".repeat(*length)));
        }
        paragraphs.push(words[from..].join(" "));
    }
    (paragraphs.join("\n\n"), words)
}

proptest! {
    /// Each chunk is words that follow each other, and together they are all of them, without a gap.
    #[test]
    fn chunks_hold_every_word_whole_and_in_order(
        lengths in prop::collection::vec(prop::collection::vec(0_usize..30, 1..120), 1..12),
    ) {
        let (text, words) = document(&lengths);
        let mut reached = 0;
        for (number, chunk) in chunks(&text).iter().enumerate() {
            prop_assert!(length(&chunk.text) <= TARGET, "{} characters", length(&chunk.text));
            let mine: Vec<&str> = chunk.text.split_whitespace().collect();
            let from = words.iter().position(|word| word == mine[0]);
            let from = from.expect("a chunk begins with a whole word");
            prop_assert_eq!(&words[from..from + mine.len()], &mine[..]);
            prop_assert!(from <= reached, "words {reached} to {from} are in no chunk");
            let again: usize = words[from..reached].iter().map(|word| word.len() + 1).sum();
            prop_assert!(number > 0 || from == 0);
            prop_assert!(again <= OVERLAP + 1, "{again} characters stand in two chunks");
            prop_assert!(from + mine.len() > reached, "a chunk with nothing new");
            reached = from + mine.len();
        }
        prop_assert_eq!(reached, words.len());
    }

    #[test]
    fn any_text_is_cut(text in "(?s).{0,4000}") {
        for chunk in chunks(&text) {
            prop_assert!(!chunk.text.trim().is_empty());
            prop_assert!(length(&chunk.text) <= MOST_WORD + OVERLAP + 2);
        }
    }
}
