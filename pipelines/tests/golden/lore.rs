//! Lore of a world's folder, and documents that are added, edited and removed while it runs.

use expect_test::expect;

use crate::script::Golden;

const WORLD: &str = "
name: golden
seed: 7
tick_ms: 10
lore: {shared: [../kingdom]}
";

#[test]
fn rows_of_lore_follow_their_documents() {
    let files = [
        ("world.yaml", WORLD),
        ("entities.yaml", "{tam: {kind: npc}, ysa: {kind: npc, tags: [wise]}}"),
        (
            "lore/lake.md",
            "---\ntopics: lake\nknown_by: [tam, wise]\nlocale: en\n---\n# Depth\nNobody knows.\n\n# Fish\nPike.\n",
        ),
        ("shared/kingdom/crown.md", "It is lost."),
    ];
    let golden = Golden::new(
        &files,
        r"
        5 lore mill It turns.
        7 lore lake # Depth\nNobody knows.\n# Fish\nPike.
        8 lore lake # Depth\nNobody knows.\n# Fish\nTrout.
        9 lore lake # Depth\nNobody knows.\n# Fish\nTrout.
        10 lore mill drop
        12 lore kingdom/crown drop
        14 wait
        ",
    );
    expect![[r#""#]].assert_eq(&golden.changes(&["lore"]));
    golden.check_laws();
}
