//! The points of edwards25519 that prove nothing as public keys. Pure.
//!
//! For a point of small order, there are signatures that fit any message, made without any private key. And where
//! the same point has several spellings, one key would have several hashes. A verification need not look at
//! either (RFC 8032, 8.9 and 5.1.7), so this does.

/// The prime 2^255 - 19 of the field (RFC 8032, 5.1), least byte first.
const PRIME: [u8; 32] = {
    let mut prime = [0xff; 32];
    (prime[0], prime[31]) = (0xed, 0x7f);
    prime
};

/// The y coordinates of all points whose order divides 8, least byte first. Each has one or two points, which the
/// sign of x tells apart. Of one alone (y = 1 and y = -1), the other sign would be a second spelling.
const SMALL_ORDER: [[u8; 32]; 5] = [
    // Order 4: y = 0.
    [0; 32],
    // Order 1: y = 1.
    {
        let mut one = [0; 32];
        one[0] = 1;
        one
    },
    // Order 2: y = -1.
    {
        let mut minus_one = PRIME;
        minus_one[0] -= 1;
        minus_one
    },
    // Order 8.
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ],
];

/// Whether a public key's bytes are a point of small order, or another spelling of a point. Whether they are any
/// point at all is left to the verification.
pub(super) fn is_useless(key: &[u8; 32]) -> bool {
    let mut y = *key;
    // The highest bit is the sign of x.
    y[31] &= 0x7f;
    let is_canonical = y.iter().rev().lt(PRIME.iter().rev());
    !is_canonical || SMALL_ORDER.contains(&y)
}
