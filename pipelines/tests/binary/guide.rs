//! The guide for designers, followed word by word: every file and every command of every chapter.

use std::path::Path;

use serde::de::DeserializeOwned;
use worldflow::scenario::StepDef;
use worldflow_schemas::definitions::{Condition, ObjectiveDef, QuestDef, Repeat, RuleDef, StageDef};

use crate::documented::page;
use crate::walk::Walk;

/// The chapters that the contents list, in their order.
fn chapters() -> Vec<String> {
    let contents = page("guide/README.md");
    let rows = contents.lines().filter_map(|line| line.strip_prefix("| [")?.split_once("]("));
    let files = rows.filter_map(|(_, rest)| rest.split_once(')'));
    files.map(|(file, _)| file.to_owned()).collect()
}

#[test]
fn the_contents_list_every_chapter_in_order() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/guide");
    let files = std::fs::read_dir(folder).expect("the guide is here");
    let names = files.map(|file| file.expect("readable").file_name().into_string().expect("UTF-8"));
    let mut there: Vec<String> = names.filter(|name| name != "README.md").collect();
    let number = |name: &String| name.split('-').next().and_then(|number| number.parse::<u32>().ok());
    there.sort_by_key(number);
    assert_eq!(chapters(), there);
    for (place, name) in (1..).zip(&there) {
        assert_eq!(number(name), Some(place), "chapters are numbered");
        let title = page(&format!("guide/{name}"));
        assert!(title.starts_with(&format!("# {place}. ")), "{name}");
    }
}

/// Each chapter begins with an empty folder.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_guide_works_word_by_word() {
    for chapter in chapters() {
        let mut walk = Walk::begin();
        walk.follow(&format!("guide/{chapter}")).await;
        assert!(
            walk.commands >= 3 && walk.files >= 2,
            "{chapter}: {} commands, {} files",
            walk.commands,
            walk.files
        );
        walk.leave();
    }
}

/// Whether a text is a `T`, in braces or as keys.
fn reads<T: DeserializeOwned>(text: &str) -> bool {
    serde_saphyr::from_str::<T>(text).is_ok()
}

/// Whether what stands in a table can be written in some place of a world.
fn can_be_written(snippet: &str) -> bool {
    // `...` stands for what the reader writes there.
    let text = snippet.replace("{...}", "{}").replace("[...]", "[]");
    let keys = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).unwrap_or(&text);
    let map = format!("{{{keys}}}");
    reads::<ObjectiveDef>(&map)
        || reads::<Condition>(&map)
        || reads::<Repeat>(&map)
        || reads::<StageDef>(&format!("{{objectives: {{}}, {keys}}}"))
        || reads::<QuestDef>(&format!("{{title: T, stages: {{}}, {keys}}}"))
        || reads::<QuestDef>(&format!("{{title: T, stages: {{}}, rewards: {map}}}"))
        || reads::<RuleDef>(&format!("{{trigger: {{every: {{span: 1h}}}}, do: [], {keys}}}"))
        || reads::<StepDef>(&map)
}

/// The guide's files and commands are run; what stands in its tables is read at least.
#[test]
fn what_stands_in_tables_can_be_written() {
    let (mut wrong, mut count) = (Vec::new(), 0);
    for chapter in chapters() {
        let page = page(&format!("guide/{chapter}"));
        let rows = page.lines().filter(|line| line.starts_with("| "));
        for snippet in rows.flat_map(|line| line.split('`').skip(1).step_by(2)) {
            if !snippet.contains(": ") {
                continue;
            }
            count += 1;
            if !can_be_written(snippet) {
                wrong.push(format!("{chapter}: `{snippet}`"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 30, "{count}");
    assert!(!can_be_written("{event: kill, cuont: 5}") && !can_be_written("repeat: {dayly: {}}"));
}
