//! Dependencies have licences that deny.toml allows, and come from the registry.

use std::fs;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use crate::shell;

#[derive(Deserialize)]
struct Deny {
    licenses: Licences,
}

#[derive(Deserialize)]
struct Licences {
    allow: Vec<String>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    license: Option<String>,
    source: Option<String>,
}

pub(super) fn check() -> Result<Vec<String>> {
    let deny: Deny = toml::from_str(&fs::read_to_string("deny.toml")?).context("deny.toml")?;
    let json = shell::output("cargo", &["metadata", "--format-version=1", "--locked"])?;
    let metadata: Metadata = serde_json::from_str(&json).context("reading cargo metadata")?;
    let mut found = Vec::new();
    for package in &metadata.packages {
        let Package {
            name,
            version,
            license,
            source,
        } = package;
        let licence = license.as_deref().unwrap_or("none");
        if !is_allowed(licence, &deny.licenses.allow) {
            found.push(format!("{name} {version} has the licence {licence}"));
        }
        if source
            .as_deref()
            .is_some_and(|s| !s.starts_with("registry+"))
        {
            found.push(format!("{name} {version} does not come from the registry"));
        }
    }
    Ok(found)
}

/// Whether an SPDX expression can be met: one side of each `OR`, both sides of each `AND`.
fn is_allowed(expression: &str, allowed: &[String]) -> bool {
    let expression = expression.replace(['(', ')'], " ").replace('/', " OR ");
    let known = |licence: &str| allowed.iter().any(|a| a == licence.trim());
    if expression.contains(" AND ") && expression.contains(" OR ") {
        // `A AND (B OR C)`: every AND part must hold one that is allowed.
        return expression
            .split(" AND ")
            .all(|part| part.split(" OR ").any(known));
    }
    expression
        .split(" OR ")
        .any(|part| part.split(" AND ").all(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_is_allowed_if_it_can_be_met() {
        let allowed = ["MIT".to_owned(), "Apache-2.0".to_owned(), "ISC".to_owned()];
        let check = |expression| is_allowed(expression, &allowed);
        assert!(check("MIT"));
        assert!(check("GPL-3.0 OR MIT"));
        assert!(check("MIT/GPL-3.0"));
        assert!(check("ISC AND (Apache-2.0 OR OpenSSL)"));
        assert!(!check("GPL-3.0"));
        assert!(!check("MIT AND GPL-3.0"));
    }
}
