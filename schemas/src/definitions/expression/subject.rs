//! What names in conditions stand for.

use super::{ExpressionError, Part};
use crate::input::Scope;

/// What a name stands for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Subject<'a> {
    /// `clock.phase`, `phase`
    Phase,
    /// `clock.season`, `season`
    Season,
    /// `clock.time`
    Time,
    /// `moon.silver`
    Moon(&'a Part),
    /// `weather.state`
    WeatherState,
    /// `weather.intensity`
    WeatherIntensity,
    /// `weather.lasting`
    WeatherLasting,
    /// `region`
    Region,
    /// `player.level`, `level`
    Level,
    /// `quest.lost_flock`
    Quest(&'a Part),
    /// `player.gold`, `fact.gold`, `gold`
    Fact(Option<Scope>, &'a Part),
}

impl Subject<'_> {
    /// What a name stands for, where something is to be compared.
    ///
    /// # Errors
    /// When its first part leads nowhere.
    pub fn of(parts: &[Part]) -> Result<Subject<'_>, ExpressionError> {
        let texts: Vec<&str> = parts.iter().map(|part| part.text.as_str()).collect();
        let subject = match (texts.as_slice(), parts) {
            (["phase"] | ["clock", "phase"], _) => Subject::Phase,
            (["season"] | ["clock", "season"], _) => Subject::Season,
            (["clock", "time"], _) => Subject::Time,
            (["weather", "state"], _) => Subject::WeatherState,
            (["weather", "intensity"], _) => Subject::WeatherIntensity,
            (["weather", "lasting"], _) => Subject::WeatherLasting,
            (["region"], _) => Subject::Region,
            (["level"] | ["player", "level"], _) => Subject::Level,
            (["moon", _], [_, moon]) => Subject::Moon(moon),
            (["quest", _], [_, quest]) => Subject::Quest(quest),
            (["fact", _], [_, fact]) => Subject::Fact(None, fact),
            ([first, _], [_, fact]) => match Scope::ALL.into_iter().find(|scope| scope.name() == *first) {
                Some(scope) => Subject::Fact(Some(scope), fact),
                None => return Err(unknown(parts)),
            },
            ([_], [fact]) => Subject::Fact(None, fact),
            _ => return Err(unknown(parts)),
        };
        Ok(subject)
    }
}

fn unknown(parts: &[Part]) -> ExpressionError {
    let text: Vec<&str> = parts.iter().map(|part| part.text.as_str()).collect();
    let (from, to) = (parts.first().map_or(0, |part| part.from), parts.last().map_or(0, |part| part.to));
    let hint = match text.first() {
        Some(&"clock") => "the clock has `clock.phase`, `clock.season` and `clock.time`",
        Some(&"view") => "a row of a view is found by its whole key: `view.hunters[player].kills`",
        Some(&"weather") => "weather has `weather.state`, `weather.intensity` and `weather.lasting`",
        _ => {
            "names are `clock.phase`, `clock.season`, `clock.time`, `moon.<name>`, `weather.state`, `weather.intensity`, \
             `weather.lasting`, `region`, `player.level`, `quest.<id>`, and facts: `<fact>`, or with their scope, \
             `player.<fact>`; and rows of views: `view.<name>[<key>].<column>`"
        }
    };
    ExpressionError::new(from, to, format!("nothing is called `{}`", text.join(".")), hint)
}
