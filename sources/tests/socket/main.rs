//! The game socket over real loopback connections, in both encodings.

mod bad_input;
mod catalog;
mod client;
mod codes;
mod following;
mod hashing;
mod heartbeat;
mod http;
mod moderation;
mod offering;
mod peer;
mod realm;
mod resuming;
mod slow;
mod speaking;
mod work;
