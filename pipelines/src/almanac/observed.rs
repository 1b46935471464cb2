//! Recorded observations of weather: a table of hours by sites, read as a mapping says.
//!
//! A mapping names the columns and their units, and says by tests on the values which state an hour is in.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};

use csv::StringRecord;
use flate2::read::MultiGzDecoder;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use worldflow_schemas::definitions::Ordered;

use super::{Run, Zone};

/// How a table of observations is read.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ObservedDef {
    /// The column of the time, in RFC 3339: `time: time_hour`.
    pub time: String,
    /// The column that names the site: `site: origin`.
    pub site: String,
    /// What stands where nothing was measured: `missing: NA`.
    #[serde(default)]
    pub missing: String,
    /// The world's zones by the names of sites: `zones: {JFK: harbour}`. Without it a zone is called as its site.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub zones: BTreeMap<String, String>,
    /// The columns of what was measured: `measured: {temperature_c: {column: temp, unit: fahrenheit}}`.
    pub measured: BTreeMap<Quantity, ColumnDef>,
    /// The states: an hour is in the first whose tests hold.
    pub states: Ordered<ObservedState>,
    /// The months of each season, from 1: `seasons: {winter: [12, 1, 2]}`.
    pub seasons: Ordered<Vec<u32>>,
}

/// What is measured, with its unit in the world.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Quantity {
    /// Degrees Celsius.
    TemperatureC,
    /// 0 to 1.
    Humidity,
    /// Kilometres an hour.
    WindKmh,
    /// Metres.
    VisibilityM,
    /// Millimetres in the hour.
    RainMm,
}

/// A column and its unit.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ColumnDef {
    /// Its name: `column: temp`.
    pub column: String,
    /// What it is measured in: `unit: fahrenheit`.
    pub unit: Unit,
}

/// A unit of measurement.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    Celsius,
    Fahrenheit,
    Fraction,
    PerCent,
    KilometresPerHour,
    MilesPerHour,
    MetresPerSecond,
    Knots,
    Metres,
    Kilometres,
    Miles,
    Millimetres,
    Inches,
}

impl Unit {
    /// What it measures.
    fn measures(self, quantity: Quantity) -> bool {
        use Unit::{
            Celsius, Fahrenheit, Fraction, Inches, Kilometres, KilometresPerHour, Knots, Metres,
            MetresPerSecond, Miles, MilesPerHour, Millimetres, PerCent,
        };
        match quantity {
            Quantity::TemperatureC => matches!(self, Celsius | Fahrenheit),
            Quantity::Humidity => matches!(self, Fraction | PerCent),
            Quantity::WindKmh => matches!(self, KilometresPerHour | MilesPerHour | MetresPerSecond | Knots),
            Quantity::VisibilityM => matches!(self, Metres | Kilometres | Miles),
            Quantity::RainMm => matches!(self, Millimetres | Inches),
        }
    }

    /// A value in the world's unit. A mile has 1609.344 m, a knot is 1852 m in an hour, an inch has 25.4 mm.
    fn convert(self, value: f64) -> f64 {
        match self {
            Unit::Celsius | Unit::Fraction | Unit::KilometresPerHour | Unit::Metres | Unit::Millimetres => {
                value
            }
            Unit::Fahrenheit => (value - 32.0) / 1.8,
            Unit::PerCent => value / 100.0,
            Unit::MilesPerHour => value * 1.609_344,
            Unit::MetresPerSecond => value * 3.6,
            Unit::Knots => value * 1.852,
            Unit::Kilometres => value * 1000.0,
            Unit::Miles => value * 1609.344,
            Unit::Inches => value * 25.4,
        }
    }
}

/// A state: when an hour is in it, and what of it is not measured.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ObservedState {
    /// All of these hold; none are needed for the last: `when: {rain_mm: {above: 0}, temperature_c: {at_most: 1}}`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub when: BTreeMap<Quantity, BoundDef>,
    /// Its intensity in the climate, 0 to 1: `intensity: 0.6`.
    pub intensity: f64,
    /// Whether it can be severe: `severe: true`.
    pub severe: bool,
    /// Ground wetness gained per world hour: `wetness_per_hour: 0.2`. Without it the climate's default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wetness_per_hour: Option<f64>,
    /// Centimetres of snow gained per world hour: `snow_cm_per_hour: 1`. Without it the climate's default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snow_cm_per_hour: Option<f64>,
}

