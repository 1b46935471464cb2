//! The game socket over real loopback connections, in both encodings.

mod client;
mod realm;
mod speaking;
