//! The model through its trait, as scripts of shell-like lines.

use std::collections::BTreeMap;

use clock::Timestamp;

use super::*;
use crate::{ErrorKind, FileType};

/// Runs `line` as `uid`; answers what a shell would print, or the kind of the failure.
async fn run(fs: &MemFs, uid: u32, line: &str) -> String {
    match try_run(fs, uid, line).await {
        Ok(text) => text,
        Err(e) => format!("{:?}", e.kind()),
    }
}

async fn try_run(fs: &MemFs, uid: u32, line: &str) -> VfsResult<String> {
    let caller = Caller {
        uid,
        gid: uid,
        groups: vec![],
    };
    let words: Vec<&str> = line.split(' ').collect();
    let (dir, name) = parent(fs, words[1]).await?;
    let mode = words.get(2).and_then(|w| u32::from_str_radix(w, 8).ok());
    let set = SetAttributes {
        mode,
        ..SetAttributes::default()
    };
    let at = |inode: VfsResult<Attributes>| inode.map(|a| a.inode);
    match words[0] {
        "mkdir" => fs.make_dir(&caller, dir, &name, set).await.map(|_| ())?,
        "touch" => {
            let unchecked = CreateMode::Unchecked;
            fs.create(&caller, dir, &name, unchecked, set).await?;
        }
        "rm" => fs.remove(&caller, dir, &name).await?,
        "rmdir" => fs.remove_dir(&caller, dir, &name).await?,
        "chmod" => {
            let inode = at(fs.lookup(&caller, dir, name.as_str()).await)?;
            fs.set_attributes(&caller, inode, set, None).await?;
        }
        "ln" => {
            let set = SetAttributes::default();
            fs.make_symlink(&caller, dir, &name, words[2], set).await?;
        }
        "mv" => {
            let (to, to_name) = parent(fs, words[2]).await?;
            let rename = Rename {
                from: dir,
                from_name: &name,
                to,
                to_name: &to_name,
            };
            fs.rename(&caller, rename).await?;
        }
        "stat" => {
            let a = fs.lookup(&caller, dir, name.as_str()).await?;
            return Ok(format!("{:o} {} {}", a.mode, a.uid, a.link_count));
        }
        "ls" => {
            let inode = at(fs.lookup(&caller, dir, name.as_str()).await)?;
            let page = fs.read_dir(&caller, inode, Cookie(0), 100).await?;
            let names: Vec<String> = page.entries.iter().map(|e| e.name.to_string()).collect();
            return Ok(names.join(" "));
        }
        other => panic!("no such word: {other}"),
    }
    Ok("ok".to_owned())
}

async fn parent(fs: &MemFs, path: &str) -> VfsResult<(Inode, Name)> {
    let mut dir = fs.root();
    let mut parts: Vec<&str> = path.split('/').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        dir = fs.lookup(&Caller::root(), dir, part).await?.inode;
    }
    Ok((dir, Name::from_bytes(last.as_bytes())?))
}

/// Each line: `[uid] command -> answer`.
async fn check(script: &str) {
    let fs = MemFs::new(Clock::manual(Timestamp::from_millis(1_000)));
    for line in script.lines().map(str::trim).filter(|l| !l.is_empty()) {
        let (command, want) = line.split_once(" -> ").unwrap();
        let (uid, command) = command.split_once(' ').unwrap();
        let got = run(&fs, uid.parse().unwrap(), command).await;
        assert_eq!(got, want, "{line}");
    }
}

#[tokio::test]
async fn names_are_made_moved_and_removed() {
    check(
        "0 mkdir a 755 -> ok
         0 mkdir a/b 700 -> ok
         0 stat a -> 755 0 3
         0 touch a/f 644 -> ok
         0 mkdir a/f -> Exists
         0 ln a/l target -> ok
         0 ls a -> b f l
         0 rm a/b -> IsDirectory
         0 rmdir a/f -> NotDirectory
         0 rmdir a -> NotEmpty
         0 mv a/f a/b/g -> ok
         0 ls a -> b l
         0 mv a a/b/c -> Invalid
         0 mv a/b a/l -> NotDirectory
         0 mv a/l a/b -> IsDirectory
         0 mkdir e 755 -> ok
         0 mv a/b e -> ok
         0 stat a -> 755 0 2
         0 ls e -> g
         0 mv e/g e/g -> ok
         0 rm e/g -> ok
         0 rm e/g -> NotFound
         0 rmdir e -> ok
         0 ls e -> NotFound",
    )
    .await;
}

