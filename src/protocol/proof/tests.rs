//! Tests of the proof of a key.

use proptest::prelude::*;
use ring::signature::{Ed25519KeyPair, KeyPair};

use super::*;

/// The key pair of a seed.
fn pair(seed: &[u8; 32]) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(seed).expect("32 bytes are a seed")
}

fn public(pair: &Ed25519KeyPair) -> PublicKey {
    PublicKey(pair.public_key().as_ref().try_into().expect("it has 32 bytes"))
}

fn sign(pair: &Ed25519KeyPair, message: &[u8]) -> Signature {
    Signature(pair.sign(message).as_ref().try_into().expect("it has 64 bytes"))
}

/// All bytes of a line of digits of base 16.
fn hex(text: &str) -> Vec<u8> {
    data_encoding::HEXLOWER.decode(text.as_bytes()).expect("digits of base 16")
}

/// A key's points of small order, as both signs of x spell them.
fn small_order() -> Vec<PublicKey> {
    let with_both_signs = |y: &str| {
        let key: [u8; 32] = hex(y).try_into().expect("32 bytes");
        let mut other = key;
        other[31] |= 0x80;
        [PublicKey(key), PublicKey(other)]
    };
    // As others list them, with the second spellings of y = 0 and y = 1.
    [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ]
    .iter()
    .flat_map(|y| with_both_signs(y))
    .collect()
}

#[test]
fn the_vectors_of_rfc_8032_fit() {
    // RFC 8032, 7.1: the secret key, the public key, the message and the signature.
    let vectors = [
        (
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b\
             d25bf5f0595bbe24655141438e7a100b",
        ),
        (
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c\
             387b2eaeb4302aeeb00d291612bb0c00",
        ),
        (
            "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659\
             4a7c15e9716ed28dc027beceea1ec40a",
        ),
    ];
    for (seed, key, message, signature) in vectors {
        let seed: [u8; 32] = hex(seed).try_into().expect("32 bytes");
        let pair = pair(&seed);
        assert_eq!(pair.public_key().as_ref(), hex(key));
        let (message, signature) = (hex(message), hex(signature));
        assert_eq!(sign(&pair, &message).0.as_slice(), signature);
        assert!(public(&pair).fits(&message, &signature), "{key}");
        assert!(!public(&pair).fits(b"another", &signature), "{key}");
    }
}

#[test]
fn the_texts_and_the_signed_bytes_are_as_the_protocol_has_them() {
    let pair = pair(&[7; 32]);
    let (nonce, binding, key) = (Nonce([1; 32]), Binding([2; 32]), public(&pair));
    let signed = signed_bytes(&nonce, &binding, &key);
    let expected = [b"chatroom 1 key\n", &[1; 32][..], &[2; 32], &key.0].concat();
    assert_eq!(signed.as_slice(), expected);
    assert_eq!(nonce.to_string(), "aeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaq");
    let lengths =
        [nonce.to_string(), key.to_string(), sign(&pair, b"").to_string()].map(|it| it.len());
    assert_eq!(lengths, [52, 52, 103]);
    assert_eq!(signed_bytes(&nonce, &Binding::PLAIN, &key)[47..79], [0; 32]);
}

#[test]
fn texts_of_another_length_or_with_another_character_are_none() {
    let good = "aeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaq";
    assert_eq!(PublicKey::parse(&good.to_uppercase()), Some(PublicKey([1; 32])));
    for text in [
        "",
        &good[1..],
        &format!("{good}a"),
        &format!("{good}===="),
        &good.replacen('a', "1", 1),
        &good.replacen("ae", "é", 1),
        // The bits that are left over are not zero.
        &format!("{}r", &good[..51]),
    ] {
        assert_eq!(PublicKey::parse(text), None, "{text}");
        assert_eq!(Nonce::parse(text), None, "{text}");
        assert_eq!(Signature::parse(text), None, "{text}");
    }
}

/// A signature that the equation of the verification accepts for any message, where the key's point is of an order
/// that divides the hash: R = B and S = 1, so that S·B = R + h·A as soon as h·A is the neutral element.
fn forged() -> Signature {
    let base = "5866666666666666666666666666666666666666666666666666666666666666";
    let mut bytes = [0; 64];
    bytes[..32].copy_from_slice(&hex(base));
    bytes[32] = 1;
    Signature(bytes)
}

