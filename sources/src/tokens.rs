//! Tokens: who is speaking, for which realm, as what.
//!
//! A token is one of a table, or a JWT that is signed with a key that is trusted here. It is looked up here
//! and nowhere else. Whoever has no token here has no rights.

use std::sync::{Arc, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde::Deserialize;
use subtle::ConstantTimeEq;
use worldflow_engine::admission::Refusal;
use worldflow_schemas::event::RULES;
use worldflow_schemas::{ArcStr, Sym};

use crate::check::{holder_text, intern, refuse, shorten};
use crate::game_socket::wall_ms;

/// What a token lets its bearer be.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Speaks for many players, writes the world's state, hands out grants.
    GameServer,
    /// Speaks for one player.
    Player,
    /// Reads everything and sends nothing.
    Dashboard,
    /// As a dashboard; and edits definitions.
    Designer,
}

impl Role {
    /// Its name on the wire and in rows.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Role::GameServer => "game_server",
            Role::Player => "player",
            Role::Dashboard => "dashboard",
            Role::Designer => "designer",
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
            Role::GameServer | Role::Dashboard | Role::Designer => self.subject,
            Role::Player => {
                let text = format!("player:{}", self.subject);
                Sym::try_new(&text).unwrap_or(self.subject)
            }
        }
    }
}

/// Who holds a token that is good, and for how long.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bearer {
    /// What the token says.
    pub claims: Claims,
    /// The UTC milliseconds from which on it is good no longer; without them it is good until the server ends.
    pub until_ms: Option<i64>,
    /// The name that whoever signed it gave it, `jti`: no secret.
    pub id: Option<ArcStr>,
}

impl From<Claims> for Bearer {
    fn from(claims: Claims) -> Bearer {
        Bearer { claims, until_ms: None, id: None }
    }
}

/// A subject that a token of a role may have: an id, by the rule for players and groups. Whoever is a source by that name cannot
/// have that of rules.
///
/// # Errors
/// When it is empty, too long, taken, or has characters that an id has not.
pub fn subject(role: Role, text: &str) -> Result<Sym, Refusal> {
    if text.is_empty() {
        return Err(refuse("missing_id", "subject", "is empty", "name the game server, player or dashboard"));
    }
    if role != Role::Player && text == RULES {
        let hint = "give it another name: events that rules make are of this source";
        return Err(refuse("reserved", "subject", format!("is `{RULES}`"), hint));
    }
    intern(holder_text("subject", text)?)
}

/// What a JWT says.
#[derive(Debug, Deserialize)]
struct Signed {
    realm: String,
    role: Role,
    sub: String,
    exp: f64,
    #[serde(default)]
    jti: Option<String>,
}

/// A key that tokens are signed with elsewhere: JWTs with `realm`, `role`, `sub` and `exp`.
#[derive(Clone)]
pub struct TokenKey {
    key: DecodingKey,
    validation: Validation,
}

/// A key that cannot be used. Never says what it was.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum KeyError {
    /// HS256 with a secret that can be guessed.
    #[error(
        "the secret is shorter than {} bytes\nhint: for example `openssl rand -hex 32`",
        TokenKey::LEAST_SECRET_BYTES
    )]
    Short,
    /// Not the public half of an Ed25519 key as PEM.
    #[error(
        "not the public half of an Ed25519 key as PEM\nhint: `openssl genpkey -algorithm ed25519 -out key.pem`, then `openssl pkey -in key.pem -pubout`"
    )]
    NotEd25519,
}

impl std::fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenKey").finish_non_exhaustive()
    }
}

impl TokenKey {
    /// The shortest secret of HS256: as long as what it makes.
    pub const LEAST_SECRET_BYTES: usize = 32;

    /// A secret that both sides know.
    ///
    /// # Errors
    /// When it is too short.
    pub fn hs256(secret: &str) -> Result<TokenKey, KeyError> {
        if secret.len() < TokenKey::LEAST_SECRET_BYTES {
            return Err(KeyError::Short);
        }
        Ok(TokenKey::new(Algorithm::HS256, DecodingKey::from_secret(secret.as_bytes())))
    }

