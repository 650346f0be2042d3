use std::{collections::BTreeSet, fs, path::Path};

use testkit::Noise;

use super::*;

/// Inputs for each, besides its seeds.
const ROUNDS: usize = 2_000;
/// A handshake each.
const ROUNDS_OF_TLS: usize = 100;

/// Targets whose bodies are in the crates that they are about.
const ELSEWHERE: [&str; 5] = [
    "mqtt_session",
    "mqtt_store_decode",
    "object_fs_decode",
    "object_store_answer",
    "sts_answer",
];

#[test]
fn no_target_finds_anything_in_its_seeds_and_what_is_like_them() {
    for (name, check) in TARGETS {
        let rounds = match name {
            "tls_session" => ROUNDS_OF_TLS,
            _ => ROUNDS,
        };
        Noise::like_seeds_of(name).play(rounds, check);
    }
}

#[test]
fn each_file_of_the_fuzzer_is_a_target_and_is_told_of() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let files = fs::read_dir(folder.join("fuzz_targets")).unwrap();
    let files: BTreeSet<String> = files
        .map(|entry| {
            entry
                .unwrap()
                .path()
                .file_stem()
                .unwrap()
                .display()
                .to_string()
        })
        .collect();
    let known = TARGETS.iter().map(|(name, _)| *name).chain(ELSEWHERE);
    assert_eq!(files, known.map(str::to_owned).collect());
    let text = fs::read_to_string(folder.join("README.md")).unwrap();
    let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
    for name in files {
        assert!(text.contains(&format!("| `{name}` |")), "{name}");
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
    }
}
