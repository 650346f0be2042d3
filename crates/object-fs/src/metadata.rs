//! POSIX attributes as user metadata of objects.
//!
//! Written: the `file-*` family that AWS's gateways use. Read too: s3fs' and rclone's keys.

use object_store::Metadata;
use vfs::{Attributes, FileTime, FileType};

/// Tells our own objects from those of others: `<share's id>/<inode>/<attempt>`.
pub(crate) const VERSION_KEY: &str = "causeway-version";

const TYPE_BITS: u32 = 0o170_000;
const TYPE_REGULAR: u32 = 0o100_000;
const TYPE_DIRECTORY: u32 = 0o040_000;
const TYPE_SYMLINK: u32 = 0o120_000;

/// The metadata that tells `attributes`.
pub(crate) fn of_attributes(attributes: &Attributes) -> Metadata {
    let type_bits = match attributes.file_type {
        FileType::Regular => TYPE_REGULAR,
        FileType::Directory => TYPE_DIRECTORY,
        FileType::Symlink => TYPE_SYMLINK,
    };
    Metadata::from([
        ("file-owner".into(), attributes.uid.to_string()),
        ("file-group".into(), attributes.gid.to_string()),
        (
            "file-permissions".into(),
            format!("{:07o}", type_bits | attributes.mode),
        ),
        (
            "file-mtime".into(),
            format!("{}ns", nanos(attributes.mtime)),
        ),
    ])
}

/// What an object's metadata says of a file; `attributes` for what it does not say.
pub(crate) fn apply(metadata: &Metadata, attributes: &mut Attributes) {
    let find = |names: &[&str]| names.iter().find_map(|name| metadata.get(*name));
    let number = |names: &[&str]| find(names).and_then(|text| text.trim().parse().ok());
    if let Some(uid) = number(&["file-owner", "uid"]) {
        attributes.uid = uid;
    }
    if let Some(gid) = number(&["file-group", "gid"]) {
        attributes.gid = gid;
    }
    if let Some(mode) = mode(metadata, attributes.file_type) {
        attributes.mode = mode & vfs::posix::MODE_BITS;
        // A directory is known by its key, not by its metadata.
        if attributes.file_type == FileType::Regular && mode & TYPE_BITS == TYPE_SYMLINK {
            attributes.file_type = FileType::Symlink;
        }
    }
    if let Some(mtime) = find(&["file-mtime", "mtime"]).and_then(|text| time(text)) {
        attributes.mtime = mtime;
    }
}

fn mode(metadata: &Metadata, file_type: FileType) -> Option<u32> {
    if let Some(text) = metadata.get("file-permissions") {
        return u32::from_str_radix(text.trim(), 8).ok();
    }
    let text = metadata.get("mode")?.trim();
    // s3fs writes decimal with type bits (33188), rclone octal (100644): the type tells. In octal,
    // a link of s3fs (41471) would be a directory; but what is one is known.
    let known = |mode: &u32| match mode & TYPE_BITS {
        TYPE_REGULAR | TYPE_SYMLINK => file_type != FileType::Directory,
        TYPE_DIRECTORY => file_type == FileType::Directory,
        _ => false,
    };
    let octal = u32::from_str_radix(text, 8).ok();
    let decimal = text.parse().ok();
    octal.filter(known).or(decimal.filter(known)).or(octal)
}

fn nanos(time: FileTime) -> i128 {
    i128::from(time.seconds) * 1_000_000_000 + i128::from(time.nanos)
}

/// Nanoseconds with `ns`; seconds, perhaps with a fraction, without; a bare number too large
/// for seconds is nanoseconds.
fn time(text: &str) -> Option<FileTime> {
    let text = text.trim();
    if let Some(count) = text.strip_suffix("ns") {
        return of_nanos(count.parse().ok()?);
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let seconds: i128 = whole.parse().ok()?;
    if seconds.unsigned_abs() > SECONDS_MAX {
        return of_nanos(seconds);
    }
    let digits: String = fraction
        .chars()
        .chain("000000000".chars())
        .take(9)
        .collect();
    let part: i128 = digits.parse().ok()?;
    let part = if whole.starts_with('-') { -part } else { part };
    of_nanos(seconds * 1_000_000_000 + part)
}

/// The year 5138; in nanoseconds, the first two minutes of 1970.
const SECONDS_MAX: u128 = 100_000_000_000;

fn of_nanos(nanos: i128) -> Option<FileTime> {
    Some(FileTime {
        seconds: i64::try_from(nanos.div_euclid(1_000_000_000)).ok()?,
        nanos: u32::try_from(nanos.rem_euclid(1_000_000_000)).ok()?,
    })
}

/// The content type for a name, by its suffix.
pub(crate) fn content_type(name: &str) -> &'static str {
    let suffix = name.rsplit_once('.').map_or("", |(_, suffix)| suffix);
    match suffix.to_ascii_lowercase().as_str() {
        "txt" | "log" | "md" => "text/plain",
        "html" | "htm" => "text/html",
        "css" => "text/css",
        "csv" => "text/csv",
        "js" | "mjs" => "text/javascript",
        "json" => "application/json",
        "xml" => "application/xml",
        "pdf" => "application/pdf",
        "zip" => "application/zip",
        "gz" | "tgz" => "application/gzip",
        "tar" => "application/x-tar",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "svg" => "image/svg+xml",
        "webp" => "image/webp",
        "tif" | "tiff" => "image/tiff",
        "mp3" => "audio/mpeg",
        "wav" => "audio/wav",
        "mp4" => "video/mp4",
        "mov" => "video/quicktime",
        "webm" => "video/webm",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests;