/// Bounds of a value; all that are given must hold. A value that was not measured is within none.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BoundDef {
    /// At least this: `at_least: 10`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_least: Option<f64>,
    /// More than this: `above: 0`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub above: Option<f64>,
    /// At most this: `at_most: 1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_most: Option<f64>,
    /// Less than this: `below: 1000`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub below: Option<f64>,
}

impl BoundDef {
    fn holds(&self, value: Option<f64>) -> bool {
        value.is_some_and(|value| {
            self.at_least.is_none_or(|bound| value >= bound)
                && self.above.is_none_or(|bound| value > bound)
                && self.at_most.is_none_or(|bound| value <= bound)
                && self.below.is_none_or(|bound| value < bound)
        })
    }
}

/// Observations cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ObservedError {
    /// The table cannot be read.
    #[error("{path}: {error}\nhint: it is to be a CSV file with a line of names, plain or in gzip")]
    Unreadable {
        /// The table.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The mapping does not fit the table.
    #[error("{why}\nhint: {hint}")]
    Mapping {
        /// What is wrong.
        why: String,
        /// What to do.
        hint: String,
    },
    /// A line cannot be read.
    #[error("{path}, line {line}: {why}\nhint: name in `missing` what stands where nothing was measured")]
    Line {
        /// The table.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        why: String,
    },
}

/// An hour at a site.
#[derive(Clone, PartialEq, Debug)]
pub struct Observed {
    /// When.
    pub at: Timestamp,
    /// What was measured.
    pub measured: BTreeMap<Quantity, f64>,
    /// The place of its state in the mapping.
    pub state: usize,
    /// The season.
    pub season: String,
}

/// Observations by zone, in the order of their times.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Observations {
    /// The states, as the mapping has them.
    pub states: Vec<(String, ObservedState)>,
    /// The seasons, in the mapping's order.
    pub seasons: Vec<String>,
    /// By zone.
    pub zones: BTreeMap<String, Vec<Observed>>,
    /// Lines whose state none of the tests says.
    pub without_state: u64,
}

/// The most lines of a table.
const MOST_LINES: usize = 20_000_000;

/// Two observations further apart than this have something between them that was not seen.
const GAP_H: f64 = 3.0;

