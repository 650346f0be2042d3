//! Running other programs, in view of whoever watches.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context as _, Result, ensure};

/// What cargo tells us of our own package. Handed on to another cargo it looks like a change to
/// some build scripts, and half of everything would be built again.
const OF_OUR_OWN_BUILD: [&str; 2] = ["CARGO_PKG_", "CARGO_MANIFEST_"];

/// The project's folder.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent()
        .expect("xtask lies in the project's folder")
        .to_path_buf()
}

/// Runs a program in `dir` (below the project's folder); an exit status but 0 is an error.
pub(crate) fn run_in(dir: &str, program: &str, args: &[&str]) -> Result<()> {
    println!(
        "$ {program} {}{}",
        args.join(" "),
        if dir == "." { "" } else { "   (in a folder)" }
    );
    let status = command(program, args)
        .current_dir(root().join(dir))
        .status()
        .with_context(|| format!("starting {program}"))?;
    ensure!(
        status.success(),
        "{program} {} ended with {status}",
        args.join(" ")
    );
    Ok(())
}

/// Runs a program in the project's folder.
pub(crate) fn run(program: &str, args: &[&str]) -> Result<()> {
    run_in(".", program, args)
}

/// What a program prints; what it says on standard error is shown.
pub(crate) fn output(program: &str, args: &[&str]) -> Result<String> {
    let output = command(program, args)
        .current_dir(root())
        .stderr(Stdio::inherit())
        .output();
    let output = output.with_context(|| format!("starting {program}"))?;
    ensure!(
        output.status.success(),
        "{program} {} ended with {}",
        args.join(" "),
        output.status
    );
    Ok(String::from_utf8(output.stdout)?)
}

fn command(program: &str, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(args);
    for (name, _) in std::env::vars_os() {
        let is_ours = |prefix: &str| name.to_string_lossy().starts_with(prefix);
        if OF_OUR_OWN_BUILD.iter().any(|prefix| is_ours(prefix)) {
            command.env_remove(&name);
        }
    }
    command
}

/// Files that git knows or would take, with one of the endings.
pub(crate) fn files(endings: &[&str]) -> Result<Vec<PathBuf>> {
    let listed = output(
        "git",
        &["ls-files", "--cached", "--others", "--exclude-standard"],
    )?;
    let wanted = |name: &&str| endings.iter().any(|e| name.ends_with(e));
    let present = |path: &PathBuf| path.is_file();
    Ok(listed
        .lines()
        .filter(wanted)
        .map(PathBuf::from)
        .filter(present)
        .collect())
}

#[expect(
    clippy::disallowed_methods,
    reason = "times what runs for whoever watches"
)]
pub(crate) fn now() -> Instant {
    Instant::now()
}
