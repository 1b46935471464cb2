//! What would be more and more for as long as a world runs.

use expect_test::expect;

use crate::problems;

#[test]
fn a_view_over_all_grants_piles_up() {
    let views = "\
-- What was paid.
CREATE VIEW paid AS SELECT grant, player, item FROM grants;
CREATE VIEW lately AS SELECT grant, player FROM grants WHERE now() <= tick + INTERVAL '1 day';
CREATE VIEW by_item AS SELECT item, count(*) AS n FROM grants WHERE item IS NOT NULL GROUP BY item;
CREATE VIEW old AS SELECT * FROM past_grants;
";
    expect![[r#"
        warning: views/all.sql:2:13: rows of `grants` pile up in `paid` for as long as the world runs
          |
        2 | CREATE VIEW paid AS SELECT grant, player, item FROM grants;
          |             ^^^^
        hint: bound it in time, `now() <= tick + INTERVAL '1 day'`, choose `status = 'pending'`, group it by player, quest or item, or keep the first rows

        warning: views/all.sql:5:13: rows of `past_grants` pile up in `old` for as long as the world runs
          |
        5 | CREATE VIEW old AS SELECT * FROM past_grants;
          |             ^^^
        hint: choose a scope, `scope = 'player'`, group it by player, quest or item, or keep the first rows

    "#]]
    .assert_eq(&problems(&[("views/all.sql", views)]));
}
