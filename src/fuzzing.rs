//! The entry points for the fuzzer, and for the tests that go through its seeds. Each takes any bytes, and panics
//! if the outcome breaks one of its rules.
//!
//! They are in this crate, and not in `fuzz/`, because most of the code that they call is private.

pub use crate::client::fuzzing::{
    from_server as client, from_terminal as input, keys as editor, records as client_tls,
};
pub use crate::server::fuzzing::{input as server, records as server_tls};

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::collection::vec;
    use proptest::prelude::{ProptestConfig, Strategy, any, prop_oneof, proptest};
    use proptest::sample::select;

    use crate::protocol::arbitrary::{bytes, some_of_a_few};

    /// Bytes that say which records a peer over TLS sends, many of them of a known kind.
    fn records() -> impl Strategy<Value = Vec<u8>> {
        let step = |what: u8, text: Vec<u8>| {
            let text = &text[..text.len().min(255)];
            let length = u8::try_from(text.len()).expect("it was cut");
            [&[what, length], text].concat()
        };
        let good = (0..8_u8, 0..16_u8, bytes());
        let good = good.prop_map(move |(what, extra, text)| step(16 * extra + what, text));
        let other = (any::<u8>(), bytes()).prop_map(move |(what, text)| step(what, text));
        (any::<u8>(), vec(prop_oneof![6 => good, 1 => other], 0..12))
            .prop_map(|(size, steps)| [vec![size], steps.concat()].concat())
    }

    /// Goes through all seeds of that target.
    fn go_through(target: &str, way: fn(&[u8])) {
        let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
        if !fuzz.exists() {
            // It is a package of its own, and no part of the published one.
            eprintln!("skipped: there is no fuzz/ here");
            return;
        }
        let folder = fuzz.join("seeds").join(target);
        let mut seeds = 0;
        for seed in std::fs::read_dir(folder).expect("there are seeds") {
            let path = seed.expect("a seed").path();
            // So that a failure tells which one it was.
            println!("{}", path.display());
            way(&std::fs::read(path).expect("a file"));
            seeds += 1;
        }
        assert!(seeds > 0);
    }

    #[test]
    fn no_seed_from_a_client_makes_trouble() {
        go_through("server", super::server);
    }

    #[test]
    fn no_seed_from_a_server_makes_trouble() {
        go_through("client", super::client);
    }

    #[test]
    fn no_seed_of_records_makes_trouble_at_either_end() {
        go_through("tls", super::server_tls);
        go_through("tls", super::client_tls);
    }

    #[test]
    fn no_seed_of_keys_makes_trouble() {
        go_through("editor", super::editor);
    }

    #[test]
    fn no_seed_from_a_terminal_makes_trouble() {
        go_through("input", super::input);
    }

    /// Anything that a terminal sends, among it many keys that are no characters.
    fn keys() -> impl Strategy<Value = Vec<u8>> {
        let control = (0..0x20_u8).prop_map(|key| vec![key]);
        let word = select(&["a", " ", "日", "\u{301}", "🇩", "\u{200d}", "/m", "\x0ex\ny\x0f"][..]);
        let word = word.prop_map(|word| word.as_bytes().to_vec());
        (any::<u8>(), some_of_a_few(prop_oneof![4 => control, 3 => word, 1 => bytes()], 40))
            .prop_map(|(columns, keys)| [vec![columns], keys.concat()].concat())
    }

    /// What our server says first, and then anything, in lines that begin as ours do.
    fn lines() -> impl Strategy<Value = Vec<u8>> {
        const WELCOME: &str = "!O-- chatroom 1: welcome (/help for the commands)\n\
            @- 1 = token 000102030405060708090a0b0c0d0e0f\n@- 1 = nick alice\n";
        let line = bytes().prop_map(|text| [b"@1 2 ", &text[..], b"\n\x1d"].concat());
        vec(line, 0..6).prop_map(|lines| [WELCOME.as_bytes(), &lines.concat()].concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn no_bytes_from_a_client_make_trouble(bytes in vec(bytes(), 0..6)) {
            super::server(&[b"\x02", &bytes.join(&b'\n')[..]].concat());
        }

        #[test]
        fn no_bytes_from_a_server_make_trouble(bytes in bytes(), lines in lines()) {
            super::client(&bytes);
            super::client(&lines);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn no_records_from_a_client_make_trouble_and_what_they_say_is_what_plain_bytes_would(
            records in records(),
        ) {
            super::server_tls(&records);
        }

        #[test]
        fn no_records_from_a_server_make_trouble(records in records()) {
            super::client_tls(&records);
        }
    }

    proptest! {
        // Each key is a repaint.
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn no_keys_make_trouble(keys in keys()) {
            super::editor(&keys);
        }
    }
}
