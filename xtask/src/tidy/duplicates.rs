//! A crate is there in one version, unless deny.toml says why not; and its list has nothing
//! needless. `cargo deny` says the same where it is installed.

use std::{collections::BTreeMap, fs};

use anyhow::{Context as _, Result};
use serde::Deserialize;

#[derive(Deserialize)]
struct Deny {
    bans: Bans,
}

#[derive(Deserialize)]
struct Bans {
    skip: Vec<Skip>,
}

#[derive(Deserialize)]
struct Skip {
    /// `name@version`.
    #[serde(rename = "crate")]
    package: String,
    reason: String,
}

#[derive(Deserialize)]
struct Lock {
    package: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
}

pub(super) fn check() -> Result<Vec<String>> {
    let deny = toml::from_str(&fs::read_to_string("deny.toml")?).context("deny.toml")?;
    let lock = toml::from_str(&fs::read_to_string("Cargo.lock")?).context("Cargo.lock")?;
    Ok(breaches(&deny, &lock))
}

fn breaches(deny: &Deny, lock: &Lock) -> Vec<String> {
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for Package { name, version } in &lock.package {
        versions.entry(name).or_default().push(version);
    }
    let mut found = Vec::new();
    for Skip { package, reason } in &deny.bans.skip {
        if reason.trim().is_empty() {
            found.push(format!("deny.toml does not say why {package} is skipped"));
        }
        let (name, version) = package.split_once('@').unwrap_or((package, ""));
        let there = versions.get_mut(name);
        let needed = there.filter(|v| v.len() > 1).is_some_and(|there| {
            let before = there.len();
            there.retain(|v| *v != version);
            there.len() < before
        });
        if !needed {
            found.push(format!("deny.toml skips {package} without need"));
        }
    }
    for (name, left) in versions.iter().filter(|(_, left)| left.len() > 1) {
        let left = left.join(" and ");
        found.push(format!(
            "{name} is there as {left}: agree on one, or say why not in deny.toml"
        ));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(skipped: &[&str], locked: &[(&str, &str)]) -> usize {
        let skip = skipped.iter().map(|package| Skip {
            package: (*package).to_owned(),
            reason: "of old".to_owned(),
        });
        let package = locked.iter().map(|(name, version)| Package {
            name: (*name).to_owned(),
            version: (*version).to_owned(),
        });
        let bans = Bans {
            skip: skip.collect(),
        };
        let lock = Lock {
            package: package.collect(),
        };
        breaches(&Deny { bans }, &lock).len()
    }

    #[test]
    fn a_duplicate_needs_an_entry_and_an_entry_a_duplicate() {
        let twice = [("a", "1.0.0"), ("a", "2.0.0")];
        assert_eq!(check(&[], &twice), 1);
        assert_eq!(check(&["a@1.0.0"], &twice), 0);
        assert_eq!(check(&["a@3.0.0"], &twice), 2);
        assert_eq!(check(&["a@1.0.0"], &twice[1..]), 1);
        assert_eq!(check(&[], &twice[1..]), 0);
    }
}
