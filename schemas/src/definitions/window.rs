//! Times of the real calendar at which quests are offered: windows of one quest, and pools of several.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::quest::Repeat;
use super::reset::instant;

/// A stretch of the real calendar.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WindowDef {
    /// When it begins, as `YYYY-MM-DD HH:MM`; always has been when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// When it ends, this moment excluded; never when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// An IANA time zone.
    pub zone: String,
    /// An active instance expires at the end.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub closes: bool,
}

/// A pool: of the quests that name it, some are offered at a time.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PoolDef {
    /// How many are offered.
    pub pick: u32,
    /// When others are drawn: `daily`, `weekly`, `monthly` or `calendar`, as for `repeat`.
    pub every: Repeat,
    /// Whether all are offered the same, or each holder its own.
    #[serde(default)]
    pub per: PoolPer,
    /// An active instance expires when others are drawn.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub closes: bool,
}

/// For whom a pool draws.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PoolPer {
    /// Once for all.
    #[default]
    Realm,
    /// For each holder.
    Holder,
}

/// A window in UTC milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Window {
    /// The first moment; none when it always has been open.
    pub from_ms: Option<i64>,
    /// The first moment after it; none when it never ends.
    pub until_ms: Option<i64>,
}

impl Window {
    /// Reads a window; the error says what is wrong with a moment or the zone.
    pub fn new(def: &WindowDef) -> Result<Window, String> {
        let zone = TimeZone::get(&def.zone).map_err(|_| {
            format!("`{}` is not an IANA time zone; write for example `Europe/Berlin`", def.zone)
        })?;
        let moment = |text: &Option<String>| text.as_ref().map(|text| moment(text, &zone)).transpose();
        Ok(Window { from_ms: moment(&def.from)?, until_ms: moment(&def.until)? })
    }

    /// Whether a moment lies in it.
    #[must_use]
    pub fn holds(&self, ms: i64) -> bool {
        self.from_ms.is_none_or(|from| from <= ms) && self.until_ms.is_none_or(|until| ms < until)
    }

    /// The next moment after `ms` at which it begins or ends.
    #[must_use]
    pub fn next_after(&self, ms: i64) -> Option<i64> {
        [self.from_ms, self.until_ms].into_iter().flatten().filter(|edge| *edge > ms).min()
    }
}

/// A local moment as UTC milliseconds, in a gap or a fold as for a reset.
fn moment(text: &str, zone: &TimeZone) -> Result<i64, String> {
    let wrong = || format!("`{text}` is no moment; write for example `2026-12-20 04:00`");
    let local = DateTime::strptime("%Y-%m-%d %H:%M", text).map_err(|_| wrong())?;
    instant(zone, local).map(|at| at.as_millisecond()).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(from: &str, until: &str) -> Result<Window, String> {
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let def = WindowDef {
            from: text(from),
            until: text(until),
            zone: "Europe/Berlin".to_owned(),
            closes: false,
        };
        Window::new(&def)
    }

    #[test]
    fn a_window_is_read_in_its_zone_and_its_end_is_outside() {
        let december = window("2026-12-20 04:00", "2027-01-07 04:00").expect("right");
        let ms = |text: &str| text.parse::<jiff::Timestamp>().expect("an instant").as_millisecond();
        let (from, until) = (ms("2026-12-20T03:00:00Z"), ms("2027-01-07T03:00:00Z"));
        assert_eq!(december, Window { from_ms: Some(from), until_ms: Some(until) });
        for (at, holds, next) in [
            (from - 1, false, Some(from)),
            (from, true, Some(until)),
            (until - 1, true, Some(until)),
            (until, false, None),
        ] {
            assert_eq!((december.holds(at), december.next_after(at)), (holds, next));
        }
        assert!(window("", "").expect("right").holds(0));
    }

    #[test]
    fn what_is_no_moment_says_so() {
        for wrong in ["tomorrow", "2026-13-01 00:00", "2026-12-20"] {
            assert!(window(wrong, "").expect_err("wrong").contains(wrong));
        }
    }
}
