//! Builds the pages of `web/` and puts them where they are embedded.
//!
//! A build of them that is newer than their sources is used as it is. With
//! `CAUSEWAY_SKIP_WEB=1`, or without `web/package.json`, the console is built without pages.

#![expect(
    clippy::disallowed_methods,
    reason = "a build script is told everything by its environment"
)]

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::Command,
    time::SystemTime,
};

const SKIP: &str = "CAUSEWAY_SKIP_WEB";
/// What the pages are made from, beside `src/` and `public/`.
const SOURCES: [&str; 7] = [
    "index.html",
    "package.json",
    "package-lock.json",
    "tsconfig.json",
    "tsconfig.app.json",
    "tsconfig.node.json",
    "vite.config.ts",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-env-changed={SKIP}");
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../..");
    let (web, pages) = (
        root.join("web"),
        PathBuf::from(env::var("OUT_DIR")?).join("pages"),
    );
    println!(
        "cargo::rerun-if-changed={}",
        web.join("package.json").display()
    );
    fs::remove_dir_all(&pages).or_else(not_there)?;
    fs::create_dir_all(&pages)?;
    let skip = env::var(SKIP).is_ok_and(|value| value == "1");
    if skip || !web.join("package.json").try_exists()? {
        println!("cargo::warning=the console is built without its pages");
        return Ok(());
    }
    for source in SOURCES.iter().chain(&["src", "public"]) {
        println!("cargo::rerun-if-changed={}", web.join(source).display());
    }
    let dist = web.join("dist");
    if modified(&dist.join("index.html"))? <= newest_source(&web)? {
        build(&web)?;
    }
    copy(&dist, &pages)?;
    Ok(())
}

fn build(web: &Path) -> io::Result<()> {
    for arguments in [&["ci", "--no-audit", "--no-fund"][..], &["run", "build"]] {
        let status = Command::new("npm")
            .args(arguments)
            .current_dir(web)
            .status();
        let status = status.map_err(|e| {
            io::Error::new(
                e.kind(),
                format!("cannot run npm: {e}; install Node 20, or set {SKIP}=1"),
            )
        })?;
        if !status.success() {
            let what = arguments.join(" ");
            return Err(io::Error::other(format!(
                "npm {what} failed in web/; or set {SKIP}=1"
            )));
        }
    }
    Ok(())
}

fn newest_source(web: &Path) -> io::Result<Option<SystemTime>> {
    let mut newest = None;
    for source in SOURCES {
        newest = newest.max(modified(&web.join(source))?);
    }
    for directory in ["src", "public"] {
        newest = newest.max(newest_below(&web.join(directory))?);
    }
    Ok(newest)
}

fn newest_below(directory: &Path) -> io::Result<Option<SystemTime>> {
    let mut newest = None;
    if !directory.try_exists()? {
        return Ok(newest);
    }
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        newest = newest.max(if entry.file_type()?.is_dir() {
            newest_below(&entry.path())?
        } else {
            modified(&entry.path())?
        });
    }
    Ok(newest)
}

fn modified(path: &Path) -> io::Result<Option<SystemTime>> {
    match fs::metadata(path) {
        Ok(metadata) => metadata.modified().map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            fs::create_dir_all(&target)?;
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}

fn not_there(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound {
        Ok(())
    } else {
        Err(error)
    }
}
