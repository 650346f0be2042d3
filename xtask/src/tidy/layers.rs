//! Dependencies between our crates go strictly downhill.

use std::{collections::BTreeMap, sync::LazyLock};

use anyhow::{Context as _, Result};
use serde::Deserialize;

use crate::shell;

/// Lowest first; crates of one row do not know each other. ARCHITECTURE.md draws the same.
const LAYERS: &[&[&str]] = &[
    &["clock", "file-lock"],
    &["model"],
    &[
        "vfs",
        "block-device",
        "object-store",
        "audit-log",
        "message-bus",
        "mqtt-codec",
        "tls-session",
        "web-socket",
        "proxy-protocol",
    ],
    &[
        "cache",
        "mqtt-rpc",
        "mqtt-broker",
        "object-cipher",
        "object-volume",
    ],
    &["object-fs"],
    &[
        "nfs-server",
        "smb-share",
        "iscsi-target",
        "object-store-http",
        "s3-server",
        "sts",
        "bus-link",
        "mqtt-client",
        "database",
    ],
    &["gateway", "console", "bench"],
    &["causeway"],
];

/// Tools beside the product: nothing of the product may need them outside its tests.
const BESIDE: &[&str] = &["testkit", "vfs-fuse", "fuzz-targets", "xtask"];

static RANKS: LazyLock<BTreeMap<&str, usize>> = LazyLock::new(|| {
    let ranked = LAYERS.iter().enumerate();
    ranked
        .flat_map(|(rank, names)| names.iter().map(move |name| (*name, rank)))
        .collect()
});

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    /// Nothing for a usual dependency, else `dev` or `build`.
    kind: Option<String>,
    /// Set for crates of this workspace.
    path: Option<String>,
}

pub(super) fn check() -> Result<Vec<String>> {
    let json = shell::output(
        "cargo",
        &["metadata", "--format-version=1", "--no-deps", "--locked"],
    )?;
    let metadata: Metadata = serde_json::from_str(&json).context("reading cargo metadata")?;
    let mut found = breaches(&metadata.packages);
    let drawing = std::fs::read_to_string(shell::root().join("ARCHITECTURE.md"))?;
    found.extend(undrawn(&metadata.packages, &drawing));
    Ok(found)
}

/// Crates that the table of ARCHITECTURE.md does not have.
fn undrawn(packages: &[Package], drawing: &str) -> Vec<String> {
    let rows: String = drawing
        .lines()
        .filter(|line| line.starts_with("| "))
        .collect();
    let missing = packages
        .iter()
        .filter(|package| !rows.contains(&format!("`{}`", package.name)));
    missing
        .map(|package| format!("ARCHITECTURE.md's table of crates lacks {}", package.name))
        .collect()
}

fn breaches(packages: &[Package]) -> Vec<String> {
    let mut found = Vec::new();
    for package in packages
        .iter()
        .filter(|p| !BESIDE.contains(&p.name.as_str()))
    {
        let Some(rank) = RANKS.get(package.name.as_str()) else {
            found.push(format!(
                "{} has no layer: give it one in tidy/layers.rs",
                package.name
            ));
            continue;
        };
        let ours = package.dependencies.iter().filter(|d| d.path.is_some());
        for dependency in ours.filter(|d| d.kind.as_deref() != Some("dev")) {
            if RANKS
                .get(dependency.name.as_str())
                .is_none_or(|below| below >= rank)
            {
                found.push(format!(
                    "{} must not depend on {}",
                    package.name, dependency.name
                ));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, dependency: &str, kind: Option<&str>) -> Package {
        let kind = kind.map(str::to_owned);
        let dependency = Dependency {
            name: dependency.into(),
            kind,
            path: Some(".".into()),
        };
        Package {
            name: name.into(),
            dependencies: vec![dependency],
        }
    }

    #[test]
    fn an_uphill_dependency_is_a_breach() {
        let check = |name, on, kind| breaches(&[package(name, on, kind)]).len();
        assert_eq!(check("gateway", "model", None), 0);
        assert_eq!(check("model", "gateway", None), 1);
        assert_eq!(check("nfs-server", "s3-server", None), 1);
        assert_eq!(check("nfs-server", "object-fs", Some("dev")), 0);
        assert_eq!(check("gateway", "testkit", None), 1);
        assert_eq!(check("unheard-of", "model", None), 1);
    }

    #[test]
    fn a_crate_that_is_not_drawn_is_a_breach() {
        let drawn = |table| undrawn(&[package("gateway", "model", None)], table).len();
        assert_eq!(drawn("| 4 products | `gateway`, `console` |"), 0);
        assert_eq!(
            drawn("The `gateway` is one.\n| 4 products | `console` |"),
            1
        );
    }

    #[test]
    fn this_workspace_goes_downhill() {
        assert_eq!(check().unwrap(), Vec::<String>::new());
    }
}
