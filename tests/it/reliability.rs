//! Every test that docs/RELIABILITY.md names is there.

use std::fs;
use std::path::Path;

#[test]
fn each_test_that_the_document_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let document = fs::read_to_string(root.join("docs/RELIABILITY.md")).expect("it is there");
    let named: Vec<_> = document.split('`').filter_map(|quoted| quoted.split_once("::")).collect();
    assert!(named.len() > 50, "{} are found", named.len());
    for (file, test) in named {
        let source = fs::read_to_string(root.join(file));
        let source = source.unwrap_or_else(|why| panic!("{file}: {why}"));
        assert!(source.contains(&format!("fn {test}(")), "{file} has no {test}");
    }
}