    /// The public half of a key pair, as PEM.
    ///
    /// # Errors
    /// When it is no such key.
    pub fn eddsa(pem: &str) -> Result<TokenKey, KeyError> {
        let key = DecodingKey::from_ed_pem(pem.as_bytes()).map_err(|_| KeyError::NotEd25519)?;
        Ok(TokenKey::new(Algorithm::EdDSA, key))
    }

    fn new(algorithm: Algorithm, key: DecodingKey) -> TokenKey {
        let mut validation = Validation::new(algorithm);
        validation.set_required_spec_claims(&["exp", "sub"]);
        (validation.validate_nbf, validation.validate_aud, validation.leeway) =
            (true, false, CLOCKS_DIFFER_S.into());
        TokenKey { key, validation }
    }

    fn bearer(&self, token: &str) -> Option<Bearer> {
        if asks_for_more(token) {
            return None;
        }
        let Signed { realm, role, sub, exp, jti } = decode(token, &self.key, &self.validation).ok()?.claims;
        let claims = Claims { role, realm: Sym::find(&realm)?, subject: subject(role, &sub).ok()? };
        #[expect(clippy::cast_possible_truncation, reason = "what is beyond the range is its end")]
        let until_ms = ((exp + f64::from(CLOCKS_DIFFER_S)) * 1_000.0) as i64;
        // The library counts in whole seconds; a session ends with its token, and no other begins with it then.
        if until_ms <= wall_ms() {
            return None;
        }
        Some(Bearer { claims, until_ms: Some(until_ms), id: jti.map(|id| shorten(&id).into()) })
    }
}

/// Whether its header says that whoever does not understand something in it must refuse it (RFC 7515, 4.1.11): nothing is
/// understood here.
fn asks_for_more(token: &str) -> bool {
    let header = token.split('.').next().and_then(|header| URL_SAFE_NO_PAD.decode(header).ok());
    let header = header.and_then(|header| serde_json::from_slice::<serde_json::Value>(&header).ok());
    header.is_none_or(|header| header.get("crit").is_some())
}

/// By how many seconds the clocks of whoever signs and of this machine may differ.
const CLOCKS_DIFFER_S: u32 = 5;

/// The longest token that is looked at.
const MOST_TOKEN_BYTES: usize = 4096;

/// The tokens that are good. Cheap to clone; all clones share one table.
#[derive(Clone, Default)]
pub struct Tokens {
    table: Arc<RwLock<Vec<(String, Claims)>>>,
    keys: Arc<RwLock<Vec<TokenKey>>>,
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

    /// Takes what is signed with this key for good, until it expires. Of several keys each is good, so that
    /// a new one can be brought in before the old one goes.
    pub fn trust(&self, key: TokenKey) {
        self.keys.write().unwrap_or_else(std::sync::PoisonError::into_inner).push(key);
    }

    /// Who holds a token, or `None` when it is not good. Takes as long for a wrong token as for a
    /// right one of the same length.
    #[must_use]
    pub fn bearer(&self, token: &str) -> Option<Bearer> {
        if token.len() > MOST_TOKEN_BYTES {
            return None;
        }
        self.known(token).map(Bearer::from).or_else(|| {
            let keys = self.keys.read().unwrap_or_else(std::sync::PoisonError::into_inner);
            keys.iter().find_map(|key| key.bearer(token))
        })
    }

    /// As [`Tokens::bearer`]: what the token says.
    #[must_use]
    pub fn claims(&self, token: &str) -> Option<Claims> {
        self.bearer(token).map(|bearer| bearer.claims)
    }

