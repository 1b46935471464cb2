//! docs/sql.md: what it says can be written can, and what it says is refused is, with those words.

use worldflow_operators::sql::plan;

use crate::events::relations;

const PAGE: &str = include_str!("../../../docs/sql.md");

/// The blocks of code of the page: what stands behind the fence, the text, and what stands before.
fn blocks() -> Vec<(&'static str, &'static str)> {
    let mut blocks = Vec::new();
    let mut parts = PAGE.split("\n```");
    while let (Some(_), Some(block)) = (parts.next(), parts.next()) {
        blocks.push(block.split_once('\n').expect("a fence has its own line"));
    }
    blocks
}

#[test]
fn what_can_be_written_can() {
    let texts: Vec<&str> =
        blocks().into_iter().filter(|(kind, _)| *kind == "sql").map(|(_, text)| text).collect();
    assert!(texts.len() > 8, "the examples are found");
    let files = texts.iter().map(|text| ("docs/sql.md", *text));
    let (views, problems) = plan(files, relations(), 10);
    assert!(problems.is_empty(), "{problems:?}");
    let written = texts.iter().map(|text| text.matches("CREATE VIEW").count()).sum::<usize>();
    assert_eq!(views.len(), written);
}

#[test]
fn what_is_refused_is_in_these_words() {
    let blocks = blocks();
    let refused: Vec<_> = blocks.windows(2).filter(|pair| pair[0].0 == "sql refused").collect();
    assert!(refused.len() >= 4, "the examples are found");
    for pair in refused {
        let [(_, sql), (kind, expected)] = pair else { unreachable!("windows of two") };
        assert_eq!(*kind, "text", "{sql}");
        let (views, problems) = plan([("v", *sql)], relations(), 10);
        assert!(views.is_empty(), "{sql}");
        let said: Vec<String> = problems.iter().map(|(_, error)| error.to_string()).collect();
        assert_eq!(said, [expected.trim_end()], "{sql}");
    }
}
