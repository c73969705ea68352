//! Codes that people read to each other: `7q4k-2mpx` is 40 random bits. Any thread makes them.

use data_encoding::BASE32_NOPAD;

use super::system::random_bits;

/// The random bytes of a code, and the letters of each of its halves.
const CODE_BYTES: usize = 5;
const HALF: usize = 4;

/// A new code, as people read it to each other; `None` if the system has no random numbers.
pub(super) fn new_code() -> Option<String> {
    let bits = random_bits()?.to_le_bytes();
    let letters = BASE32_NOPAD.encode(&bits[..CODE_BYTES]).to_ascii_lowercase();
    let (first, second) = letters.split_at(HALF);
    Some(format!("{first}-{second}"))
}

/// Whether a secret can be a code.
pub(super) fn may_be_code(secret: &str) -> bool {
    let letters: String = secret.chars().filter(|&c| c != '-').collect();
    let decoded = BASE32_NOPAD.decode(letters.to_ascii_uppercase().as_bytes());
    decoded.is_ok_and(|bytes| bytes.len() == CODE_BYTES)
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;

    #[test]
    fn a_new_code_can_be_one_and_other_secrets_seldom_can() {
        for _ in 0..100 {
            let code = new_code().expect("the system has random numbers");
            assert!(code.len() == 9 && code.as_bytes()[HALF] == b'-', "{code}");
            assert!(may_be_code(&code) && may_be_code(&code.to_uppercase()), "{code}");
            assert!(may_be_code(&code.replace('-', "")), "{code}");
        }
        for other in
            ["", "7q4k-2mp", "7q4k-2mpxx", "1q4k-2mpx", "7q4k 2mpx", "open sesame", "日本語"]
        {
            assert!(!may_be_code(other), "{other}");
        }
    }
}
