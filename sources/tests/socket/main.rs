//! The game socket over real loopback connections, in both encodings.

mod client;
mod following;
mod realm;
mod speaking;
