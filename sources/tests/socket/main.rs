//! The game socket over real loopback connections, in both encodings.

mod bad_input;
mod client;
mod codes;
mod following;
mod http;
mod realm;
mod speaking;
