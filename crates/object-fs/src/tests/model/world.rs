//! One history, in the engine and in the model.

use std::io::Write as _;

use vfs::{FileType, MemFs};

use super::{
    operation::{LINK_TARGET, find},
    *,
};

/// What there is, with what is compared of it: type, mode, owner, group.
type Tree = BTreeMap<String, (FileType, u32, u32, u32)>;

pub(super) struct World {
    pub(super) bench: Bench,
    model: MemFs,
    files: Files,
    random: Random,
    /// Whether a power cut is to come that has not come yet.
    pub(super) has_cut_ahead: bool,
    /// Printed if the test fails.
    trace: Vec<String>,
}

impl World {
    pub(super) async fn new(bench: Bench, seed: u64) -> Self {
        bench.imported().await;
        bench.power.seed(seed);
        bench.store.set_faults(Faults {
            seed,
            refused_permille: 50,
            lost_reply_permille: 50,
            cut_body_permille: 50,
            throttled_permille: 20,
            torn_upload_permille: 100,
            stale_list_permille: 300,
            stale_by: Duration::from_secs(60),
            ..Faults::default()
        });
        Self {
            model: MemFs::new(bench.clock.clone()),
            bench,
            files: Files::default(),
            random: Random(seed),
            has_cut_ahead: false,
            trace: vec![format!("seed {seed}")],
        }
    }

    pub(super) const fn random(&mut self) -> &mut Random {
        &mut self.random
    }

    /// The power goes off in the midst of the last of so many moments.
    pub(super) fn cut_after(&mut self, moments: u64) {
        self.trace.push(format!("power for {moments} moments"));
        self.bench.power.cut_after(moments);
        self.has_cut_ahead = true;
    }

    /// The next operation, in both. If the power goes off in its midst: off and on again.
    pub(super) async fn step(&mut self) {
        let operation = Operation::draw(&mut self.random, &self.files.by_path);
        self.trace.push(format!("{operation:?}"));
        let ours = operation.on_engine(&self.bench).await;
        let failed_below = matches!(
            ours.as_ref().map_err(vfs::VfsError::kind),
            Err(ErrorKind::Io | ErrorKind::Unavailable)
        );
        let is_off = self.bench.power.is_off();
        if is_off && failed_below {
            self.crash(Some(&operation)).await;
            return;
        }
        let theirs = operation.on_model(&self.model).await;
        let kind = |answer: &VfsResult<()>| answer.as_ref().err().map(vfs::VfsError::kind);
        assert_eq!(kind(&ours), kind(&theirs), "{ours:?}");
        if ours.is_ok() {
            self.files.apply(&operation, true);
            if let Operation::Commit(path) = &operation {
                self.compare_committed(path).await;
            }
        }
        if is_off {
            self.crash(None).await;
        } else if let Operation::Read(path) = &operation {
            let read = read_patiently(&self.bench, path).await;
            assert!(read == self.files.by_path[path].current, "{path}");
        }
    }

    /// Power off and on. What was promised is there, and nothing else but the operation that
    /// was under way, whole or not at all.
    pub(super) async fn crash(&mut self, under_way: Option<&Operation>) {
        self.trace.push("power cut".into());
        self.has_cut_ahead = false;
        let mut random = Random(self.random.next());
        self.bench.crash(|| random.below(2) == 0).await;
        if let Some(operation) = under_way {
            self.files.interrupt(operation);
            if tree_of(&self.bench).await != self.model_tree().await {
                let done = operation.on_model(&self.model).await;
                done.expect("it was not carried out, but something else was");
                self.files.apply(operation, false);
                self.trace.push("it was carried out".into());
            }
        }
        assert_eq!(tree_of(&self.bench).await, self.model_tree().await);
        for (path, file) in &mut self.files.by_path {
            let read = read_patiently(&self.bench, path).await;
            assert!(file.may_be(&read), "{path} is torn, or lost something");
            file.settle(read);
        }
        self.compare_objects();
    }

    async fn model_tree(&self) -> Tree {
        let (mut tree, mut dirs) = (Tree::new(), vec![String::new()]);
        while let Some(dir) = dirs.pop() {
            let inode = find(&self.model, &dir).await.unwrap().inode;
            let page = self.model.read_dir(&root(), inode, Cookie(0), 1_000).await;
            for entry in page.unwrap().entries {
                let path = join(&dir, entry.name.as_str());
                if entry.attributes.file_type == FileType::Directory {
                    dirs.push(path.clone());
                }
                tree.insert(path, seen(entry.attributes));
            }
        }
        tree
    }

    /// Where the share writes through, a commit that was answered has brought the file to the
    /// bucket, under whichever name it has there.
    async fn compare_committed(&self, path: &str) {
        if self.bench.config.mode != ShareMode::WriteThrough {
            return;
        }
        let status = self.bench.fs().file_status(path).await.unwrap();
        let bytes = status.object.and_then(|key| {
            let object = self.bench.store.object(&key)?;
            Some(self.bench.open(&key, object.bytes))
        });
        let file = &self.files.by_path[path].current;
        assert!(
            bytes.is_some_and(|bytes| bytes == file),
            "{path} is not in the bucket"
        );
    }

