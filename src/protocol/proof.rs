//! The proof that a client has a key (Ed25519): what the server sends for it, what the client signs, and whether the
//! signature fits.
//!
//! A client signs the server's [`Nonce`], which serves once, together with what binds it to the connection, so that
//! a signature is worth nothing over another one. A server keeps no key but its [`KeyHash`].
//!
//! Pure, in both programs; `server::session` and `client::identity` call it.

use std::fmt;

use data_encoding::BASE32_NOPAD;
use ring::digest::{SHA256, digest};
use ring::signature::{ED25519, UnparsedPublicKey};

mod point;

/// What stands before the rest of what is signed, so that no other use of the key can be taken for this one.
const CONTEXT: &[u8] = b"chatroom 1 key\n";

/// The length of all that is signed, in bytes.
const SIGNED: usize = CONTEXT.len() + 3 * 32;

/// Random bytes of the server's, which one proof has to name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nonce([u8; 32]);

/// What binds a proof to one connection: the TLS session's exporter, or zeros where nothing is encrypted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Binding([u8; 32]);

/// A public key, as a client sends it. It may be none that anything can be proved with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicKey([u8; 32]);

/// A signature, as a client sends it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature([u8; 64]);

/// A key as a server keeps it: the SHA-256 of the public key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyHash([u8; 32]);

/// The proof fails: the signature is not this key's of these bytes, or the key is one that proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unproved;

impl Nonce {
    /// The nonce of these bytes, which nobody may be able to guess.
    #[must_use]
    pub fn new(random: [u8; 32]) -> Nonce {
        Nonce(random)
    }

    /// Reads 52 characters of base32, in either case; `None` if `text` is anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Nonce> {
        parse_base32(text).map(Nonce)
    }
}

impl Binding {
    /// That of a connection that is not encrypted.
    pub const PLAIN: Binding = Binding([0; 32]);

    /// That of a TLS session with this exporter.
    #[must_use]
    pub fn new(exporter: [u8; 32]) -> Binding {
        Binding(exporter)
    }
}

impl PublicKey {
    /// The key of these bytes (RFC 8032, 5.1.5).
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> PublicKey {
        PublicKey(bytes)
    }

    /// Reads 52 characters of base32, in either case; `None` if `text` is anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<PublicKey> {
        parse_base32(text).map(PublicKey)
    }

    /// How a server knows it.
    #[must_use]
    pub fn hash(&self) -> KeyHash {
        let hash = digest(&SHA256, &self.0);
        KeyHash(hash.as_ref().try_into().expect("SHA-256 has 32 bytes"))
    }

    /// Whether that signature of the message was made with this key's private half. A key that anybody can sign with
    /// fits nothing: the verification alone would let it through.
    fn fits(&self, message: &[u8], signature: &[u8]) -> bool {
        let key = UnparsedPublicKey::new(&ED25519, &self.0);
        !point::is_useless(&self.0) && key.verify(message, signature).is_ok()
    }
}

impl Signature {
    /// The signature of these bytes (RFC 8032, 5.1.6).
    #[must_use]
    pub fn new(bytes: [u8; 64]) -> Signature {
        Signature(bytes)
    }

    /// Reads 103 characters of base32, in either case; `None` if `text` is anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Signature> {
        parse_base32(text).map(Signature)
    }
}

impl KeyHash {
    /// The hash of these bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> KeyHash {
        KeyHash(bytes)
    }

    /// Its bytes, as they are kept.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// What the owner of `key` signs to prove that, over the connection with this binding.
#[must_use]
pub fn signed_bytes(nonce: &Nonce, binding: &Binding, key: &PublicKey) -> [u8; SIGNED] {
    let mut signed = [0; SIGNED];
    let (context, parts) = signed.split_at_mut(CONTEXT.len());
    context.copy_from_slice(CONTEXT);
    for (part, bytes) in parts.chunks_exact_mut(32).zip([&nonce.0, &binding.0, &key.0]) {
        part.copy_from_slice(bytes);
    }
    signed
}

/// Whose key it is that has signed the nonce, over the connection with this binding.
///
/// # Errors
///
/// Nobody's who could be told by it.
pub fn verify(
    nonce: &Nonce,
    binding: &Binding,
    key: &PublicKey,
    signature: &Signature,
) -> Result<KeyHash, Unproved> {
    let fits = key.fits(&signed_bytes(nonce, binding, key), &signature.0);
    if fits { Ok(key.hash()) } else { Err(Unproved) }
}

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_base32(f, &self.0)
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_base32(f, &self.0)
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_base32(f, &self.0)
    }
}

/// It stands for the keys of one connection, so it stands in no log.
impl fmt::Debug for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Binding(…)")
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signature(…)")
    }
}

/// Enough to tell two keys apart in a test, and not what a server knows them by.
impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, ..] = self.0;
        write!(f, "KeyHash({a:02x}{b:02x}…)")
    }
}

/// So many bytes in base32 without padding (RFC 4648, 6), in either case. The bits that are left over in the last
/// character are zero, so that the same bytes have one text only.
fn parse_base32<const N: usize>(text: &str) -> Option<[u8; N]> {
    let is_long_enough = text.len() == BASE32_NOPAD.encode_len(N);
    let upper = is_long_enough.then(|| text.to_ascii_uppercase())?;
    BASE32_NOPAD.decode(upper.as_bytes()).ok()?.try_into().ok()
}

fn write_base32(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    f.write_str(&BASE32_NOPAD.encode(bytes).to_ascii_lowercase())
}

#[cfg(test)]
mod tests;
