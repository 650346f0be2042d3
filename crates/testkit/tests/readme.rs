//! The README, followed word by word in a network of its own.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use testkit::{
    Lab, Place, Process, Ready, causeway_binary, eventually, run, run_ok, scratch_folder,
};

fn project() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The lines of the first block of the README that is marked so.
fn block(readme: &str, language: &str) -> Result<Vec<String>> {
    let fence = format!("```{language}\n");
    let (_, rest) = readme
        .split_once(&fence)
        .context("the README has such a block")?;
    let (body, _) = rest.split_once("\n```").context("the block ends")?;
    Ok(body.lines().map(str::to_owned).collect())
}

#[test]
fn the_first_command_ends_with_a_share_and_a_page_and_ctl_prints_what_is_written() -> Result<()> {
    let readme = fs::read_to_string(project().join("README.md"))?;
    ensure!(block(&readme, "sh")? == ["cargo run --release -- up"]);
    let (lab, scratch) = (Lab::up()?, scratch_folder()?);
    let ready_file = scratch.path().join("ready.json");
    let mut cargo = lab.command(Place::Cloud, "cargo");
    cargo
        .arg("run")
        .arg("--manifest-path")
        .arg(project().join("Cargo.toml"));
    // The build that this very test belongs to; `cargo test --release` makes it `--release`.
    if causeway_binary()?
        .components()
        .any(|part| part.as_os_str() == "release")
    {
        cargo.arg("--release");
    }
    cargo
        .args(["--", "up"])
        .env("CAUSEWAY_READY_FILE", &ready_file)
        .current_dir(scratch.path());
    // Cargo tells this test of its own package. To some build scripts that would look like a
    // change, and half of everything would be built again.
    for (name, _) in std::env::vars_os() {
        if ["CARGO_PKG_", "CARGO_MANIFEST_"]
            .iter()
            .any(|prefix| name.to_string_lossy().starts_with(prefix))
        {
            cargo.env_remove(&name);
        }
    }
    let mut up = Process::start(&mut cargo, &scratch.path().join("log"))?;
    let limit = Duration::from_secs(1_200);
    eventually("the program is built", limit, || {
        ensure!(up.is_running()?, "ended: {}", up.printed());
        Ok(up.printed().contains("Causeway is ready").then_some(()))
    })?;
    let ready = Ready::wait(&mut up, &ready_file)?;

    let curl = |url: &str| run_ok(lab.command(Place::Cloud, "curl").args(["-sSf", url]));
    ensure!(
        curl(ready.text("/console/url"))?.contains("<title>Causeway</title>"),
        "no page"
    );
    ensure!(
        readme.contains(ready.text("/gateway/mount_command")),
        "another mount command"
    );
    greets_as_written(&block(&readme, "text")?, &up.printed(), scratch.path())?;
    let (letter, url) = (
        scratch.path().join("letter"),
        "nfs://127.0.0.1/demo/letter?version=3",
    );
    fs::write(&letter, "hello")?;
    let url = format!("{url}&nfsport=2049&mountport=2049");
    run_ok(lab.command(Place::Cloud, "nfs-cp").arg(&letter).arg(url))?;
    let object = scratch
        .path()
        .join("causeway-data/objects/demo/demo/letter");
    eventually("the object", Duration::from_secs(30), || {
        Ok((fs::read_to_string(&object).unwrap_or_default() == "hello").then_some(()))
    })?;

    follow_transcript(&lab, &block(&readme, "console")?, scratch.path())?;
    up.terminate(Duration::from_secs(30))
}

