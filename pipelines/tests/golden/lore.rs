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
    expect![[r#"
        1: +1 lore document=kingdom/crown chunk=#1 heading= text=It is lost. digest=f10c99d80a142c39efef7c7b54d727e8 topics=[] known_by= locale=
        1: +1 lore document=lake chunk=Depth#1 heading=Depth text=Nobody knows. digest=3e6f08e26fa70f4d0861e7170947e582 topics=["lake"] known_by=["tam","wise"] locale=en
        1: +1 lore document=lake chunk=Fish#1 heading=Fish text=Pike. digest=1dd11dc0cddee82edf640b53145b8115 topics=["lake"] known_by=["tam","wise"] locale=en
        5: +1 lore document=mill chunk=#1 heading= text=It turns. digest=a153d57d17efce012c71c740688e7856 topics=[] known_by= locale=
        7: -1 lore document=lake chunk=Depth#1 heading=Depth text=Nobody knows. digest=3e6f08e26fa70f4d0861e7170947e582 topics=["lake"] known_by=["tam","wise"] locale=en
        7: +1 lore document=lake chunk=Depth#1 heading=Depth text=Nobody knows. digest=3e6f08e26fa70f4d0861e7170947e582 topics=[] known_by= locale=
        7: -1 lore document=lake chunk=Fish#1 heading=Fish text=Pike. digest=1dd11dc0cddee82edf640b53145b8115 topics=["lake"] known_by=["tam","wise"] locale=en
        7: +1 lore document=lake chunk=Fish#1 heading=Fish text=Pike. digest=1dd11dc0cddee82edf640b53145b8115 topics=[] known_by= locale=
        8: -1 lore document=lake chunk=Fish#1 heading=Fish text=Pike. digest=1dd11dc0cddee82edf640b53145b8115 topics=[] known_by= locale=
        8: +1 lore document=lake chunk=Fish#1 heading=Fish text=Trout. digest=a4e59a66172e55901ac0b96cd47d5ffe topics=[] known_by= locale=
        10: -1 lore document=mill chunk=#1 heading= text=It turns. digest=a153d57d17efce012c71c740688e7856 topics=[] known_by= locale=
        12: -1 lore document=kingdom/crown chunk=#1 heading= text=It is lost. digest=f10c99d80a142c39efef7c7b54d727e8 topics=[] known_by= locale=
    "#]].assert_eq(&golden.changes(&["lore"]));
    golden.check_laws();
}
