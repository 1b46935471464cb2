//! Scenarios: what a world does when something happens to it, written down beside it in `tests/*.yaml`.
//!
//! `tests/*.yaml ─read→ Scenario ─run→ Verdict ─report→ text, JUnit | ─update→ the file itself`. Each runs in a realm
//! of its own, the one that a server would run, whose ticks pass by hand. What the steps mean is in `docs/testing.md`.

mod def;
mod file;
mod junit;
mod names;
mod playing;
mod run;
mod table;
mod unread;
mod update;
mod whole;

pub use def::{ExpectDef, RestartDef, ScenarioDef, StepDef};
pub use file::{FOLDER, Scenario, check_scenarios};
pub use junit::junit;
pub use run::{Failure, Found, Verdict, run};
pub use unread::{Unread, unread};
pub use update::update;
pub use whole::WholeFolder;