#[test]
fn a_key_of_small_order_proves_nothing() {
    let binding = Binding::PLAIN;
    let mut let_through = 0;
    for key in small_order() {
        for n in 0..16 {
            let nonce = Nonce([n; 32]);
            let signed = signed_bytes(&nonce, &binding, &key);
            let lone = UnparsedPublicKey::new(&ED25519, &key.0).verify(&signed, &forged().0);
            let_through += usize::from(lone.is_ok());
            assert_eq!(verify(&nonce, &binding, &key, &forged()), Err(Unproved), "{key}");
        }
    }
    assert!(let_through > 0, "the library refuses them by itself: nothing was tested");
}

#[test]
fn a_key_that_is_no_point_proves_nothing() {
    // y = 2 is on no point.
    let mut key = [0; 32];
    key[0] = 2;
    assert!(!point::is_useless(&key));
    let verified = verify(&Nonce([0; 32]), &Binding::PLAIN, &PublicKey(key), &forged());
    assert_eq!(verified, Err(Unproved));
}

#[test]
fn no_second_spelling_of_a_point_is_a_key() {
    // All y from the prime on, which 255 bits can hold, with both signs.
    for low in 0xed..=0xff {
        for high in [0x7f, 0xff] {
            let mut key = [0xff; 32];
            (key[0], key[31]) = (low, high);
            assert!(point::is_useless(&key), "{low:x}");
        }
    }
    let mut last = [0xff; 32];
    (last[0], last[31]) = (0xeb, 0x7f);
    assert!(!point::is_useless(&last));
}

#[test]
fn nothing_is_shown_that_others_must_not_have() {
    let shown = format!("{:?} {:?} {:?}", Binding([9; 32]), forged(), KeyHash([0xab; 32]));
    assert_eq!(shown, "Binding(…) Signature(…) KeyHash(abab…)");
}

proptest! {
    #[test]
    fn a_proof_fits_its_key_its_nonce_and_its_connection_alone(
        seed: [u8; 32], other: [u8; 32], nonce: [u8; 32], binding: [u8; 32],
    ) {
        prop_assume!(seed != other && other != nonce && other != binding);
        let (pair, nonce, binding) = (pair(&seed), Nonce(nonce), Binding(binding));
        let key = public(&pair);
        let signature = sign(&pair, &signed_bytes(&nonce, &binding, &key));
        prop_assert_eq!(verify(&nonce, &binding, &key, &signature), Ok(key.hash()));
        prop_assert_eq!(verify(&Nonce(other), &binding, &key, &signature), Err(Unproved));
        prop_assert_eq!(verify(&nonce, &Binding(other), &key, &signature), Err(Unproved));
        let other = public(&self::pair(&other));
        prop_assert_eq!(verify(&nonce, &binding, &other, &signature), Err(Unproved));
    }

    #[test]
    fn no_bit_of_a_proof_can_be_another(seed: [u8; 32], nonce: [u8; 32], bit in 0..(96 * 8usize)) {
        let (pair, nonce) = (pair(&seed), Nonce(nonce));
        let (mut key, binding) = (public(&pair), Binding::PLAIN);
        let mut signature = sign(&pair, &signed_bytes(&nonce, &binding, &key));
        let byte = bit / 8;
        match byte.checked_sub(32) {
            None => key.0[byte] ^= 1 << (bit % 8),
            Some(byte) => signature.0[byte] ^= 1 << (bit % 8),
        }
        prop_assert_eq!(verify(&nonce, &binding, &key, &signature), Err(Unproved));
    }

    #[test]
    fn every_text_comes_back(bytes: [u8; 32], signature in proptest::collection::vec(any::<u8>(), 64)) {
        let signature = Signature(signature.try_into().expect("64 bytes"));
        prop_assert_eq!(Nonce::parse(&Nonce(bytes).to_string()), Some(Nonce(bytes)));
        prop_assert_eq!(PublicKey::parse(&PublicKey(bytes).to_string()), Some(PublicKey(bytes)));
        prop_assert_eq!(Signature::parse(&signature.to_string()), Some(signature));
        let hash = KeyHash::from_bytes(bytes);
        prop_assert_eq!(hash.as_bytes(), &bytes);
    }

    #[test]
    fn no_key_and_no_text_break_anything(text: String, key: [u8; 32], rest: [u8; 32]) {
        let signature = Signature([key, rest].concat().try_into().expect("64 bytes"));
        prop_assert_eq!(verify(&Nonce(rest), &Binding(key), &PublicKey(key), &signature), Err(Unproved));
        prop_assert_eq!(PublicKey::parse(&text).is_some(), text.len() == 52 && text.is_ascii()
            && BASE32_NOPAD.decode(text.to_uppercase().as_bytes()).is_ok());
    }
}
