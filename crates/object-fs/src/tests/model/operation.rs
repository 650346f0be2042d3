//! What a history is made of: each operation once for the engine and once for the model.

use vfs::MemFs;

use super::*;

pub(super) const LINK_TARGET: &str = "some/where";
const NAMES: [&str; 4] = ["a", "b", "c", "d"];

#[derive(Clone, Debug)]
pub(super) enum Operation {
    Create(String),
    MakeDir(String),
    Symlink(String),
    Write {
        path: String,
        offset: u64,
        seed: u64,
        len: usize,
    },
    Commit(String),
    Resize {
        path: String,
        size: u64,
    },
    Remove(String),
    RemoveDir(String),
    Rename {
        from: String,
        to: String,
    },
    Chmod {
        path: String,
        mode: u32,
        owner: u32,
    },
    Read(String),
    Sync,
    Pause(Duration),
}

/// A path of which parts may or may not be there.
fn path(random: &mut Random) -> String {
    // Mostly near the root, where something is.
    let depth = [1, 1, 1, 2, 2, 3][random.below(6) as usize];
    let names: Vec<&str> = (0..depth)
        .map(|_| NAMES[random.below(NAMES.len() as u64) as usize])
        .collect();
    names.join("/")
}

impl Operation {
    /// The next one; those on content want a file that is there.
    pub(super) fn draw(random: &mut Random, files: &BTreeMap<String, Promised>) -> Self {
        let kind = random.below(100);
        let file = match files.len() as u64 {
            0 => None,
            count => files.keys().nth(random.below(count) as usize).cloned(),
        };
        match (kind, file) {
            (0..25, Some(path)) => Self::Write {
                path,
                offset: random.below(30_000),
                seed: random.next(),
                len: 1 + random.below(12_000) as usize,
            },
            (25..35, Some(path)) => Self::Commit(path),
            (35..40, Some(path)) => Self::Resize {
                path,
                size: random.below(40_000),
            },
            (40..44, Some(path)) => Self::Read(path),
            (44..54, _) => Self::Pause(Duration::from_millis(random.below(12))),
            (54..56, _) => Self::Sync,
            (56..64, _) => Self::MakeDir(path(random)),
            (64..67, _) => Self::Symlink(path(random)),
            (67..75, _) => Self::Remove(path(random)),
            (75..78, _) => Self::RemoveDir(path(random)),
            (78..88, _) => Self::Rename {
                from: path(random),
                to: path(random),
            },
            (88..92, _) => Self::Chmod {
                path: path(random),
                mode: random.below(0o1000) as u32 | 0o600,
                owner: random.below(3) as u32,
            },
            _ => Self::Create(path(random)),
        }
    }

    /// Does it in the engine. The store fails often enough that a fetch may; clients ask again.
    pub(super) async fn on_engine(&self, bench: &Bench) -> VfsResult<()> {
        loop {
            let answer = self.try_engine(bench).await;
            let unavailable = |e: &vfs::VfsError| e.kind() == ErrorKind::Unavailable;
            if bench.power.is_off() || !answer.as_ref().is_err_and(unavailable) {
                return answer;
            }
            bench.clock.sleep(Duration::from_millis(1)).await;
        }
    }

    async fn try_engine(&self, bench: &Bench) -> VfsResult<()> {
        match self {
            Self::Create(path) => drop(bench.create(path).await?),
            Self::MakeDir(path) => drop(bench.make_dir(path).await?),
            Self::Symlink(path) => drop(bench.symlink(path, LINK_TARGET).await?),
            Self::Write {
                path,
                offset,
                seed,
                len,
            } => {
                bench.write(path, *offset, pattern(*seed, *len)).await?;
            }
            Self::Commit(path) => drop(bench.commit(path).await?),
            Self::Resize { path, size } => drop(bench.resize(path, *size).await?),
            Self::Remove(path) => bench.remove(path).await?,
            Self::RemoveDir(path) => bench.remove_dir(path).await?,
            Self::Rename { from, to } => bench.rename(from, to).await?,
            Self::Chmod { path, mode, owner } => {
                let inode = bench.find(path).await?.inode;
                let set = attributes(*mode, *owner);
                bench.fs().set_attributes(&root(), inode, set, None).await?;
            }
            Self::Read(path) => drop(bench.read(path).await?),
            Self::Pause(time) => bench.clock.sleep(*time).await,
            Self::Sync => {
                // Nobody else changes the bucket, so there is nothing to find in it.
                if let Ok(found) = bench.fs().sync(None).await {
                    let changes = (found.added, found.changed, found.removed, found.conflicts);
                    assert_eq!(changes, (0, 0, 0, 0), "a listing changed the tree");
                }
            }
        }
        Ok(())
    }

    /// Does it in the model, which has names and attributes; content is [`Promised`].
    pub(super) async fn on_model(&self, model: &MemFs) -> VfsResult<()> {
        let set = SetAttributes::default();
        match self {
            Self::Create(path) => {
                let (dir, name) = parent(model, path).await?;
                let mode = CreateMode::Unchecked;
                model.create(&root(), dir, &name, mode, set).await?;
            }
            Self::MakeDir(path) => {
                let (dir, name) = parent(model, path).await?;
                model.make_dir(&root(), dir, &name, set).await?;
            }
            Self::Symlink(path) => {
                let (dir, name) = parent(model, path).await?;
                model
                    .make_symlink(&root(), dir, &name, LINK_TARGET, set)
                    .await?;
            }
            Self::Remove(path) => {
                let (dir, name) = parent(model, path).await?;
                model.remove(&root(), dir, &name).await?;
            }
            Self::RemoveDir(path) => {
                let (dir, name) = parent(model, path).await?;
                model.remove_dir(&root(), dir, &name).await?;
            }
            Self::Rename { from, to } => {
                let (from, from_name) = parent(model, from).await?;
                let (to, to_name) = parent(model, to).await?;
                let rename = Rename {
                    from,
                    from_name: &from_name,
                    to,
                    to_name: &to_name,
                };
                model.rename(&root(), rename).await?;
            }
            Self::Chmod { path, mode, owner } => {
                let inode = find(model, path).await?.inode;
                let set = attributes(*mode, *owner);
                model.set_attributes(&root(), inode, set, None).await?;
            }
            Self::Write { path, .. }
            | Self::Commit(path)
            | Self::Resize { path, .. }
            | Self::Read(path) => drop(find(model, path).await?),
            Self::Sync | Self::Pause(_) => {}
        }
        Ok(())
    }
}

fn attributes(mode: u32, owner: u32) -> SetAttributes {
    SetAttributes {
        mode: Some(mode),
        uid: Some(owner),
        gid: Some(owner + 1),
        ..SetAttributes::default()
    }
}

pub(super) async fn find(model: &MemFs, path: &str) -> VfsResult<Attributes> {
    let mut at = model.attributes(model.root()).await?;
    for name in path.split('/').filter(|name| !name.is_empty()) {
        at = model.lookup(&root(), at.inode, name).await?;
    }
    Ok(at)
}

async fn parent(model: &MemFs, path: &str) -> VfsResult<(Inode, Name)> {
    let (dir, name) = path.rsplit_once('/').unwrap_or(("", path));
    Ok((find(model, dir).await?.inode, name_of(name)))
}
