//! Golden worlds: definitions and events in, changes out; the same for 1, 2 and 4 workers, for any
//! cutting of the inputs into messages, and after a restart at every tick.

mod arcs;
mod broker;
mod calendars;
mod chains;
mod chronicle;
mod chronicle_fold;
mod dialogue;
mod dialogue_oracle;
mod dialogue_random;
mod edits;
mod event_views;
mod foreseen;
mod lifecycle;
mod lore;
mod orders;
mod prompt_rows;
mod rewards;
mod roles;
mod rows_of_views;
mod rules;
mod scopes;
mod script;
mod spending;
mod sql_views;
mod states;
mod undone;
mod whom;
mod words;
mod worlds;
