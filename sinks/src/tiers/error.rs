//! What keeps a tier from being opened.

/// A tier that cannot be opened. No message holds a key.
#[derive(Debug, thiserror::Error)]
pub enum TiersError {
    /// Its url cannot be read.
    #[error("tier `{tier}`: the url cannot be read\nhint: write for example `http://127.0.0.1:8000`")]
    Url {
        /// The tier.
        tier: String,
    },
    /// It has no url.
    #[error("tier `{tier}`: there is no url\nhint: name at least one server")]
    NoUrl {
        /// The tier.
        tier: String,
    },
    /// Its key is written out.
    #[error("tier `{tier}`: the key is not a reference\nhint: write `${{NAME}}`, and set the variable NAME")]
    LiteralKey {
        /// The tier.
        tier: String,
    },
    /// The variable is not set.
    #[error(
        "tier `{tier}`: the variable `{variable}` is not set\nhint: set it to the key or the url of the tier"
    )]
    Unset {
        /// The tier.
        tier: String,
        /// The variable.
        variable: String,
    },
    /// The variable holds what no header can.
    #[error("tier `{tier}`: the variable `{variable}` holds no key\nhint: a key is one line of ASCII")]
    WrongKey {
        /// The tier.
        tier: String,
        /// The variable.
        variable: String,
    },
    /// No client can be made.
    #[error(
        "tier `{tier}`: no HTTP client can be made: {reason}\nhint: https needs the system's certificates"
    )]
    Client {
        /// The tier.
        tier: String,
        /// Why.
        reason: String,
    },
}
