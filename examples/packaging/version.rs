//! What version `scripts/debian-version` gives a build, compared as Debian does. Skipped where there is no
//! dpkg or no git.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A tree with a manifest and the script, in an empty folder.
fn tree() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tree = root.join("target/tmp/debian-version");
    fs::remove_dir_all(&tree).ok();
    fs::create_dir_all(tree.join("scripts")).expect("target can be written");
    for file in ["Cargo.toml", "scripts/debian-version"] {
        fs::copy(root.join(file), tree.join(file)).expect("target can be written");
    }
    tree
}

/// Runs a program in the tree, with neither this machine's settings of git nor this repository.
fn run(tree: &Path, program: &str, arguments: &[&str], moment: &str) -> Output {
    Command::new(program)
        .args(arguments)
        .current_dir(tree)
        .env_remove("GIT_DIR")
        .env_remove("GIT_WORK_TREE")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_COMMITTER_DATE", moment)
        .output()
        .expect("the program starts")
}

fn git(tree: &Path, arguments: &[&str], moment: &str) {
    let who = ["-c", "user.name=a", "-c", "user.email=a@localhost"];
    let done = run(tree, "git", &[&who, arguments].concat(), moment);
    assert!(done.status.success(), "{arguments:?}: {done:?}");
}

fn version(tree: &Path) -> String {
    let done = run(tree, "bash", &["scripts/debian-version"], "");
    assert!(done.status.success(), "{done:?}");
    String::from_utf8(done.stdout).expect("it is plain").trim_end().to_owned()
}

fn is_there(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|done| done.status.success())
}

#[test]
fn a_later_build_has_a_higher_version_than_all_before() {
    if let Some(missing) = ["dpkg", "git"].iter().find(|program| !is_there(program)) {
        eprintln!("skipped: there is no {missing}");
        return;
    }
    let tree = tree();
    let without_git = version(&tree);
    git(&tree, &["init", "--quiet"], "");
    git(&tree, &["add", "."], "");
    git(&tree, &["commit", "--quiet", "-m", "one"], "2026-01-02T23:59:59Z");
    let first = version(&tree);
    git(&tree, &["commit", "--quiet", "--allow-empty", "-m", "two"], "2026-01-03T00:00:00Z");
    let second = version(&tree);
    assert_eq!(second, version(&tree), "it is the commit's");
    fs::write(tree.join("new"), "").expect("target can be written");
    let changed = version(&tree);
    // The time alone decides, and a later version of the program is higher than all builds of this one.
    let released = format!("{}-1", env!("CARGO_PKG_VERSION"));
    let next = second.replace(env!("CARGO_PKG_VERSION"), "99.0.0");
    for (lower, higher) in [
        (&released, &first),
        (&first, &second),
        (&second, &changed),
        (&second, &without_git),
        (&changed, &next),
    ] {
        let valid = run(&tree, "dpkg", &["--validate-version", higher], "");
        assert!(valid.status.success(), "{valid:?}");
        let compared = run(&tree, "dpkg", &["--compare-versions", lower, "lt", higher], "");
        assert!(compared.status.success(), "{higher} is no higher than {lower}");
    }
}
