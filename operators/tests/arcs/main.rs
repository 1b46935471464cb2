//! Arcs: tension, beats, choices, edits, what shows; the law of base state, and an independent evaluator.

#[path = "../support/mod.rs"]
mod support;

mod beats;
mod both;
mod choices;
mod edited;
mod law;
mod naive;
mod random;
