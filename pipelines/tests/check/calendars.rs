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
        expect![[r#""#]],
    );
}

#[test]
fn an_occasion_must_be_at_some_time() {
    world(
        "occasions:
  fair: {zone: UTC}
  feast: {until: tomorrow, zone: UTC}
",
        expect![[r#""#]],
    );
}
