//! What a directory is on.

use std::{fs, os::unix::fs::MetadataExt as _, path::Path};

use crate::error::BenchError;

/// File systems that keep nothing on a disk.
const IN_MEMORY: [&str; 2] = ["tmpfs", "ramfs"];

/// The name of the file system that a directory is on.
pub(super) fn file_system_of(dir: &Path) -> Result<String, BenchError> {
    let device = fs::metadata(dir).map_err(BenchError::io("look at the directory to measure"))?;
    let (major, minor) = (
        rustix::fs::major(device.dev()),
        rustix::fs::minor(device.dev()),
    );
    let mounts = fs::read_to_string("/proc/self/mountinfo")
        .map_err(BenchError::io("read the table of mounts"))?;
    let found = type_of(&mounts, &format!("{major}:{minor}"));
    let found = found.unwrap_or("unknown file system");
    if IN_MEMORY.contains(&found) {
        let text = format!(
            "`{}` is on {found}, which keeps nothing: give a directory of a real disk with --dir",
            dir.display()
        );
        return Err(BenchError::Usage(text));
    }
    Ok(found.to_owned())
}

/// proc(5): number, parent, device, root, mount point, options, optional fields, `-`, type.
fn type_of<'a>(mounts: &'a str, device: &str) -> Option<&'a str> {
    let of_device = |line: &&str| line.split(' ').nth(2) == Some(device);
    let line = mounts.lines().find(of_device)?;
    let (_, after) = line.split_once(" - ")?;
    after.split(' ').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_is_that_of_the_device() {
        let mounts = "21 1 254:0 / / rw shared:1 - ext4 /dev/vda rw\n\
                      22 21 0:5 / /proc rw - proc proc rw\n";
        assert_eq!(type_of(mounts, "254:0"), Some("ext4"));
        assert_eq!(type_of(mounts, "0:5"), Some("proc"));
        assert_eq!(type_of(mounts, "1:1"), None);
    }
}
