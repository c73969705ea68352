//! Tokens, as a room knows them: by their SHA-256 (FIPS 180-4), so that nobody who reads what the room keeps
//! can take a member over.

use ring::digest;

use crate::protocol::tag::Token;

/// The SHA-256 of a token's 16 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TokenHash(pub(crate) [u8; 32]);

impl TokenHash {
    /// The hash of a token.
    pub(crate) fn of(token: Token) -> TokenHash {
        let hash = digest::digest(&digest::SHA256, &token.to_bytes());
        TokenHash(hash.as_ref().try_into().expect("SHA-256 has 32 bytes"))
    }
}

/// A token that is given to a member.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Issued {
    /// What the member is told; `None` where the log has brought no more than the hash, and the server that has made
    /// the token knows it.
    pub(crate) token: Option<Token>,
    /// What the room keeps.
    pub(crate) hash: TokenHash,
}

impl Issued {
    /// The token of these bits, which nobody may be able to guess.
    pub(crate) fn new(bits: u128) -> Issued {
        let token = Token::new(bits);
        Issued { token: Some(token), hash: TokenHash::of(token) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_known_by_the_hash_of_its_bytes() {
        // printf 000102030405060708090a0b0c0d0e0f | xxd -r -p | sha256sum
        let token = Token::parse("000102030405060708090a0b0c0d0e0f").expect("a token");
        let hash = TokenHash::of(token).0.map(|byte| format!("{byte:02x}")).concat();
        assert_eq!(hash, "be45cb2605bf36bebde684841a28f0fd43c69850a3dce5fedba69928ee3a8991");
    }
}