    fn known(&self, token: &str) -> Option<Claims> {
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
    use jsonwebtoken::{EncodingKey, Header, encode};
    use rcgen::{KeyPair, PKCS_ED25519};

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

    #[test]
    fn nobody_speaks_in_the_name_of_rules() {
        for role in [Role::GameServer, Role::Dashboard, Role::Designer] {
            assert_eq!(subject(role, RULES).expect_err("it is taken").code, "reserved");
        }
        assert_eq!(subject(Role::Player, RULES).expect("an id").as_str(), RULES);
    }

    #[test]
    fn a_header_that_asks_for_more_is_refused() {
        let key = TokenKey::hs256(SECRET).expect("long enough");
        let realm = Sym::new("signed-realm");
        let signed = |header: &str| {
            let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
            let message = format!("{}.{}", part(header), part(&good().to_string()));
            let key = EncodingKey::from_secret(SECRET.as_bytes());
            let signature =
                jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256).expect("signed");
            format!("{message}.{signature}")
        };
        assert_eq!(key.bearer(&signed(r#"{"alg":"HS256"}"#)).expect("good").claims.realm, realm);
        for header in
            [r#"{"alg":"HS256","crit":["x"],"x":1}"#, r#"{"alg":"HS256","b64":false,"crit":["b64"]}"#]
        {
            assert!(key.bearer(&signed(header)).is_none(), "{header}");
        }
    }

    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    fn in_seconds(seconds: i64) -> i64 {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
        i64::try_from(now.as_secs()).expect("before the end of time") + seconds
    }

    fn good() -> serde_json::Value {
        serde_json::json!({"realm": "signed-realm", "role": "game_server", "sub": "eu-1", "exp": in_seconds(60)})
    }

    fn signed(algorithm: Algorithm, key: &EncodingKey, claims: &serde_json::Value) -> String {
        encode(&Header::new(algorithm), claims, key).expect("it can be signed")
    }

    #[test]
    fn what_a_trusted_key_has_signed_is_good_until_it_expires() {
        let realm = Sym::new("signed-realm");
        let wanted = Claims { role: Role::GameServer, realm, subject: "eu-1".into() };
        let pair = KeyPair::generate_for(&PKCS_ED25519).expect("randomness");
        let ed25519 = EncodingKey::from_ed_pem(pair.serialize_pem().as_bytes()).expect("a key");
        let secret = EncodingKey::from_secret(SECRET.as_bytes());
        for (algorithm, signs, trusted) in [
            (Algorithm::HS256, &secret, TokenKey::hs256(SECRET)),
            (Algorithm::EdDSA, &ed25519, TokenKey::eddsa(&pair.public_key_pem())),
        ] {
            let tokens = Tokens::new();
            assert_eq!(tokens.claims(&signed(algorithm, signs, &good())), None, "no key is trusted");
            tokens.trust(trusted.expect("a key"));
            let token = signed(algorithm, signs, &good());
            assert_eq!(tokens.claims(&token), Some(wanted), "{algorithm:?}");
            let until_ms = tokens.bearer(&token).expect("it is good").until_ms;
            assert_eq!(until_ms, good()["exp"].as_i64().map(|exp| (exp + 5) * 1_000));
            assert_eq!(tokens.claims(&token[..token.len() - 2]), None, "the signature is cut off");
            for (member, value) in [
                ("exp", serde_json::json!(in_seconds(-60))),
                ("exp", serde_json::Value::Null),
                ("nbf", serde_json::json!(in_seconds(60))),
                ("realm", "another".into()),
                ("role", "god".into()),
                ("sub", "".into()),
                ("sub", RULES.into()),
                ("sub", "a\u{7}b".into()),
            ] {
                let mut claims = good();
                claims[member] = value;
                assert_eq!(tokens.claims(&signed(algorithm, signs, &claims)), None, "{claims}");
            }
        }
    }

    #[test]
    fn a_token_is_good_with_its_own_algorithm_only() {
        let tokens = Tokens::new();
        let public = KeyPair::generate_for(&PKCS_ED25519).expect("randomness").public_key_pem();
        tokens.trust(TokenKey::eddsa(&public).expect("a key"));
        let _realm = Sym::new("signed-realm");
        // What everyone knows of the pair must not serve as a secret, and no signature is none.
        let public = EncodingKey::from_secret(public.as_bytes());
        assert_eq!(tokens.claims(&signed(Algorithm::HS256, &public, &good())), None);
        let none = signed(Algorithm::HS256, &public, &good());
        let [_, claims, _] = none.split('.').collect::<Vec<_>>()[..] else { panic!("three parts") };
        assert_eq!(tokens.claims(&format!("eyJhbGciOiJub25lIn0.{claims}.")), None);
        assert_eq!(TokenKey::hs256(&SECRET[1..]).err(), Some(KeyError::Short));
        assert_eq!(TokenKey::eddsa(SECRET).err(), Some(KeyError::NotEd25519));
        assert!(!format!("{:?}", TokenKey::hs256(SECRET)).contains(SECRET));
    }
}
