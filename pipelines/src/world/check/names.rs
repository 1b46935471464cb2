//! Every name that a definition may refer to.

use std::collections::{BTreeMap, BTreeSet};

use super::views::Views;
use crate::world::collected::Definitions;

pub(super) use worldflow_sources::check::QUEST_KINDS;

/// What a name names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Sort {
    Climate,
    Fact,
    Kind,
    Lifetime,
    Month,
    Moon,
    Occasion,
    Phase,
    Pool,
    Quest,
    Region,
    Season,
    State,
    Target,
    Tier,
    View,
    Weekday,
    Zone,
}

impl Sort {
    /// What a designer calls it.
    pub(super) fn label(self) -> &'static str {
        match self {
            Sort::Climate => "climate",
            Sort::Fact => "fact",
            Sort::Kind => "kind of event",
            Sort::Lifetime => "lifetime counter",
            Sort::Month => "month",
            Sort::Moon => "moon",
            Sort::Occasion => "occasion",
            Sort::Phase => "phase of the day",
            Sort::Pool => "pool",
            Sort::Quest => "quest",
            Sort::Region => "region",
            Sort::Season => "season",
            Sort::State => "weather",
            Sort::Target => "target",
            Sort::Tier => "tier",
            Sort::View => "view",
            Sort::Weekday => "weekday",
            Sort::Zone => "zone",
        }
    }

    /// Where one is declared.
    pub(super) fn declared_in(self) -> &'static str {
        match self {
            Sort::Climate => "climates are declared in climates/",
            Sort::Fact => "facts are declared in world.yaml under `facts`",
            Sort::Kind => "kinds are declared in world.yaml under `kinds`",
            Sort::Lifetime => "lifetime counters are declared in world.yaml under `lifetime`",
            Sort::Month => "months are declared in world.yaml under `clock: calendar: months`",
            Sort::Moon => "moons are declared in world.yaml under `clock: calendar: moons`",
            Sort::Occasion => "occasions are declared in world.yaml under `occasions`",
            Sort::Phase => "phases are declared in world.yaml under `clock: phases`",
            Sort::Pool => "pools are declared in world.yaml under `pools`",
            Sort::Quest => "quests are declared in quests/",
            Sort::Region => "regions are declared in world.yaml under `regions`",
            Sort::Season => "seasons are declared in world.yaml under `clock: calendar: seasons`",
            Sort::State => "states of the weather are declared in climates/",
            Sort::Target => "targets are declared in entities.yaml, as ids or tags",
            Sort::Tier => "tiers are declared in world.yaml under `tiers`",
            Sort::View => "`worldflow views` lists them",
            Sort::Weekday => "weekdays are declared in world.yaml under `clock: calendar: weekdays`",
            Sort::Zone => "zones are declared in world.yaml under `zones`",
        }
    }
}

/// All names of a world.
#[derive(Debug, Default)]
pub(super) struct Names<'a> {
    climates: BTreeSet<&'a str>,
    entities: BTreeSet<&'a str>,
    facts: BTreeSet<&'a str>,
    kinds: BTreeSet<&'a str>,
    lifetime: BTreeSet<&'a str>,
    months: BTreeSet<&'a str>,
    moons: BTreeSet<&'a str>,
    occasions: BTreeSet<&'a str>,
    phases: BTreeSet<&'a str>,
    pools: BTreeSet<&'a str>,
    quests: BTreeSet<&'a str>,
    regions: BTreeSet<&'a str>,
    seasons: BTreeSet<&'a str>,
    states: BTreeSet<&'a str>,
    targets: BTreeSet<&'a str>,
    /// The entities that carry each tag.
    tags: BTreeMap<&'a str, Vec<&'a str>>,
    tiers: BTreeSet<&'a str>,
    views: BTreeSet<&'a str>,
    weekdays: BTreeSet<&'a str>,
    zones: BTreeSet<&'a str>,
    /// `world.yaml` could not be read.
    worldless: bool,
    /// Keys of it of which something could not be read.
    misread: BTreeSet<&'a str>,
    /// Kinds of files of which one could not be parsed.
    unparsed: BTreeSet<&'a str>,
    /// Some view in SQL could not be read.
    viewless: bool,
}

fn keys<T>(map: &std::collections::BTreeMap<String, T>) -> BTreeSet<&str> {
    map.keys().map(String::as_str).collect()
}

