//! The README, followed word by word in a network of its own.

use std::{fs, path::PathBuf, time::Duration};

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

/// Runs each `$` line and compares what it prints with what follows.
fn follow_transcript(lab: &Lab, lines: &[String], folder: &std::path::Path) -> Result<()> {
    let mut steps: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in lines {
        match (line.strip_prefix("$ causeway "), steps.last_mut()) {
            (Some(words), _) => steps.push((words, Vec::new())),
            (None, Some((_, printed))) => printed.push(line),
            (None, None) => anyhow::bail!("the transcript begins with a command"),
        }
    }
    for (words, written) in steps {
        let want = plain(&written.join("\n"));
        // What only looks may look again until all is measured; what acts acts once.
        let limit = if words.contains(" sync ") { 0 } else { 40 };
        let mut last = String::new();
        eventually(words, Duration::from_secs(limit), || {
            let mut command = lab.command(Place::Cloud, causeway_binary()?);
            let output = run(command.args(words.split(' ')).current_dir(folder))?;
            last = String::from_utf8(output.stdout)?;
            Ok((plain(&last) == want).then_some(()))
        })
        .with_context(|| format!("it prints\n{last}\nnot as written: {want}"))?;
    }
    Ok(())
}

fn plain(text: &str) -> String {
    text.split_whitespace()
        .map(shape)
        .collect::<Vec<_>>()
        .join(" ")
}

/// A word without what differs from run to run: ids, times, numbers.
fn shape(word: &str) -> String {
    let is_id = word.starts_with("gw-") || word.contains("/gw-") || word.len() == 36;
    let is_time = word.len() == 24 && word.ends_with('Z');
    if is_id || is_time {
        let tail = word.split("/share/").nth(1).map(|s| format!("/share/{s}"));
        return format!("#{}", tail.unwrap_or_default());
    }
    let digits = word.chars().any(|c| c.is_ascii_digit()) && !word.starts_with('{');
    if digits {
        "#".to_owned()
    } else {
        word.to_owned()
    }
}