#[tokio::test]
async fn rights_are_checked_for_every_name() {
    check(
        "1 mkdir x -> AccessDenied
         0 mkdir t 1777 -> ok
         1 touch t/f 600 -> ok
         2 rm t/f -> NotPermitted
         2 mv t/f t/g -> NotPermitted
         2 chmod t/f 777 -> NotPermitted
         1 mkdir t/d 700 -> ok
         2 ls t/d -> AccessDenied
         2 stat t/d -> 700 1 2
         1 mv t/d t/e -> ok
         1 rm t/f -> ok",
    )
    .await;
}

#[tokio::test]
async fn exclusive_create_is_the_same_file_for_the_same_verifier() {
    let fs = MemFs::new(Clock::manual(Timestamp::from_millis(1)));
    let (root, caller) = (fs.root(), Caller::root());
    let name = Name::from_bytes(b"f").unwrap();
    let create = |verifier| {
        let mode = CreateMode::Exclusive(verifier);
        fs.create(&caller, root, &name, mode, SetAttributes::default())
    };
    let first = create(7).await.unwrap().inode;
    assert_eq!(create(7).await.unwrap().inode, first);
    assert_eq!(create(8).await.unwrap_err().kind(), ErrorKind::Exists);
}

#[tokio::test]
async fn room_is_counted_and_given_back() {
    let fs = MemFs::with_capacity(Clock::manual(Timestamp::from_millis(1)), 128 << 10);
    let (root, caller) = (fs.root(), Caller::root());
    let name = Name::from_bytes(b"f").unwrap();
    let set = SetAttributes::default();
    let mode = CreateMode::Guarded;
    let inode = fs
        .create(&caller, root, &name, mode, set)
        .await
        .unwrap()
        .inode;
    let write = |offset| {
        let bytes = Bytes::from_static(&[1; 1 << 16]);
        fs.write(&caller, inode, offset, bytes, Stability::Stable)
    };
    write(0).await.unwrap();
    write(1 << 40).await.unwrap();
    assert_eq!(write(1 << 20).await.unwrap_err().kind(), ErrorKind::NoSpace);
    let cut = SetAttributes {
        size: Some(0),
        ..set
    };
    fs.set_attributes(&caller, inode, cut, None).await.unwrap();
    write(1 << 20).await.unwrap();
    fs.remove(&caller, root, &name).await.unwrap();
    assert_eq!(fs.usage().await.unwrap().free_bytes, 128 << 10);
    assert_eq!(write(0).await.unwrap_err().kind(), ErrorKind::Stale);
}

#[tokio::test]
async fn a_listing_goes_on_while_names_come_and_go() {
    let fs = MemFs::new(Clock::manual(Timestamp::from_millis(1)));
    let (root, caller) = (fs.root(), Caller::root());
    let name = |i: u32| Name::from_bytes(format!("n{i}").as_bytes()).unwrap();
    for i in 0..100 {
        let set = SetAttributes::default();
        fs.make_dir(&caller, root, &name(i), set).await.unwrap();
    }
    let (mut seen, mut after) = (BTreeMap::new(), Cookie(0));
    loop {
        let page = fs.read_dir(&caller, root, after, 7).await.unwrap();
        for entry in page.entries {
            assert_eq!(entry.attributes.file_type, FileType::Directory);
            after = entry.cookie;
            fs.remove_dir(&caller, root, &entry.name).await.unwrap();
            *seen.entry(entry.name).or_insert(0) += 1;
        }
        if page.end {
            break;
        }
    }
    assert_eq!(seen.len(), 100);
    assert!(seen.values().all(|times| *times == 1));
}
