//! Keys of players, and text sealed under them: ChaCha20-Poly1305 with drawn nonces, of which a key of one player never
//! needs so many that two are likely to be the same.
//!
//! What a text was sealed for (realm, player, key) is authenticated with it. Not for which field: a text is opened
//! wherever it has got to, such as into a prompt, and there nobody knows.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use worldflow_schemas::{Sym, sealed};
use zeroize::Zeroizing;

const ID_BYTES: usize = 16;
const NONCE_BYTES: usize = 12;
const TAG_BYTES: usize = 16;

/// The length of a key.
pub(super) const KEY_BYTES: usize = 32;

/// The length of a key that is wrapped in another.
pub(super) const WRAPPED_BYTES: usize = NONCE_BYTES + KEY_BYTES + TAG_BYTES;

/// The name of a key, drawn with it: no two keys have one, whatever realm, folder or copy they are from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub(super) [u8; ID_BYTES]);

impl KeyId {
    /// As it is written; `None` when it is the name of no key.
    #[must_use]
    pub fn parse(text: &str) -> Option<KeyId> {
        hex(text).map(KeyId)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Bytes of hexadecimal digits, if they are so many.
pub(super) fn hex<const BYTES: usize>(text: &str) -> Option<[u8; BYTES]> {
    if text.len() != 2 * BYTES || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; BYTES];
    for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(bytes)
}

/// A key; its memory is wiped when it goes.
#[derive(Clone)]
pub(super) struct Key(Zeroizing<[u8; KEY_BYTES]>);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key")
    }
}

/// The system has no randomness to give.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the operating system has no randomness to give")]
pub struct NoRandomness;

pub(super) fn drawn<const BYTES: usize>() -> Result<[u8; BYTES], NoRandomness> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).map_err(|_| NoRandomness)?;
    Ok(bytes)
}

impl Key {
    pub(super) fn draw() -> Result<Key, NoRandomness> {
        drawn().map(Key::from)
    }

    fn cipher(&self) -> LessSafeKey {
        let key = UnboundKey::new(&CHACHA20_POLY1305, &*self.0);
        LessSafeKey::new(key.expect("a key has the cipher's length"))
    }

    /// Nonce, text and tag.
    fn encrypt(&self, plain: &[u8], bound: &[u8]) -> Result<Vec<u8>, NoRandomness> {
        let nonce = drawn::<NONCE_BYTES>()?;
        // As long as it will be, so that no copy of the text is left where it grew.
        let mut sealed = Vec::with_capacity(plain.len() + TAG_BYTES);
        sealed.extend_from_slice(plain);
        self.cipher()
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(bound), &mut sealed)
            .expect("what is sealed is far shorter than the cipher's 256 GiB");
        Ok([nonce.as_slice(), &sealed].concat())
    }

    fn decrypt(&self, sealed: &[u8], bound: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>()?;
        let mut plain = Zeroizing::new(sealed.to_vec());
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let length = self.cipher().open_in_place(nonce, Aad::from(bound), &mut plain).ok()?.len();
        plain.truncate(length);
        Some(plain)
    }

    /// Another key, as it may lie in a file.
    pub(super) fn wrap(&self, key: &Key, bound: &[u8]) -> Result<[u8; WRAPPED_BYTES], NoRandomness> {
        let wrapped = self.encrypt(&*key.0, bound)?;
        Ok(wrapped.try_into().expect("a key has one length"))
    }

    pub(super) fn unwrap(&self, wrapped: &[u8; WRAPPED_BYTES], bound: &[u8]) -> Option<Key> {
        let plain = self.decrypt(wrapped, bound)?;
        <[u8; KEY_BYTES]>::try_from(plain.as_slice()).ok().map(Key::from)
    }

    /// A text as it goes through the middle.
    pub(super) fn seal(&self, of: &Bound, text: &str) -> Result<String, NoRandomness> {
        let sealed = self.encrypt(text.as_bytes(), &of.bytes())?;
        Ok(sealed::of_body(&URL_SAFE_NO_PAD.encode([of.id.0.as_slice(), &sealed].concat())))
    }

    /// The text again; `None` when it was not sealed under this key, or not as it is.
    pub(super) fn open(&self, of: &Bound, sealed: &[u8]) -> Option<String> {
        let plain = self.decrypt(sealed, &of.bytes())?;
        std::str::from_utf8(&plain).ok().map(str::to_owned)
    }
}

impl From<[u8; KEY_BYTES]> for Key {
    fn from(bytes: [u8; KEY_BYTES]) -> Key {
        Key(Zeroizing::new(bytes))
    }
}

/// What a sealed text is bound to.
pub(super) struct Bound {
    pub(super) realm: Sym,
    pub(super) player: Sym,
    pub(super) id: KeyId,
}

impl Bound {
    /// Ids hold no zero byte: none of them has control characters.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let (realm, player) = (self.realm.as_str().as_bytes(), self.player.as_str().as_bytes());
        [b"worldflow", realm, player, self.id.0.as_slice()].join(&0)
    }
}

/// The key's name and the rest of the body of a sealed text.
pub(super) fn parts(body: &str) -> Option<(KeyId, Vec<u8>)> {
    let mut bytes = URL_SAFE_NO_PAD.decode(body).ok()?;
    if bytes.len() < ID_BYTES + NONCE_BYTES + TAG_BYTES {
        return None;
    }
    let sealed = bytes.split_off(ID_BYTES);
    Some((KeyId(bytes.try_into().ok()?), sealed))
}
