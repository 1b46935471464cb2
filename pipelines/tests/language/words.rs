//! The words, in the order of the page.

/// A word of the language.
pub(crate) struct Word {
    pub(crate) word: &'static str,
    /// How it is written.
    pub(crate) how: &'static str,
    /// The golden test that shows it.
    pub(crate) test: &'static str,
    /// What stands in that test, where it is not `how`.
    pub(crate) needle: &'static str,
}

impl Word {
    /// What the golden test has to hold.
    pub(crate) fn shown(&self) -> &'static str {
        if self.needle.is_empty() { self.how } else { self.needle }
    }
}

const fn word(word: &'static str, how: &'static str, test: &'static str) -> Word {
    Word { word, how, test, needle: "" }
}

const fn by(word: &'static str, how: &'static str, test: &'static str, needle: &'static str) -> Word {
    Word { word, how, test, needle }
}

/// Every word, by section.
pub(crate) const SECTIONS: &[(&str, &[Word])] = &[
    (
        "Objectives of events",
        &[
            by("kill", "{event: kill}", "deeds_are_kinds_of_events", "\"kill\""),
            by("assist", "{event: assist}", "deeds_are_kinds_of_events", "\"assist\""),
            word(
                "collect: what is held counts",
                "minus: [{event: lose, target: herb}], latched: false",
                "collected_items_count_as_long_as_they_are_held",
            ),
            word(
                "gather: what came counts",
                "{event: gain, target: herb, count: 3}",
                "gathered_items_count_for_good",
            ),
            by("deliver, turn in", "{event: deliver}", "deeds_are_kinds_of_events", "\"deliver\""),
            by("craft", "{event: craft}", "deeds_are_kinds_of_events", "\"craft\""),
            by("use an item", "{event: use_item}", "deeds_are_kinds_of_events", "\"use_item\""),
            by("use an object", "{event: interact}", "deeds_are_kinds_of_events", "\"interact\""),
            by("cast", "{event: cast}", "deeds_are_kinds_of_events", "\"cast\""),
            by("talk", "{event: talk}", "deeds_are_kinds_of_events", "\"talk\""),
            by("choose", "{event: choose}", "deeds_are_kinds_of_events", "\"choose\""),
            by("reach, enter", "{event: enter}", "deeds_are_kinds_of_events", "\"enter\""),
            by("leave", "{event: leave}", "deeds_are_kinds_of_events", "\"leave\""),
            word("explore so many of a set", "{event: visit, distinct: 2}", "counts_sums_and_different_ones"),
            word("stay in an area", "{holds: {region: moor}, for: 30ms}", "staying_in_an_area_for_a_time"),
            word("survive", "{holds: {}, for: 50ms, reset_on: [{event: die}]}", "surviving_for_a_time"),
            word("escort", "fail_on: [{event: die, target: farmer}]", "an_escort_arrives_alive"),
            word("protect", "{holds: {}, for: 40ms}", "protecting_until_time_is_over"),
            word(
                "defeat without being hit",
                "reset_on: [{event: hurt}]",
                "defeating_without_a_hit_begins_again_with_each_hit",
            ),
            by("emote", "{event: emote}", "deeds_are_kinds_of_events", "\"emote\""),
            by("trade", "{event: trade}", "deeds_are_kinds_of_events", "\"trade\""),
            by("spend currency", "{event: spend}", "deeds_are_kinds_of_events", "\"spend\""),
            by("earn currency", "{event: earn}", "deeds_are_kinds_of_events", "\"earn\""),
            word(
                "reputation",
                "{holds: {facts: {fame: {at_least: 5}}}, latched: true}",
                "states_are_done_while_facts_say_so",
            ),
            word(
                "level",
                "{holds: {level: {at_least: 2}}, optional: true}",
                "states_are_done_while_facts_say_so",
            ),
            word("skill", "{holds: {facts: {fame: {at_least: 2}}}}", "facts_compare"),
            word("equip", "{holds: {facts: {sword: true}}}", "states_are_done_while_facts_say_so"),
            word("race, score in a time", "{event: finish, min: 90, of: seconds}", "min_is_the_best_time"),
            by("photograph, see", "{event: photograph}", "deeds_are_kinds_of_events", "\"photograph\""),
            by("send", "{event: send}", "deeds_are_kinds_of_events", "\"send\""),
            by("receive", "{event: receive}", "deeds_are_kinds_of_events", "\"receive\""),
            by("kill another player", "{event: kill_player}", "deeds_are_kinds_of_events", "\"kill_player\""),
            by(
                "external: a named event of the game",
                "{event: external}",
                "deeds_are_kinds_of_events",
                "\"external\"",
            ),
        ],
    ),
    (
        "Conditions",
        &[
            word("fact =", "{facts: {guild_name: oak}}", "facts_compare"),
            word("fact ≠", "{is_not: none}", "facts_compare"),
            word("fact <", "{below: 3}", "facts_compare"),
            word("fact ≤", "{at_most: 2}", "facts_compare"),
            word("fact >", "{above: 1}", "facts_compare"),
            word("fact ≥", "{at_least: 2}", "facts_compare"),
            word("fact between", "{at_least: 2, at_most: 4}", "facts_compare"),
            word("fact in", "{facts: {fame: {one_of: [2, 3]}}}", "facts_compare"),
            word(
                "has an item, buff, title or flag",
                "{facts: {sword: true}}",
                "states_are_done_while_facts_say_so",
            ),
            word("in a region", "{region: moor}", "staying_in_an_area_for_a_time"),
            word("near an entity", "when: {near: [elder, villager]}", "near_an_entity_that_moves"),
            word(
                "size of the party, role in it",
                "{facts: {party_size: {at_least: 2}, role: healer}}",
                "a_party_of_a_size_and_a_role_in_it",
            ),
            word("state of another quest", "{quests: {first: done}}", "where_other_quests_stand"),
            word(
                "progress of another quest's objective",
                "{progress: {hunt: {wolves: {at_least: 2}}}}",
                "progress_of_another_quest_opens_one_and_counts_in_a_pattern",
            ),
            word("hours of the world's day", "{hours: '19:50-20:30'}", "the_time_of_the_world"),
            word("day and night", "{phase: night}", "the_time_of_the_world"),
            word(
                "weekday, dates",
                "{month: Secondmonth, day: {at_most: 2}}",
                "weekdays_and_dates_of_the_world",
            ),
            word("season", "{season: spring}", "the_time_of_the_world"),
            word("phase of a moon", "{moon: {moon: new}}", "the_time_of_the_world"),
            word(
                "time of the real calendar",
                "when: {dates: {from: 1970-01-01 00:02, zone: UTC}}",
                "times_of_the_real_calendar_open_a_quest_and_count_in_a_pattern",
            ),
            word(
                "weather: kind, intensity, for a time",
                "{weather: {kind: rain, intensity: {at_least: 0.5}, lasting: 30ms}}",
                "the_weather_of_the_region",
            ),
            word(
                "weather of another region",
                "{weather: {region: moor, kind: rain, lasting: 30ms}}",
                "the_weather_of_another_region",
            ),
            word("state of the world", "{facts: {bridge: true}}", "facts_compare"),
            word(
                "event or season of the game is active",
                "{occasion: [fair, thursdays]}",
                "an_occasion_of_the_game_is_active",
            ),
            word(
                "relation with a faction",
                "{facts: {fame: {at_least: 5}}}",
                "states_are_done_while_facts_say_so",
            ),
            word(
                "chance, by player and day",
                "{chance: {of: visitor, percent: 40, every: {world_day: {}}}}",
                "a_chance_is_the_same_all_day_and_each_players_own",
            ),
            word("a cool-down is over", "repeat: {cooldown: 30ms}", "an_instance_from_accept_to_turn_in"),
            word(
                "segment of players",
                "facts: {segment: b}",
                "a_window_of_time_a_level_and_a_segment_open_a_quest",
            ),
        ],
    ),
    (
        "Aggregates",
        &[
            word("count", "{event: kill, target: beast, count: 3}", "counts_sums_and_different_ones"),
            word("count distinct", "{event: visit, distinct: 2}", "counts_sums_and_different_ones"),
            word("sum", "{event: finish, sum: 10, of: score}", "counts_sums_and_different_ones"),
            word("max", "{event: finish, max: 7, of: score}", "counts_sums_and_different_ones"),
            word("min", "{event: finish, min: 90, of: seconds}", "min_is_the_best_time"),
            word("last", "{event: finish, last: 5, of: score}", "last_is_the_latest_amount"),
            word(
                "decaying counter",
                "{event: kill, count: 10, half_life: 40ms}",
                "a_decaying_counter_halves_in_its_half_life",
            ),
            word(
                "streak of days of the real calendar",
                "streak: 3, every: {day: {at: '04:00', zone: UTC}}",
                "a_streak_counts_days_of_the_real_calendar_in_a_row",
            ),
            word(
                "streak of days of the world",
                "streak: 3, every: {world_day: {}}",
                "a_streak_counts_days_of_the_world_in_a_row",
            ),
            word(
                "rate: so many within a time",
                "{event: kill, count: 3, window: 50ms}",
                "a_window_counts_the_latest_events_only",
            ),
            word(
                "least of each of some players",
                "{event: gain, count: 3, players: 2}",
                "each_of_some_players_must_do_their_part",
            ),
            word(
                "least of every member",
                "{event: gain, target: herb, count: 2, everyone: true}",
                "everyone_of_a_party_must_do_their_part",
            ),
            word(
                "share of the top players",
                "to: {top: {percent: 30}}",
                "a_share_of_the_players_are_the_best",
            ),
            word(
                "percentage of a set",
                "{event: visit, target: landmark, percent: 75}",
                "a_percentage_of_a_set_follows_the_set",
            ),
        ],
    ),
    (
        "Composition",
        &[
            word("all", "complete: all", "all_any_and_some_of_them"),
            word("any", "complete: any", "all_any_and_some_of_them"),
            word("k of n", "complete: {at_least: 2}", "all_any_and_some_of_them"),
            word("not", "{not: {facts: {fame: 7}}}", "facts_compare"),
            word("sequence", "complete: sequence", "a_sequence_waits_for_the_right_step"),
            word(
                "strict sequence",
                "complete: strict_sequence",
                "a_strict_sequence_begins_again_after_a_wrong_step",
            ),
            word(
                "then",
                "kill: {objectives: {wolves: {event: kill, target: wolf, count: 2}}}",
                "an_accept_and_a_kill_in_one_tick_count_together_and_stages_open_a_tick_later",
            ),
            word(
                "after another objective",
                "{event: pull, after: key}",
                "after_another_objective_in_any_order_of_the_rest",
            ),
            word(
                "within a time of another objective",
                "after: plant, within: 30ms",
                "within_a_time_of_another_objective",
            ),
            word("while", "when: {phase: night, weather: {kind: rain}}", "while_two_things_hold"),
            word("optional", "{event: gain, optional: true}", "optional_and_hidden_objectives"),
            word("hidden until", "hidden_until: [hunt]", "optional_and_hidden_objectives"),
            word("exclusive choice, latched", "exclusive_group: path", "paths_exclude_each_other"),
            word(
                "branches of stages",
                "after: {choose: peace}",
                "branch_that_is_first_complete_wins_and_what_comes_after_it_follows",
            ),
            word("repeat n", "times: 3", "a_stage_is_done_several_times"),
            word("set back", "reset_on: [{event: hurt}]", "a_reset_sets_one_objective_back"),
            word(
                "templates with parameters",
                "errand_wolf: {who: wolf, count: 2}",
                "template_makes_quests_of_a_table",
            ),
            word(
                "roles bound at acceptance",
                "prey: {one_of: beast, region: moor}",
                "roles_are_bound_at_acceptance_and_counted_for_who_has_them",
            ),
            word(
                "another is chosen when the one with a role is no more",
                "roles: {prey: {one_of: beast, lost: rebind}}",
                "a_role_whose_entity_is_no_more_is_kept_bound_anew_or_fails_the_quest",
            ),
        ],
    ),
    (
        "Scopes",
        &[
            by("player, character", "scope: player", "every_scope_counts_for_its_holder", "\"player\""),
            by("account", "scope: account", "every_scope_counts_for_its_holder", "\"account\""),
            by("party", "scope: party", "every_scope_counts_for_its_holder", "\"party\""),
            by("guild", "scope: guild", "every_scope_counts_for_its_holder", "\"guild\""),
            by("region", "scope: region", "every_scope_counts_for_its_holder", "\"region\""),
            by("instance", "scope: instance", "every_scope_counts_for_its_holder", "\"instance\""),
            by("realm", "scope: realm", "every_scope_counts_for_its_holder", "\"realm\""),
            word(
                "each member of a party on their own",
                "event quest.share player=ann target=patrol",
                "a_shared_quest_is_each_members_own",
            ),
        ],
    ),
    (
        "Lifecycle",
        &[
            word(
                "hidden until prerequisites hold, available",
                "requires: {facts: {fame: {at_least: 1}}}",
                "an_instance_from_accept_to_turn_in",
            ),
            word("offered", "accept: offered", "offered_is_accepted_or_declined"),
            word("accepted, active", "event quest.accept", "an_instance_from_accept_to_turn_in"),
            word("ready, turned in", "turn_in: manual", "an_instance_from_accept_to_turn_in"),
            word("failed", "fail_on: [{event: die}]", "what_fails_a_quest"),
            word("abandoned", "event quest.abandon", "an_instance_from_accept_to_turn_in"),
            word("expired", "deadline: 50ms", "an_instance_from_accept_to_turn_in"),
            word("accepted by itself", "accept: auto", "what_fails_a_quest"),
            word(
                "completed by itself",
                "{experience: 150, slots: {cloak: {item: cloak}}}",
                "an_accept_and_a_kill_in_one_tick_count_together_and_stages_open_a_tick_later",
            ),
            word(
                "turned in to an NPC",
                "turn_in: {npc: [elder, villager]}",
                "an_npc_is_who_a_quest_is_turned_in_to",
            ),
            word("again after a cool-down", "repeat: {cooldown: 30ms}", "an_instance_from_accept_to_turn_in"),
            word(
                "again weekly",
                "repeat: {weekly: {day: thursday, at: '04:00', zone: UTC}}",
                "again_each_week",
            ),
            word(
                "again daily",
                "repeat: {daily: {at: '04:00', zone: UTC}}",
                "again_each_day_and_counted_since_then",
            ),
            word("again monthly, by a cron line", "monthly: {day: 1,", "repeat_monthly_and_by_a_calendar"),
            word("pools: some of many each day", "pool: jobs", "pool_offers_k_of_n_to_all_and_draws_again"),
            word(
                "level range",
                "level: {at_least: 1, at_most: 3}",
                "a_window_of_time_a_level_and_a_segment_open_a_quest",
            ),
            word(
                "availability by the real calendar",
                "window: {from: 1970-01-01 01:00, until: 1970-01-01 01:01, zone: Europe/Berlin, closes: true}",
                "window_of_the_real_calendar",
            ),
            word(
                "availability window",
                "requires: {hours: '19:57-20:03', level: {at_least: 1, at_most: 3}, facts: {segment: b}}",
                "a_window_of_time_a_level_and_a_segment_open_a_quest",
            ),
        ],
    ),
    (
        "Credit",
        &[
            word("since accept", "{event: kill, count: 2}", "credit_since_acceptance_or_ever"),
            word("since ever", "since: ever, lifetime: kills", "credit_since_acceptance_or_ever"),
            word("since reset", "since: reset, lifetime: kills", "again_each_day_and_counted_since_then"),
            word(
                "since available",
                "since: available, lifetime: kills",
                "credit_counts_since_a_quest_is_available",
            ),
            word(
                "since a date",
                "kills_since: {pattern: {event: kill, when: {dates: {from: 1970-01-01 00:02, zone: UTC}}}}",
                "credit_counts_since_a_date",
            ),
        ],
    ),
    (
        "Sharing",
        &[
            word(
                "who was the first to add to it",
                "to: {tapper: {}}",
                "credit_tapper_and_contributors_of_a_share",
            ),
            word(
                "handed on to the party",
                "event quest.share player=ann target=patrol",
                "a_shared_quest_is_each_members_own",
            ),
            word("who did it", "scope: party", "parties_keep_what_was_contributed_when_members_leave"),
            word("party in range", "credit: party_here", "credit_party_and_party_here"),
            word(
                "contributors of at least so much",
                "to: {contributors: {at_least: 2}}",
                "contributors_are_rewarded_by_what_they_gave",
            ),
            word(
                "units that are worth more than others",
                "count: 5, worth: 3",
                "a_unit_is_worth_so_much_as_credit",
            ),
            word(
                "contributors of at least a percentage",
                "to: {contributors: {percent: 25}}",
                "credit_tapper_and_contributors_of_a_share",
            ),
        ],
    ),
    (
        "Failure",
        &[
            word("timer", "deadline: 30ms", "what_fails_a_quest"),
            word("death", "fail_on: [{event: die}]", "what_fails_a_quest"),
            word("target dead", "fail_on: [{event: die, target: farmer}]", "protecting_until_time_is_over"),
            word(
                "leaves the area, condition broken",
                "fail_when: {not: {region: [moor]}}",
                "what_fails_a_quest",
            ),
            word(
                "a choice was made",
                "fail_on: [{event: choose, target: wolf}]",
                "a_choice_fails_the_other_path",
            ),
        ],
    ),
    (
        "Rewards",
        &[
            word("fixed", "slots: {pay: {item: gold, amount: 3}}", "an_instance_from_accept_to_turn_in"),
            word(
                "once for each player, quest, instance and slot",
                "answer hunt/player:ann/1/cloak/ann delivered",
                "an_accept_and_a_kill_in_one_tick_count_together_and_stages_open_a_tick_later",
            ),
            word(
                "one of several",
                "choice: {bow: {item: long_bow}",
                "reward_choice_of_one_is_chosen_at_the_turn_in",
            ),
            word("scaled by level", "plus: {level: 5", "reward_scaled_by_level_credit_and_objectives"),
            word(
                "in proportion to contributions",
                "divided: true",
                "reward_proportional_is_divided_to_the_last_unit",
            ),
            word("to the top players", "to: {top: {through: 1}}", "reward_top_k_shares_a_rank_among_equals"),
            word(
                "from a table, by chance",
                "table: {gem: {item: gem}",
                "reward_seeded_table_draws_for_each_player",
            ),
        ],
    ),
];
