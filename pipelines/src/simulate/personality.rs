//! Who plays: seven personalities, each a small table of weights, and how many there are of each.
//!
//! A personality knows nothing of any world. What its numbers mean for a deed is said in `crowd`.

use std::fmt;
use std::str::FromStr;

use crate::world::did_you_mean;

/// What a deed is for: how a personality likes it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Taste {
    /// Against who cannot speak.
    Fight,
    /// With somebody.
    Talk,
    /// Places.
    Explore,
    /// Things.
    Make,
}

/// How the next quest is chosen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Picks {
    /// Each as likely as it is liked.
    Liked,
    /// The one with the least to do.
    Shortest,
    /// The first that has not been done.
    InOrder,
}

/// A kind of player. Shares are of a hundred, unless something else is said.
#[derive(Debug)]
pub struct Personality {
    /// Its name.
    pub name: &'static str,
    /// What it is like, in one line.
    pub about: &'static str,
    /// From one deed to the next: seconds, at least and at most.
    pub(super) pace_s: (u32, u32),
    /// How long it plays at a time: minutes.
    pub(super) session_min: (u32, u32),
    /// And how long it stays away: minutes.
    pub(super) pause_min: (u32, u32),
    /// The quests that it follows at a time.
    pub(super) follows: usize,
    /// How often it takes up a quest when there is room for one.
    pub(super) begins: u32,
    /// How often it walks elsewhere without a reason.
    pub(super) wanders: u32,
    /// How often it speaks to somebody.
    pub(super) talks: u32,
    /// How often it does something for no quest in particular.
    pub(super) strays: u32,
    /// How often, of a thousand deeds, it does what fails a quest.
    pub(super) stumbles: u32,
    /// How often it waits where a deed does not count yet; else it looks for something else.
    pub(super) waits: u32,
    /// How often it does what is optional.
    pub(super) optional: u32,
    /// How often it does again what it has done.
    pub(super) repeats: u32,
    /// Deeds in a row that come to nothing, before it gives a quest up.
    pub(super) patience: u32,
    /// How often it sends again what it has sent.
    pub(super) resends: u32,
    /// How often, of a thousand deeds, it leaves for good; ten times as often when it gives a quest up.
    pub(super) leaves: u32,
    /// How it likes fights, talk, places and things.
    pub(super) tastes: [u32; 4],
    /// How it chooses what to do next.
    pub(super) picks: Picks,
}

/// Whom the others differ from.
const ANYBODY: Personality = Personality {
    name: "anybody",
    about: "",
    pace_s: (3, 8),
    session_min: (25, 70),
    pause_min: (180, 900),
    follows: 4,
    begins: 35,
    wanders: 5,
    talks: 4,
    strays: 6,
    stumbles: 4,
    waits: 40,
    optional: 25,
    repeats: 20,
    patience: 60,
    resends: 1,
    leaves: 0,
    tastes: [3, 2, 3, 3],
    picks: Picks::Liked,
};

/// All of them.
pub static PERSONALITIES: [Personality; 7] = [
    Personality {
        name: "completionist",
        about: "does everything, optional things too, and waits for what opens late",
        follows: 8,
        begins: 60,
        waits: 75,
        optional: 90,
        repeats: 5,
        patience: 240,
        pause_min: (120, 600),
        picks: Picks::InOrder,
        ..ANYBODY
    },
    Personality {
        name: "rusher",
        about: "takes the shortest way to the next reward, and soon drops what does not move",
        pace_s: (2, 5),
        follows: 3,
        begins: 70,
        wanders: 1,
        talks: 0,
        strays: 1,
        waits: 10,
        optional: 0,
        repeats: 10,
        patience: 25,
        picks: Picks::Shortest,
        ..ANYBODY
    },
    Personality {
        name: "wanderer",
        about: "walks, looks, and follows a quest when one lies on the way",
        pace_s: (4, 12),
        follows: 2,
        begins: 15,
        wanders: 30,
        talks: 8,
        strays: 20,
        tastes: [1, 2, 8, 3],
        ..ANYBODY
    },
    Personality {
        name: "fighter",
        about: "fights, again and again, and does little else",
        pace_s: (2, 6),
        follows: 4,
        strays: 12,
        stumbles: 10,
        repeats: 60,
        tastes: [12, 1, 2, 1],
        ..ANYBODY
    },
    Personality {
        name: "socialite",
        about: "talks, and does what is done together",
        pace_s: (4, 10),
        wanders: 8,
        talks: 25,
        begins: 25,
        tastes: [1, 12, 3, 2],
        ..ANYBODY
    },
    Personality {
        name: "exploiter",
        about: "sends everything twice, repeats what pays, and asks for what it may not have",
        pace_s: (2, 4),
        follows: 6,
        begins: 70,
        wanders: 2,
        talks: 1,
        waits: 20,
        repeats: 95,
        patience: 90,
        resends: 70,
        picks: Picks::Shortest,
        ..ANYBODY
    },
    Personality {
        name: "quitter",
        about: "plays a little, gives up soon, and one day does not come back",
        session_min: (6, 25),
        follows: 2,
        begins: 30,
        wanders: 10,
        waits: 15,
        optional: 5,
        repeats: 5,
        patience: 12,
        leaves: 8,
        ..ANYBODY
    },
];

