//! Tokens: who is speaking, for which realm, as what.
//!
//! A token is looked up here and nowhere else, so that another form of token needs one more arm in
//! [`Tokens::claims`]. Whoever has no token here has no rights.

use std::sync::{Arc, RwLock};

use subtle::ConstantTimeEq;
use worldflow_engine::admission::Refusal;
use worldflow_schemas::Sym;

use crate::check::{holder_text, intern, refuse};

/// What a token lets its bearer be.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Role {
    /// Speaks for many players, writes the world's state, hands out grants.
    GameServer,
    /// Speaks for one player.
    Player,
    /// Reads everything and sends nothing.
    Dashboard,
}

impl Role {
    /// Its name on the wire and in rows.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Role::GameServer => "game_server",
            Role::Player => "player",
            Role::Dashboard => "dashboard",
        }
    }
}

/// What a token says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Claims {
    /// The role.
    pub role: Role,
    /// The only realm it is good for.
    pub realm: Sym,
    /// The game server's or dashboard's name, or the player's id.
    pub subject: Sym,
}

impl Claims {
    /// The producer's name for events of this bearer: one a subject, whatever the transport.
    #[must_use]
    pub fn source(&self) -> Sym {
        match self.role {
            Role::GameServer | Role::Dashboard => self.subject,
            Role::Player => {
                let text = format!("player:{}", self.subject);
                Sym::try_new(&text).unwrap_or(self.subject)
            }
        }
    }
}

/// A subject that a token may have: an id, by the rule for players and groups.
///
/// # Errors
/// When it is empty, too long, or has characters that an id has not.
pub fn subject(text: &str) -> Result<Sym, Refusal> {
    if text.is_empty() {
        return Err(refuse("missing_id", "subject", "is empty", "name the game server, player or dashboard"));
    }
    intern(holder_text("subject", text)?)
}

/// The tokens that are good. Cheap to clone; all clones share one table.
#[derive(Clone, Default)]
pub struct Tokens {
    table: Arc<RwLock<Vec<(String, Claims)>>>,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens").finish_non_exhaustive()
    }
}

impl Tokens {
    /// No tokens: nobody may do anything.
    #[must_use]
    pub fn new() -> Tokens {
        Tokens::default()
    }

    /// Makes a new random token with these claims.
    ///
    /// # Errors
    /// When the operating system has no randomness to give.
    pub fn issue(&self, claims: Claims) -> std::io::Result<String> {
        let token = random_hex::<20>()?;
        self.add(token.clone(), claims);
        Ok(token)
    }

    /// Makes `token` good, for one that was given by reference, `${ENV}`. An empty one is ignored.
    pub fn add(&self, token: String, claims: Claims) {
        if !token.is_empty() {
            self.table.write().unwrap_or_else(std::sync::PoisonError::into_inner).push((token, claims));
        }
    }

    /// What a token says, or `None` when it is not good. Takes as long for a wrong token as for a
    /// right one of the same length.
    #[must_use]
    pub fn claims(&self, token: &str) -> Option<Claims> {
        let table = self.table.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut found = None;
        for (known, claims) in table.iter() {
            if bool::from(known.as_bytes().ct_eq(token.as_bytes())) {
                found = Some(*claims);
            }
        }
        found
    }
}

/// Random bytes of the operating system as hexadecimal digits.
pub(crate) fn random_hex<const BYTES: usize>() -> std::io::Result<String> {
    use std::fmt::Write as _;
    let mut bytes = [0_u8; BYTES];
    getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
    Ok(bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_issued_tokens_are_good() {
        let tokens = Tokens::new();
        let claims = Claims { role: Role::Player, realm: "r".into(), subject: "ana".into() };
        let token = tokens.issue(claims).expect("randomness");
        assert_eq!(tokens.claims(&token), Some(claims));
        assert_eq!(tokens.claims(&token[1..]), None);
        assert_eq!(tokens.claims(""), None);
        tokens.add(String::new(), claims);
        assert_eq!(tokens.claims(""), None);
        assert_eq!(claims.source().as_str(), "player:ana");
    }
}
