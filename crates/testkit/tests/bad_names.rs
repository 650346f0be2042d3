//! Names that cannot be, from a Linux client: each call is refused in the client's own words, and
//! what is there stays as it is.

use std::time::Duration;

use anyhow::{Result, ensure};
use testkit::{Guest, Site, scratch_folder};

/// `said WORDS COMMAND…`: the command fails, and says why.
const SCRIPT: &str = r#"
mkdir /mnt/share
mount -t nfs -o vers=3,proto=tcp,port=2049,mountport=2049,mountproto=tcp,nolock,hard $HOST:/names /mnt/share
cd /mnt/share
said() {
  words=$1; shift
  if "$@" 2> /tmp/said; then echo "no refusal: $*"; exit 1; fi
  grep -q "$words" /tmp/said || { echo "not '$words': $*"; cat /tmp/said; exit 1; }
}
echo kept > file
mkdir dir
# Not UTF-8: CREATE, MKDIR, SYMLINK (name and target), RENAME, LOOKUP.
bad=$(printf 'bad\377name')
said 'Invalid argument' touch "$bad"
said 'Invalid argument' mkdir "$bad"
said 'Invalid argument' ln -s file "$bad"
said 'Invalid argument' ln -s "$bad" link
said 'Invalid argument' mv file "$bad"
said 'Invalid argument' mv dir "$bad"
# 256 bytes, and 255, which are allowed, also where letters are longer than a byte.
long=$(printf 'x%.0s' $(seq 256))
said 'File name too long' touch "$long"
said 'File name too long' mkdir "$long"
said 'File name too long' ln -s file "$long"
said 'File name too long' mv file "$long"
touch "${long%x}"
# `..` of a share's root stays in it; a directory does not move into itself.
[ "$(cat ../share/file)" = kept ]
said 'Invalid argument\|busy\|subdirectory of itself' mv dir dir/inner
# Links to one file, and devices, are not kept in a bucket.
said 'not permitted' ln file second
said 'not permitted' mknod device c 1 3
[ "$(cat file)" = kept ] && [ -d dir ]
[ "$(ls | wc -l)" = 3 ]
cd / && umount /mnt/share
echo "all names were judged"
"#;

#[test]
fn names_that_cannot_be_are_refused_and_nothing_is_changed() -> Result<()> {
    let job = scratch_folder()?;
    let site = Site::up()?;
    let mut gateway = site.join_gateway("names")?;
    site.share(&gateway, "names")?;
    let script = SCRIPT.replace("$HOST", Guest::HOST);
    let limit = Duration::from_secs(120);
    let printed = site.guest.run(&site.lab, job.path(), &script, limit)?;
    ensure!(printed.contains("all names were judged"), "{printed}");
    ensure!(gateway.process.is_running()?);
    Ok(())
}
