//! `docs/mqtt-conformance.md` names every normative statement of both versions of the standard,
//! and tests that exist.

use std::{collections::BTreeSet, fs, path::PathBuf};

/// Sections with the number of their last statement; MQTT 5 has no 2.2.1-1.
const V311: &[(&str, u16)] = &[
    ("1.5.3", 3),
    ("2.2.2", 2),
    ("2.3.1", 7),
    ("3.1.0", 2),
    ("3.1.2", 24),
    ("3.1.3", 11),
    ("3.1.4", 5),
    ("3.2.0", 1),
    ("3.2.2", 6),
    ("3.3.1", 12),
    ("3.3.2", 3),
    ("3.3.4", 1),
    ("3.3.5", 2),
    ("3.6.1", 1),
    ("3.8.1", 1),
    ("3.8.3", 4),
    ("3.8.4", 6),
    ("3.9.3", 2),
    ("3.10.1", 1),
    ("3.10.3", 2),
    ("3.10.4", 6),
    ("3.12.4", 1),
    ("3.14.1", 1),
    ("3.14.4", 3),
    ("4.1.0", 2),
    ("4.2.0", 1),
    ("4.3.1", 1),
    ("4.3.2", 2),
    ("4.3.3", 2),
    ("4.4.0", 1),
    ("4.5.0", 2),
    ("4.6.0", 6),
    ("4.7.1", 3),
    ("4.7.2", 1),
    ("4.7.3", 4),
    ("4.8.0", 2),
    ("6.0.0", 4),
    ("7.0.0", 2),
    ("7.1.1", 1),
    ("7.1.2", 1),
];

const V5: &[(&str, u16)] = &[
    ("1.5.4", 3),
    ("1.5.5", 1),
    ("1.5.7", 1),
    ("2.1.3", 1),
    ("2.2.1", 6),
    ("2.2.2", 1),
    ("3.1.0", 2),
    ("3.1.2", 30),
    ("3.1.3", 12),
    ("3.1.4", 6),
    ("3.2.0", 2),
    ("3.2.2", 22),
    ("3.3.1", 13),
    ("3.3.2", 20),
    ("3.3.4", 10),
    ("3.4.2", 3),
    ("3.5.2", 3),
    ("3.6.1", 1),
    ("3.6.2", 3),
    ("3.7.2", 3),
    ("3.8.1", 1),
    ("3.8.3", 5),
    ("3.8.4", 8),
    ("3.9.2", 2),
    ("3.9.3", 2),
    ("3.10.1", 1),
    ("3.10.3", 2),
    ("3.10.4", 6),
    ("3.11.2", 2),
    ("3.11.3", 2),
    ("3.12.4", 1),
    ("3.14.0", 1),
    ("3.14.1", 1),
    ("3.14.2", 4),
    ("3.14.4", 3),
    ("3.15.1", 1),
    ("3.15.2", 3),
    ("4.1.0", 2),
    ("4.2.0", 1),
    ("4.3.1", 1),
    ("4.3.2", 5),
    ("4.3.3", 13),
    ("4.4.0", 2),
    ("4.5.0", 2),
    ("4.6.0", 6),
    ("4.7.0", 1),
    ("4.7.1", 2),
    ("4.7.2", 1),
    ("4.7.3", 4),
    ("4.8.2", 6),
    ("4.9.0", 3),
    ("4.12.0", 7),
    ("4.12.1", 2),
    ("4.13.1", 1),
    ("4.13.2", 1),
    ("6.0.0", 4),
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The text between a heading and the next of its kind.
fn section<'d>(document: &'d str, heading: &str) -> &'d str {
    let heading = format!("\n## {heading}\n");
    let (_, rest) = document.split_once(&heading).unwrap();
    rest.split_once("\n## ")
        .map_or(rest, |(section, _)| section)
}

/// The cells of each statement's row.
fn rows(section: &str) -> impl Iterator<Item = Vec<&str>> {
    let rows = section.lines().filter(|line| line.starts_with("| "));
    rows.map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .filter(|cells: &Vec<_>| cells[0].starts_with(|c: char| c.is_ascii_digit()))
}

/// `3.1.2-4 to 6` and `3.1.2-4` as single statements.
fn statements(text: &str) -> Vec<String> {
    let (section, numbers) = text.split_once('-').unwrap();
    let (first, last) = numbers.split_once(" to ").unwrap_or((numbers, numbers));
    let range = first.parse::<u16>().unwrap()..=last.parse().unwrap();
    range.map(|n| format!("{section}-{n}")).collect()
}

fn check_statements(document: &str, heading: &str, standard: &[(&str, u16)]) {
    let section = section(document, heading);
    let (table, clients) = section.split_once("\nClients only: ").unwrap();
    let listed = clients.split_once('.').map_or(clients, |_| clients);
    let listed = listed.trim().trim_end_matches('.').split(", ");
    let mut found = BTreeSet::new();
    let named = rows(table).flat_map(|cells| statements(cells[0]));
    for statement in named.chain(listed.flat_map(|text| statements(text.trim()))) {
        assert!(
            found.insert(statement.clone()),
            "{statement} is there twice"
        );
    }
    let all: BTreeSet<String> = standard
        .iter()
        .flat_map(|(section, last)| (1..=*last).map(move |n| format!("{section}-{n}")))
        .filter(|statement| statement != "2.2.1-1")
        .collect();
    let missing: Vec<_> = all.difference(&found).collect();
    let unknown: Vec<_> = found.difference(&all).collect();
    assert!(
        missing.is_empty() && unknown.is_empty(),
        "missing {missing:?}, unknown {unknown:?}"
    );
}

/// `file.rs::test`: a file of these tests, or below `crates/` if it has a folder.
fn check_test(name: &str) {
    let (file, test) = name.split_once("::").unwrap();
    let path = if file.contains('/') {
        root().join("crates").join(file)
    } else {
        root().join("crates/mqtt-broker/tests/broker").join(file)
    };
    let source = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{name}: {e}"));
    let function = format!("fn {test}(");
    let before = source
        .split_once(&function)
        .unwrap_or_else(|| panic!("{name} is not there"))
        .0;
    let attributes = before.rsplit("\n\n").next().unwrap_or_default();
    assert!(attributes.contains("test]"), "{name} is not a test");
}

#[test]
fn the_conformance_document_names_every_statement_and_tests_that_exist() {
    let document = fs::read_to_string(root().join("docs/mqtt-conformance.md")).unwrap();
    check_statements(&document, "MQTT 3.1.1", V311);
    check_statements(&document, "MQTT 5.0", V5);
    for heading in ["MQTT 3.1.1", "MQTT 5.0"] {
        for cells in rows(section(&document, heading)) {
            let [statement, words, held] = cells[..] else {
                panic!("not three cells: {cells:?}")
            };
            assert!(words.len() > 5, "{statement} says nothing");
            let tests: Vec<&str> = held
                .split('`')
                .filter(|part| part.contains(".rs::"))
                .collect();
            let reason = held.starts_with("why not: ");
            assert!(
                reason || !tests.is_empty(),
                "{statement}: neither a test nor a reason"
            );
            tests.into_iter().for_each(check_test);
        }
    }
}