/// Compares what `up` prints with the README, where somebody's clone is in `/home/ada`.
fn greets_as_written(written: &[String], printed: &str, folder: &Path) -> Result<()> {
    let clone = "/home/ada/causeway";
    let began = printed.find("Causeway is ready").context("it greets")?;
    let target = causeway_binary()?.canonicalize()?;
    let ours = printed[began..]
        .replace(
            &target.display().to_string(),
            &format!("{clone}/target/release/causeway"),
        )
        .replace(&folder.display().to_string(), clone);
    let password = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        let hidden = words.into_iter().map(|word| {
            let upper = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit();
            if word.len() == 20 && word.chars().all(upper) {
                "PASSWORD"
            } else {
                word
            }
        });
        hidden.collect::<Vec<_>>().join(" ")
    };
    let ours: Vec<String> = ours.trim_end().lines().map(password).collect();
    let written: Vec<String> = written.iter().map(|line| password(line)).collect();
    ensure!(
        ours == written,
        "it greets\n{}\nnot as written",
        ours.join("\n")
    );
    Ok(())
}

/// Runs each `$` line and compares what it prints with what follows.
fn follow_transcript(lab: &Lab, lines: &[String], folder: &Path) -> Result<()> {
    let mut steps: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in lines {
        match (line.strip_prefix("$ causeway "), steps.last_mut()) {
            (Some(words), _) => steps.push((words, Vec::new())),
            (None, Some((_, printed))) => printed.push(line),
            (None, None) => anyhow::bail!("the transcript begins with a command"),
        }
    }
    ensure!(steps.len() > 4, "a transcript of {} commands", steps.len());
    for (words, written) in steps {
        let want = masked(&written.join("\n"));
        // What only looks may look again until all is measured; what acts acts once.
        let limit = if words.contains(" sync ") { 0 } else { 40 };
        let mut last = String::new();
        eventually(words, Duration::from_secs(limit), || {
            let mut command = lab.command(Place::Cloud, causeway_binary()?);
            let output = run(command.args(words.split(' ')).current_dir(folder))?;
            last = masked(&String::from_utf8(output.stdout)?);
            Ok((last == want).then_some(()))
        })
        .with_context(|| format!("it prints\n{last}\nnot as written:\n{want}"))?;
    }
    Ok(())
}

/// The text with its cells two spaces apart, and without what differs from run to run: ids,
/// points in time, time that has passed. Everything else must be as it is written.
fn masked(text: &str) -> String {
    let lines = text.trim_end().lines().map(|line| {
        let cells = line.split("  ").map(str::trim).filter(|c| !c.is_empty());
        cells.map(cell).collect::<Vec<_>>().join("  ")
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn cell(cell: &str) -> String {
    let words: Vec<&str> = cell.split(' ').collect();
    let is_number = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_digit());
    match *words {
        [number, "ms" | "s" | "min"] if is_number(number) => "TIME".to_owned(),
        [number, "ms" | "s" | "min", "ago"] if is_number(number) => "TIME ago".to_owned(),
        _ => {
            let words: Vec<String> = words.into_iter().map(word).collect();
            words.join(" ")
        }
    }
}

fn word(word: &str) -> String {
    let of_uuid = |c: char| c.is_ascii_hexdigit() || c == '-';
    let of_id = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if word.len() == 36 && word.matches('-').count() == 4 && word.chars().all(of_uuid) {
        return "UUID".to_owned();
    }
    if word.len() == 24 && word.ends_with('Z') && word.contains("T") {
        return "POINT-IN-TIME".to_owned();
    }
    match word.split_once("gw-") {
        Some((before, rest)) => {
            let after = rest.trim_start_matches(of_id);
            format!("{before}GATEWAY-ID{after}")
        }
        None => word.to_owned(),
    }
}

#[test]
fn only_ids_and_times_are_masked() {
    let same = |one: &str, other: &str| masked(one) == masked(other);
    assert!(same(
        "gw-7hc9473x  demo  809 ms ago   1",
        "gw-aaaaaaaa  demo  1 s ago  1"
    ));
    assert!(same("target/gw-1/share/demo", "target/gw-2/share/demo"));
    assert!(!same("gw-1  demo  1 s ago  1", "gw-1  demo  1 s ago  2"));
    assert!(!same("gateway/gw-1/share/demo", "gateway/gw-1/share/other"));
    assert!(!same("{\"listed\":1}", "{\"listed\":2}"));
    assert!(!same("12 records.", "13 records."));
    assert!(!same("one  two", "one two"));
    assert!(!same("state:  finished", "state:  failed"));
}
