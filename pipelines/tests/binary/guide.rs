//! The guide for designers, followed word by word: every file and every command of every chapter.

use std::path::Path;

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
