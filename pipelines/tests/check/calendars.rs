//! Conditions of calendars: what cannot be.

use expect_test::expect;

use crate::{quest, world};

#[test]
fn days_and_dates_must_be_possible() {
    quest(
        "wolves:
  title: Wolves
  requires:
    all:
      - {weekday: sunday}
      - {month: Firstmoth, day: {at_least: first}}
      - {dates: {zone: UTC}}
      - {dates: {weekdays: [saturday], days: [32], zone: UTC}}
      - {dates: {from: 2026-12-20 04:00, until: 2026-12-19 04:00, zone: UTC}}
      - {dates: {months: [12], zone: Moon/Base}}
      - {occasion: fair}
      - {chance: {of: luck, percent: 100, every: {day: {at: '25:00', zone: Moon/Base}}}}
  stages: {hunt: {objectives: {a: {event: kill}}}}
",
        expect![[r#"
            error: quests/wolves.yaml:5:19: unknown weekday `sunday`
              |
            5 | - {weekday: sunday}
              |             ^^^^^^
            hint: weekdays are declared in world.yaml under `clock: calendar: weekdays`: `day1`, `day2`, `day3`, `day4`, `day5`, `day6`, `day7`

            error: quests/wolves.yaml:6:17: unknown month `Firstmoth`
              |
            6 | - {month: Firstmoth, day: {at_least: first}}
              |           ^^^^^^^^^
            hint: did you mean `Firstmonth`? months are declared in world.yaml under `clock: calendar: months`

            error: quests/wolves.yaml:6:44: `at_least` needs a number
              |
            6 | - {month: Firstmoth, day: {at_least: first}}
              |                                      ^^^^^
            hint: compare text with `is`, `is_not` or `one_of`

            error: quests/wolves.yaml:7:10: this is always so
              |
            7 | - {dates: {zone: UTC}}
              |    ^^^^^
            hint: give `from`, `until`, `weekdays`, `days`, `months` or `hours`

            error: quests/wolves.yaml:8:10: there is no day of a month 32; write 1 to 31
              |
            8 | - {dates: {weekdays: [saturday], days: [32], zone: UTC}}
              |    ^^^^^
            hint: write for example `{weekdays: [saturday], zone: Europe/Berlin}`

            error: quests/wolves.yaml:9:49: no moment lies in between
              |
            9 | - {dates: {from: 2026-12-20 04:00, until: 2026-12-19 04:00, zone: UTC}}
              |                                           ^^^^^^^^^^^^^^^^
            hint: it ends before or as it begins: let `until` be later; a moment that a change of the clock skips is the next one that there is

            error: quests/wolves.yaml:10:38: unknown time zone `Moon/Base`
               |
            10 | - {dates: {months: [12], zone: Moon/Base}}
               |                                ^^^^^^^^^
            hint: use a name of the IANA database, such as `Europe/Berlin` or `UTC`

            error: quests/wolves.yaml:11:20: unknown occasion `fair`
               |
            11 | - {occasion: fair}
               |              ^^^^
            hint: occasions are declared in world.yaml under `occasions`

            error: quests/wolves.yaml:12:38: with 100 percent nothing is left to chance
               |
            12 | - {chance: {of: luck, percent: 100, every: {day: {at: '25:00', zone: Moon/Base}}}}
               |                                ^^^
            hint: give 1 to 99

            error: quests/wolves.yaml:12:61: `25:00` is no time of day
               |
            12 | - {chance: {of: luck, percent: 100, every: {day: {at: '25:00', zone: Moon/Base}}}}
               |                                                       ^^^^^^^
            hint: write hours and minutes in quotes: `"07:30"`

            error: quests/wolves.yaml:12:76: unknown time zone `Moon/Base`
               |
            12 | - {chance: {of: luck, percent: 100, every: {day: {at: '25:00', zone: Moon/Base}}}}
               |                                                                      ^^^^^^^^^
            hint: use a name of the IANA database, such as `Europe/Berlin` or `UTC`

        "#]],
    );
}

#[test]
fn an_occasion_must_be_at_some_time() {
    world(
        "occasions:
  fair: {zone: UTC}
  feast: {until: tomorrow, zone: UTC}
",
        expect![[r#"
            error: world.yaml:19:3: this is always so
               |
            19 | fair: {zone: UTC}
               | ^^^^
            hint: give `from`, `until`, `weekdays`, `days`, `months` or `hours`

            error: world.yaml:20:18: `tomorrow` is no moment
               |
            20 | feast: {until: tomorrow, zone: UTC}
               |                ^^^^^^^^
            hint: write for example `2026-12-20 04:00`

        "#]],
    );
}

/// Each is marked where it stands.
#[test]
fn moments_and_zones_of_windows_are_told_apart() {
    let stages = "stages: {s: {objectives: {o: {event: kill}}}}";
    quest(
        &format!(
            "wolves:\n  title: W\n  {stages}\n  window: {{from: 2026-02-30 04:00, until: soon, zone: Europe/Berln}}\n"
        ),
        expect![[r#"
            error: quests/wolves.yaml:4:18: `2026-02-30 04:00` is no moment
              |
            4 | window: {from: 2026-02-30 04:00, until: soon, zone: Europe/Berln}
              |                ^^^^^^^^^^^^^^^^
            hint: write for example `2026-12-20 04:00`

            error: quests/wolves.yaml:4:43: `soon` is no moment
              |
            4 | window: {from: 2026-02-30 04:00, until: soon, zone: Europe/Berln}
              |                                         ^^^^
            hint: write for example `2026-12-20 04:00`

            error: quests/wolves.yaml:4:55: unknown time zone `Europe/Berln`
              |
            4 | window: {from: 2026-02-30 04:00, until: soon, zone: Europe/Berln}
              |                                                     ^^^^^^^^^^^^
            hint: did you mean `Europe/Berlin`? use a name of the IANA database, such as `Europe/Berlin` or `UTC`

        "#]],
    );
}
