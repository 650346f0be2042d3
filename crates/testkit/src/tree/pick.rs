//! Making a tree: files of this machine, as real as they come, and what it may not have.

use std::{
    fs,
    io::Write as _,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink},
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, SystemTime},
};

use anyhow::Result;

use super::Tree;
use crate::run_ok;

/// Folders of a Debian machine with many small files of all kinds. A container may have none.
const SOURCES: [&str; 4] = [
    "/usr/share/doc",
    "/usr/include",
    "/usr/share/perl",
    "/usr/lib/python3",
];
/// One in so many files is made, not found.
const MADE_PART: usize = 10;
const FILES_IN_FOLDER: usize = 100;
const SUFFIXES: [&str; 7] = ["txt", "html", "json", "png", "gz", "bin", "unheard-of"];
/// An owner that is not root.
const ADA: u32 = 1_000;
/// The first second of 1999.
const LONG_AGO: Duration = Duration::from_secs(915_148_800);

impl Tree {
    /// Copies files of this machine to `to`, makes others until there are `files`, and adds
    /// unusual names, attributes and links, and `big` files of `big_bytes` each.
    ///
    /// # Errors
    /// A file cannot be copied or made.
    pub fn pick(to: &Path, files: usize, big: usize, big_bytes: u64) -> Result<Self> {
        fs::create_dir_all(to)?;
        let mut left = files - files / MADE_PART;
        for source in SOURCES.iter().map(Path::new).filter(|s| s.is_dir()) {
            let name = source
                .strip_prefix("/")?
                .to_string_lossy()
                .replace('/', "-");
            left = copy_some(source, &to.join(name), left)?;
        }
        make_small(&to.join("made"), left + files / MADE_PART)?;
        make_special(&to.join("special"))?;
        for number in 0..big {
            let path = to.join(format!("big-{number}.bin"));
            write_noise(&path, big_bytes, number as u64 + 1)?;
        }
        cut_to_seconds(to)?;
        Self::read(to)
    }
}

/// Times with a fraction of a second would not reach the guest: its view of this machine's
/// folders has none.
fn cut_to_seconds(root: &Path) -> Result<()> {
    let mut links = Command::new("find");
    links.arg(root).args(["-type", "l", "-exec"]);
    run_ok(links.args(["touch", "-h", "-d", "2001-02-03T04:05:06Z", "{}", "+"]))?;
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                let seconds = u64::try_from(entry.metadata()?.mtime())?;
                let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
                fs::File::open(entry.path())?.set_modified(time)?;
            }
        }
    }
    Ok(())
}

/// Copies up to `left` regular files below `from`; gives how many are still wanted.
fn copy_some(from: &Path, to: &Path, mut left: usize) -> Result<usize> {
    let mut folders: Vec<(PathBuf, PathBuf)> = vec![(from.into(), to.into())];
    while let Some((from, to)) = folders.pop().filter(|_| left > 0) {
        fs::create_dir_all(&to)?;
        let mut entries: Vec<_> = fs::read_dir(&from)?.collect::<Result<_, _>>()?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let (source, target) = (entry.path(), to.join(entry.file_name()));
            let kind = entry.file_type()?;
            if kind.is_dir() {
                folders.push((source, target));
            } else if kind.is_file() && left > 0 {
                fs::copy(&source, &target)?;
                left -= 1;
            }
        }
    }
    Ok(left)
}

/// Files of all kinds up to 40 KB, the first of them empty.
fn make_small(folder: &Path, files: usize) -> Result<()> {
    for number in 0..files {
        let folder = folder.join((number / FILES_IN_FOLDER).to_string());
        fs::create_dir_all(&folder)?;
        let suffix = SUFFIXES[number % SUFFIXES.len()];
        let bytes = (number as u64 * 7_919) % 40_000;
        let path = folder.join(format!("file-{number}.{suffix}"));
        write_noise(&path, bytes, number as u64 + 1_000)?;
    }
    Ok(())
}

/// What ordinary trees have little of.
fn make_special(folder: &Path) -> Result<()> {
    let made = |name: &str| -> Result<PathBuf> {
        let path = folder.join(name);
        fs::create_dir_all(&path)?;
        Ok(path)
    };
    made("empty")?;
    let private = made("empty and private")?;
    fs::set_permissions(private, fs::Permissions::from_mode(0o700))?;
    let shared = made("shared")?;
    fs::write(shared.join("plan"), "of a group")?;
    chown(&shared, Some(ADA), Some(ADA))?;
    fs::set_permissions(shared, fs::Permissions::from_mode(0o2775))?;

    let names = made("names")?;
    let long = "long".repeat(63) + ".md";
    for name in [
        "größe ∑ 日本.txt",
        " spaces  ",
        ".hidden",
        "100% +a&b=c?d#e;f,g:h@i!.html",
        "quote'\"`\\back",
        "~tilde[bracket]{brace}|*",
        &long,
    ] {
        fs::write(names.join(name), name)?;
    }

    let attributes = made("attributes")?;
    for (name, mode) in [
        ("none", 0o000),
        ("own", 0o600),
        ("run", 0o755),
        ("all", 0o666),
    ] {
        let path = attributes.join(name);
        fs::write(&path, name)?;
        chown(&path, Some(ADA), Some(0))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
        let file = fs::File::open(&path)?;
        file.set_modified(SystemTime::UNIX_EPOCH + LONG_AGO)?;
    }

    let links = made("links")?;
    symlink("../names/.hidden", links.join("relative"))?;
    symlink("/etc/hosts", links.join("absolute"))?;
    symlink("nowhere/größe", links.join("dangling.txt"))?;
    symlink("../shared", links.join("to a folder"))?;
    Ok(())
}

/// Bytes that do not compress and differ with the seed (xorshift).
fn write_noise(path: &Path, bytes: u64, seed: u64) -> Result<()> {
    let mut file = std::io::BufWriter::new(fs::File::create(path)?);
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for _ in 0..bytes.div_ceil(8) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        file.write_all(&state.to_le_bytes())?;
    }
    file.into_inner()?.set_len(bytes)?;
    Ok(())
}
