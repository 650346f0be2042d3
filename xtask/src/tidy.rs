//! `cargo xtask tidy`: rules of the house that no linter knows.

mod doc_tests;
mod duplicates;
mod layers;
mod length;
mod licences;
mod links;
mod module_docs;
mod wording;

use anyhow::{Result, ensure};

type Rule = (&'static str, fn() -> Result<Vec<String>>);

const RULES: &[Rule] = &[
    (
        "a crate depends only on crates of lower layers",
        layers::check,
    ),
    ("a file is one noun and stays short", length::check),
    ("a module says what it is", module_docs::check),
    ("code in comments is text", doc_tests::check),
    (
        "licences and sources are those of deny.toml",
        licences::check,
    ),
    (
        "a crate is there once, or deny.toml says why not",
        duplicates::check,
    ),
    ("links in documents lead somewhere", links::check),
    (
        "nothing is left for later, and no machine is named",
        wording::check,
    ),
];

/// Checks all rules and lists every breach.
pub(crate) fn run() -> Result<()> {
    let mut breaches = 0;
    for (rule, check) in RULES {
        let found = check()?;
        println!("{} {rule}", if found.is_empty() { "ok  " } else { "FAIL" });
        for breach in &found {
            println!("     {breach}");
        }
        breaches += found.len();
    }
    ensure!(
        breaches == 0,
        "{breaches} breaches of the rules of the house"
    );
    Ok(())
}