/// How many of each personality there are, in proportion.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mix([u32; PERSONALITIES.len()]);

impl Default for Mix {
    fn default() -> Mix {
        Mix([2, 2, 2, 2, 2, 1, 1])
    }
}

impl Mix {
    /// The personality of each of so many players, by its place in [`PERSONALITIES`]. Any few of them in a row are mixed as all
    /// are, so that parties are.
    pub(super) fn of(&self, players: usize) -> Vec<usize> {
        let total: i64 = self.0.iter().map(|weight| i64::from(*weight)).sum();
        let mut owed = [0_i64; PERSONALITIES.len()];
        let next = |owed: &mut [i64; PERSONALITIES.len()]| {
            owed.iter_mut().zip(self.0).for_each(|(owed, weight)| *owed += i64::from(weight));
            let most = (0..owed.len()).max_by_key(|place| (owed[*place], std::cmp::Reverse(*place)));
            let most = most.expect("there are personalities");
            owed[most] -= total;
            most
        };
        (0..players).map(|_| next(&mut owed)).collect()
    }
}

impl FromStr for Mix {
    type Err = String;

    fn from_str(text: &str) -> Result<Mix, String> {
        let names = || PERSONALITIES.iter().map(|personality| personality.name);
        let mut mix = [0; PERSONALITIES.len()];
        for part in text.split(',').map(str::trim) {
            let (name, weight) = part.split_once('=').unwrap_or((part, "1"));
            let place = names().position(|known| known == name).ok_or_else(|| {
                let all = names().collect::<Vec<_>>().join(", ");
                let near = did_you_mean(name, names()).map(|near| format!("did you mean `{near}`? "));
                format!("unknown personality `{name}`\nhint: {}there are {all}", near.unwrap_or_default())
            })?;
            mix[place] = weight.parse().ok().filter(|weight| (0..=1_000).contains(weight)).ok_or_else(|| {
                format!("`{part}`: a weight is a whole number up to 1000\nhint: write for example `rusher=2,quitter=1`")
            })?;
        }
        if mix.iter().all(|weight| *weight == 0) {
            return Err("nobody plays\nhint: give one of them a weight above 0".to_owned());
        }
        Ok(Mix(mix))
    }
}

impl fmt::Display for Mix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let given = PERSONALITIES.iter().zip(self.0).filter(|(_, weight)| *weight > 0);
        let given: Vec<String> = given.map(|(of, weight)| format!("{}={weight}", of.name)).collect();
        f.write_str(&given.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mix_is_read_and_holds_for_any_few_in_a_row() {
        let mix: Mix = "rusher=2, quitter".parse().expect("a mix");
        assert_eq!(mix.to_string(), "rusher=2,quitter=1");
        let who = mix.of(300);
        assert_eq!(who.iter().filter(|place| **place == 1).count(), 200);
        for few in who.chunks(3) {
            assert_eq!(few.iter().filter(|place| **place == 6).count(), 1, "{few:?}");
        }
        let named = Mix::default().of(12);
        assert!((0..PERSONALITIES.len()).all(|place| named.contains(&place)), "{named:?}");
    }

    #[test]
    fn what_is_no_mix_says_why() {
        let wrong = |text: &str| text.parse::<Mix>().expect_err("no mix");
        assert!(wrong("rushr=2").contains("did you mean `rusher`?"), "{}", wrong("rushr=2"));
        assert!(wrong("rusher=lots").contains("`rusher=lots`"));
        assert!(wrong("rusher=0").contains("nobody plays"));
        assert!(wrong("rusher=1001").contains("up to 1000"));
    }
}