impl<'a> Names<'a> {
    /// The names that these definitions declare.
    pub(super) fn of(definitions: &'a Definitions<'a>, views: &Views) -> Names<'a> {
        let mut names = Names {
            climates: keys(&definitions.climates),
            quests: keys(&definitions.quests),
            targets: keys(&definitions.entities),
            entities: keys(&definitions.entities),
            kinds: QUEST_KINDS.into_iter().collect(),
            views: views.names(),
            viewless: views.incomplete,
            worldless: definitions.world.is_none(),
            misread: definitions.misread.iter().map(String::as_str).collect(),
            unparsed: definitions.unparsed.iter().map(String::as_str).collect(),
            ..Names::default()
        };
        for (id, placed) in &definitions.entities {
            for tag in &placed.definition.tags {
                names.tags.entry(tag).or_default().push(id);
            }
        }
        names.targets.extend(names.tags.keys());
        let climates = definitions.climates.values().map(|placed| &placed.definition);
        names.states = climates.flat_map(|climate| climate.states.keys().map(String::as_str)).collect();
        let unreadable = definitions.unreadable.iter().map(String::as_str);
        names.climates.extend(unreadable.clone());
        names.quests.extend(unreadable.clone());
        names.targets.extend(unreadable);
        if let Some(world) = definitions.world.as_ref().map(|placed| &placed.definition) {
            names.facts = keys(&world.facts);
            names.kinds.extend(keys(&world.kinds));
            names.lifetime = keys(&world.lifetime);
            let calendar = &world.clock.calendar;
            names.months = calendar.months.iter().map(|month| month.name.as_str()).collect();
            names.weekdays = calendar.weekdays.iter().map(String::as_str).collect();
            names.occasions = keys(&world.occasions);
            names.moons = keys(&world.clock.calendar.moons);
            names.phases = world.clock.phases.iter().map(|(name, _)| name).collect();
            names.pools = keys(&world.pools);
            names.regions = keys(&world.regions);
            names.seasons = world.clock.calendar.seasons.iter().map(|season| season.name.as_str()).collect();
            names.tiers = keys(&world.tiers);
            names.zones = keys(&world.zones);
        }
        names
    }

    /// The names of a sort.
    pub(super) fn of_sort(&self, sort: Sort) -> &BTreeSet<&'a str> {
        match sort {
            Sort::Climate => &self.climates,
            Sort::Fact => &self.facts,
            Sort::Kind => &self.kinds,
            Sort::Lifetime => &self.lifetime,
            Sort::Month => &self.months,
            Sort::Moon => &self.moons,
            Sort::Occasion => &self.occasions,
            Sort::Phase => &self.phases,
            Sort::Pool => &self.pools,
            Sort::Quest => &self.quests,
            Sort::Region => &self.regions,
            Sort::Season => &self.seasons,
            Sort::State => &self.states,
            Sort::Target => &self.targets,
            Sort::Tier => &self.tiers,
            Sort::View => &self.views,
            Sort::Weekday => &self.weekdays,
            Sort::Zone => &self.zones,
        }
    }

    /// Whether some entity carries it.
    pub(super) fn is_tag(&self, name: &str) -> bool {
        self.tags.contains_key(name)
    }

    /// The entities of these ids and tags.
    pub(super) fn carriers(&self, targets: &[String]) -> BTreeSet<&str> {
        let tagged = targets.iter().filter_map(|name| self.tags.get(name.as_str())).flatten().copied();
        let named = targets.iter().filter_map(|name| self.entities.get(name.as_str())).copied();
        tagged.chain(named).collect()
    }

    /// Whether names of this sort may be missing because the file that declares them has mistakes
    /// of shape, which are reported already.
    pub(super) fn incomplete(&self, sort: Sort) -> bool {
        let section = match sort {
            Sort::View => return self.viewless,
            Sort::Climate | Sort::State => return self.unparsed.contains("climates"),
            Sort::Quest => return self.unparsed.contains("quests") || self.unparsed.contains("templates"),
            Sort::Target => {
                return self.unparsed.contains("entities") || self.misread.contains("entities");
            }
            Sort::Month | Sort::Moon | Sort::Phase | Sort::Season | Sort::Weekday => "clock",
            Sort::Fact => "facts",
            Sort::Kind => "kinds",
            Sort::Lifetime => "lifetime",
            Sort::Occasion => "occasions",
            Sort::Pool => "pools",
            Sort::Region => "regions",
            Sort::Tier => "tiers",
            Sort::Zone => "zones",
        };
        self.worldless || self.misread.contains(section)
    }
}
