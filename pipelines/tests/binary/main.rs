//! The built binary, from outside: started as a process, spoken to with a WebSocket client that is
//! not ours, and read back from its databases.
//!
//! Nothing here sees the inside of a realm. Whatever happens in another process is awaited by its
//! frames, its output or its end; only databases and HTTP, which tell nobody, are asked again.

mod audit;
mod bots;
mod client;
mod clock;
mod databases;
mod demo;
mod documented;
mod edited_prompts;
mod edited_views;
mod edits;
mod embedders;
mod explain;
mod faults;
mod given_tiers;
mod grants;
mod guide;
mod http;
mod kinesis;
mod lore;
mod new;
mod npcs;
mod old_grants;
mod onnx;
mod outage;
mod past;
#[allow(dead_code, unreachable_pub, reason = "shared with the tests of the sinks")]
#[path = "../../../sinks/tests/support/postgres.rs"]
mod postgres;
mod privacy;
mod process;
mod prompts;
mod real_model;
mod realms;
mod reask;
mod recordings;
mod refusals;
mod replicas;
mod replies;
mod restart;
mod resume;
mod rows;
mod scenarios;
mod security;
mod text;
mod versions;
mod walk;
mod weather;
mod worlds;