/// Reads a table.
///
/// # Errors
/// When it cannot be read, or the mapping does not fit it.
pub fn read_observations(path: &Path, def: &ObservedDef) -> Result<Observations, ObservedError> {
    let io = |error| ObservedError::Unreadable { path: path.to_owned(), error };
    let mut file = BufReader::new(File::open(path).map_err(io)?);
    let gzip = file.fill_buf().map_err(io)?.starts_with(&[0x1f, 0x8b]);
    let reader: Box<dyn Read> = if gzip { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
    let mut table = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(reader);
    let head = table.headers().map_err(|error| io(error.into()))?.clone();
    let columns = Columns::of(def, &head)?;
    let mut observations = Observations {
        states: def.states.iter().map(|(name, state)| (name.to_owned(), state.clone())).collect(),
        seasons: def.seasons.iter().map(|(name, _)| name.to_owned()).collect(),
        ..Observations::default()
    };
    for record in table.into_records().take(MOST_LINES) {
        let record = record.map_err(|error| io(error.into()))?;
        let line = record.position().map_or(0, csv::Position::line);
        let read = columns.read(def, &record);
        match read.map_err(|why| ObservedError::Line { path: path.to_owned(), line, why })? {
            Some((zone, observed)) => observations.zones.entry(zone).or_default().push(observed),
            None => observations.without_state += 1,
        }
    }
    for observed in observations.zones.values_mut() {
        observed.sort_by_key(|observed| observed.at);
        // An hour that is written twice, as at the end of summer time, counts once.
        observed.dedup_by_key(|observed| observed.at);
    }
    Ok(observations)
}

/// Where in a line what stands.
struct Columns {
    time: usize,
    site: usize,
    measured: Vec<(Quantity, usize, Unit)>,
}

impl Columns {
    fn of(def: &ObservedDef, head: &StringRecord) -> Result<Columns, ObservedError> {
        let names: Vec<&str> = head.iter().collect();
        let place = |name: &str| {
            names.iter().position(|other| *other == name).ok_or_else(|| ObservedError::Mapping {
                why: format!("the table has no column `{name}`"),
                hint: format!("it has {}", names.join(", ")),
            })
        };
        let mut measured = Vec::new();
        for (quantity, ColumnDef { column, unit }) in &def.measured {
            if !unit.measures(*quantity) {
                let why = format!("`{column}`: {unit:?} is no unit of {quantity:?}");
                return Err(ObservedError::Mapping {
                    why,
                    hint: "docs/weather.md lists the units".to_owned(),
                });
            }
            measured.push((*quantity, place(column)?, *unit));
        }
        let mut told_by = def.states.iter().flat_map(|(_, state)| state.when.keys());
        let missing = told_by.find(|quantity| !def.measured.contains_key(quantity));
        if let Some(quantity) = missing {
            let why = format!("a state is told by {quantity:?}, which is not measured");
            return Err(ObservedError::Mapping { why, hint: "name its column in `measured`".to_owned() });
        }
        Ok(Columns { time: place(&def.time)?, site: place(&def.site)?, measured })
    }

    /// An hour of a zone; `None` when it is in no state.
    fn read(&self, def: &ObservedDef, record: &StringRecord) -> Result<Option<(String, Observed)>, String> {
        let text = |place: usize| record.get(place).unwrap_or_default();
        let at: Timestamp =
            text(self.time).parse().map_err(|_| format!("`{}` is not a time", text(self.time)))?;
        let mut measured = BTreeMap::new();
        for (quantity, place, unit) in &self.measured {
            let text = text(*place);
            if text == def.missing || text.is_empty() {
                continue;
            }
            let value: f64 = text.parse().map_err(|_| format!("`{text}` is not a number"))?;
            if !value.is_finite() {
                return Err(format!("`{text}` is not a number"));
            }
            measured.insert(*quantity, unit.convert(value));
        }
        let holds = |state: &ObservedState| {
            state.when.iter().all(|(quantity, bound)| bound.holds(measured.get(quantity).copied()))
        };
        let Some(state) = def.states.iter().position(|(_, state)| holds(state)) else { return Ok(None) };
        let month = u32::try_from(at.to_zoned(jiff::tz::TimeZone::UTC).month()).unwrap_or(0);
        let season = def.seasons.iter().find(|(_, months)| months.contains(&month));
        let season =
            season.map(|(name, _)| name.to_owned()).ok_or_else(|| format!("no season has month {month}"))?;
        let site = text(self.site);
        let zone = def.zones.get(site).map_or(site, String::as_str).to_owned();
        Ok(Some((zone, Observed { at, measured, state, season })))
    }
}

impl Observations {
    /// The runs of states of each zone. A run ends where something was not seen.
    #[must_use]
    pub fn runs(&self) -> Vec<Zone> {
        let zones = self.zones.iter().map(|(name, observed)| Zone {
            name: name.clone(),
            climate: "observed".to_owned(),
            runs: runs(observed, &self.states),
        });
        zones.collect()
    }

    /// The observations as lines of a recording that forces the weather: one where a zone's state changes.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut changes: Vec<(Timestamp, &str, &str)> = Vec::new();
        for (zone, observed) in &self.zones {
            let mut last = None;
            for observed in
                observed.iter().filter(|observed| last.replace(observed.state) != Some(observed.state))
            {
                changes.push((observed.at, zone, &self.states[observed.state].0));
            }
        }
        changes.sort();
        let line = |(at, zone, state): (Timestamp, &str, &str)| {
            serde_json::json!({"at": at.to_string(), "weather": {"zone": zone, "state": state}}).to_string()
        };
        changes.into_iter().map(line).collect()
    }
}