    /// All of both.
    pub(super) async fn compare(&self, bench: &Bench) {
        let tree = tree_of(bench).await;
        assert_eq!(tree, self.model_tree().await);
        for (path, (file_type, ..)) in tree {
            match file_type {
                FileType::Directory => {}
                FileType::Regular => {
                    let read = read_patiently(bench, &path).await;
                    assert!(read == self.files.by_path[&path].current, "{path}");
                }
                FileType::Symlink => {
                    let inode = bench.find(&path).await.unwrap().inode;
                    let target = bench.fs().read_link(&root(), inode).await;
                    assert_eq!(target.unwrap(), LINK_TARGET, "{path}");
                }
            }
        }
    }

    /// Whatever is in the bucket was at some time the whole content of some file.
    fn compare_objects(&self) {
        // As it is at one moment: the engine goes on with it meanwhile.
        for (key, object) in self.bench.store.objects() {
            let content = self.bench.open(&key, object.bytes);
            let is_ours = key.ends_with('/') || content == LINK_TARGET;
            let is_whole = is_ours || self.files.ever_had(&content);
            assert!(is_whole, "object {key} is torn");
        }
    }

    /// The bucket holds exactly the files, byte for byte, and no others but those whose deletes
    /// were to be ignored.
    fn compare_bucket(&self) {
        let keys = self.bench.keys();
        for (path, file) in &self.files.by_path {
            let is_there = keys.contains(path);
            assert!(
                is_there && self.bench.opened(path)[..] == file.current,
                "object {path}"
            );
        }
        let is_other = |key: &&String| {
            let is_known = key.ends_with('/') || self.files.by_path.contains_key(*key);
            let has_stayed = self.bench.config.ignore_delete && self.files.was_at(key);
            !is_known && !has_stayed && self.bench.opened(key) != LINK_TARGET
        };
        let others: Vec<&String> = keys.iter().filter(is_other).collect();
        assert!(others.is_empty(), "{others:?}");
    }

    /// Everything comes to rest: the bucket is the tree, for us and for others.
    pub(super) async fn end(mut self) {
        if self.bench.power.is_off() {
            self.crash(None).await;
        }
        self.bench.power.restore();
        self.compare(&self.bench).await;
        self.bench.store.set_faults(Faults::default());
        self.bench.drain().await;
        self.compare_bucket();
        self.bench.fs().engine().tidy_journal().await.unwrap();
        let uploads = self.bench.store.uploads();
        assert!(uploads.is_empty(), "incomplete uploads stay: {uploads:?}");
        self.compare(&self.bench).await;
        if !self.bench.config.ignore_delete {
            // (With an empty cache nobody knows which objects stayed.)
            self.compare(&self.bench.second().await).await;
        }
        if self.bench.config.mode == ShareMode::Replication {
            let gone = self.bench.fs().evict("").await.unwrap();
            assert_eq!(gone.bytes, 0, "a replica gives nothing away");
        }
        let found = self.bench.fs().sync(None).await.unwrap();
        let changes = (found.added, found.changed, found.removed, found.conflicts);
        assert_eq!(changes, (0, 0, 0, 0), "added, changed, removed, conflicts");
        self.bench.stop().await;
        self.bench.assert_sound().await;
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let trace = self.trace.join("\n");
            let written = writeln!(std::io::stderr(), "{trace}");
            drop(written);
        }
    }
}

fn join(dir: &str, name: &str) -> String {
    if dir.is_empty() {
        name.to_owned()
    } else {
        format!("{dir}/{name}")
    }
}

const fn seen(a: Attributes) -> (FileType, u32, u32, u32) {
    (a.file_type, a.mode, a.uid, a.gid)
}

async fn tree_of(bench: &Bench) -> Tree {
    let (mut tree, mut dirs) = (Tree::new(), vec![String::new()]);
    while let Some(dir) = dirs.pop() {
        for name in bench.list(&dir).await {
            let path = join(&dir, &name);
            let found = patiently(bench, || bench.find(&path)).await;
            if found.file_type == FileType::Directory {
                dirs.push(path.clone());
            }
            tree.insert(path, seen(found));
        }
    }
    tree
}

async fn read_patiently(bench: &Bench, path: &str) -> Vec<u8> {
    patiently(bench, || bench.read(path)).await
}

/// The store refuses now and then; clients ask again.
async fn patiently<T, F: Future<Output = VfsResult<T>>>(
    bench: &Bench,
    mut ask: impl FnMut() -> F,
) -> T {
    loop {
        match ask().await {
            Err(e) if e.kind() == ErrorKind::Unavailable => {
                bench.clock.sleep(Duration::from_millis(1)).await;
            }
            answer => return answer.unwrap(),
        }
    }
}