fn runs(observed: &[Observed], states: &[(String, ObservedState)]) -> Vec<Run> {
    let Some(first) = observed.first() else { return Vec::new() };
    #[expect(clippy::cast_precision_loss, reason = "hours of a few years")]
    let hours_at = |at: Timestamp| (at.as_second() - first.at.as_second()) as f64 / 3600.0;
    let mut runs: Vec<Run> = Vec::new();
    let mut last_h = 0.0;
    for observed in observed {
        let at_h = hours_at(observed.at);
        let state = &states[observed.state].0;
        let seen = at_h - last_h <= GAP_H;
        if let Some(run) = runs.last_mut() {
            // An hour is what it was observed to be until the next one is.
            run.hours = if seen { at_h } else { last_h + 1.0 } - run.from_h;
            if seen && run.state == *state {
                last_h = at_h;
                continue;
            }
            run.ended = seen;
        }
        let (state, season) = (state.clone(), observed.season.clone());
        runs.push(Run { state, season, from_h: at_h, hours: 1.0, ended: false });
        last_h = at_h;
    }
    if let Some(run) = runs.last_mut() {
        run.hours = last_h + 1.0 - run.from_h;
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAP: &str = "
time: time
site: site
missing: NA
zones: {JFK: harbour}
measured:
  temperature_c: {column: temp, unit: fahrenheit}
  rain_mm: {column: rain, unit: inches}
states:
  snow: {when: {rain_mm: {above: 0}, temperature_c: {at_most: 0}}, intensity: 0.6}
  rain: {when: {rain_mm: {above: 0}}, intensity: 0.6}
  clear: {}
seasons: {winter: [12, 1, 2], rest: [3, 4, 5, 6, 7, 8, 9, 10, 11]}
";

    fn read(map: &str, table: &str) -> Result<Observations, ObservedError> {
        let def: ObservedDef = serde_saphyr::from_str(map).expect("a mapping");
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), table).expect("written");
        read_observations(file.path(), &def)
    }

    const TABLE: &str = "\
site,time,temp,rain
JFK,2013-01-01T00:00:00Z,14,0.5
JFK,2013-01-01T02:00:00Z,50,0.5
JFK,2013-01-01T01:00:00Z,32,NA
JFK,2013-01-01T03:00:00Z,50,0.1
JFK,2013-03-01T00:00:00Z,50,0
EWR,2013-01-01T00:00:00Z,NA,1
";

    #[test]
    fn hours_become_runs_of_states_in_the_order_of_their_times() {
        let observations = read(MAP, TABLE).expect("readable");
        let zones = observations.runs();
        assert_eq!(zones.iter().map(|zone| zone.name.as_str()).collect::<Vec<_>>(), ["EWR", "harbour"]);
        let runs = &zones[1].runs;
        let shown: Vec<_> = runs.iter().map(|run| (run.state.as_str(), run.hours, run.ended)).collect();
        assert_eq!(
            shown,
            [("snow", 1.0, true), ("clear", 1.0, true), ("rain", 2.0, false), ("clear", 1.0, false)]
        );
        assert_eq!(runs.last().map(|run| run.season.as_str()), Some("rest"));
        // Not measured is not cold.
        assert_eq!(zones[0].runs[0].state, "rain");
        let lines = observations.lines();
        assert_eq!(lines.len(), 5);
        assert_eq!(lines[1], r#"{"at":"2013-01-01T00:00:00Z","weather":{"state":"snow","zone":"harbour"}}"#);
    }

    #[test]
    fn a_mapping_that_does_not_fit_says_what_there_is() {
        for (from, to, says) in [
            ("column: temp,", "column: tmp,", "no column `tmp`\nhint: it has site, time, temp, rain"),
            ("unit: inches", "unit: miles", "is no unit of"),
            ("site: site", "site: place", "no column `place`"),
            ("[12, 1, 2]", "[12, 2]", "line 2: no season has month 1"),
            ("missing: NA", "missing: none", "line 4: `NA` is not a number"),
        ] {
            let error = read(&MAP.replace(from, to), TABLE).expect_err(from);
            assert!(error.to_string().contains(says), "{error}");
        }
    }
}
