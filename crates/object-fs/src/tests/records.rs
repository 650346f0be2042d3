//! A script of renames and replacements, with a power cut at every single journal record, sync
//! and request of it.

use super::*;

/// What was promised of one path.
#[derive(Clone, Debug, PartialEq)]
enum Fact {
    Dir,
    File(Vec<u8>),
    Absent,
}

/// One operation, and the facts it promises when it returns.
type Step = (&'static str, &'static [&'static str]);

const SCRIPT: &[Step] = &[
    ("mkdir", &["a"]),
    ("put", &["a/x", "one"]),
    ("put", &["a/y", "two"]),
    ("rename", &["a", "b"]),
    ("put", &["b/x", "three"]),
    ("drain", &[]),
    ("mkdir", &["c"]),
    ("rename", &["b/x", "c/x"]),
    ("rename", &["b/y", "b/x"]),
    ("remove", &["c/x"]),
    ("put", &["c/x", "four"]),
    ("rename", &["b", "c/b"]),
    ("drain", &[]),
    ("rename", &["c", "d"]),
    ("put", &["d/b/x", "five"]),
    ("remove", &["d/x"]),
];

/// A run up to the first failure.
struct Run {
    bench: Bench,
    facts: std::collections::BTreeMap<String, Fact>,
    /// Paths of the operation that failed: it may have happened or not.
    uncertain: Vec<String>,
}

impl Run {
    async fn step(&mut self, (verb, words): &Step) -> VfsResult<()> {
        match (*verb, *words) {
            ("mkdir", [path]) => {
                self.bench.make_dir(path).await?;
                self.facts.insert((*path).into(), Fact::Dir);
            }
            ("put", [path, text]) => {
                self.bench.create(path).await?;
                self.bench.resize(path, 0).await?;
                self.bench.write(path, 0, *text).await?;
                self.bench.commit(path).await?;
                self.facts
                    .insert((*path).into(), Fact::File((*text).into()));
            }
            ("remove", [path]) => {
                self.bench.remove(path).await?;
                self.facts.insert((*path).into(), Fact::Absent);
            }
            ("rename", [from, to]) => {
                self.bench.rename(from, to).await?;
                self.rename_facts(from, to);
            }
            ("drain", []) => {
                let is_over =
                    |bench: &Bench| bench.power.is_off() || bench.fs().status().upload_queue == 0;
                self.bench.until("drained", is_over).await;
            }
            _ => unreachable!("{verb} {words:?}"),
        }
        Ok(())
    }

    fn rename_facts(&mut self, from: &str, to: &str) {
        let below = format!("{from}/");
        for (path, fact) in self.facts.clone() {
            let moved = match path.strip_prefix(&below) {
                Some(rest) => format!("{to}/{rest}"),
                None if path == from => to.to_owned(),
                None => continue,
            };
            self.facts.insert(path, Fact::Absent);
            self.facts.insert(moved, fact);
        }
    }

    async fn fact(&self, path: &str) -> Fact {
        match self.bench.find(path).await {
            Ok(found) if found.file_type == vfs::FileType::Directory => Fact::Dir,
            Ok(_) => Fact::File(self.bench.read(path).await.unwrap()),
            Err(e) => {
                assert_eq!(e.kind(), ErrorKind::NotFound);
                Fact::Absent
            }
        }
    }

    fn is_uncertain(&self, path: &str) -> bool {
        self.uncertain
            .iter()
            .any(|word| path == word || path.starts_with(&format!("{word}/")))
    }

    async fn check(&self, moments: u64) {
        for (path, fact) in &self.facts {
            if !self.is_uncertain(path) {
                assert_eq!(
                    self.fact(path).await,
                    *fact,
                    "{path} after {moments} moments"
                );
            }
        }
    }
}

/// Runs the script with power for so many moments; whether that was enough.
async fn run(moments: u64) -> bool {
    let bench = Bench::simulated(moments).await;
    bench.imported().await;
    bench.power.cut_after(moments);
    let mut run = Run {
        bench,
        facts: std::collections::BTreeMap::new(),
        uncertain: Vec::new(),
    };
    let mut is_through = true;
    for step in SCRIPT {
        if let Err(e) = run.step(step).await {
            assert!(run.bench.power.is_off(), "{e}");
            run.uncertain = step.1.iter().map(|word| (*word).to_owned()).collect();
            is_through = false;
            break;
        }
    }
    let mut random = Random(moments);
    run.bench.crash(|| random.below(2) == 0).await;
    run.check(moments).await;
    run.bench.drain().await;
    run.check(moments).await;
    compare_bucket(&run.bench, moments).await;
    is_through
}

/// Every file is an object and the other way round, and a fresh cache sees the same.
async fn compare_bucket(bench: &Bench, moments: u64) {
    let (mut dirs, mut files, mut seen) = (vec![String::new()], Vec::new(), Vec::new());
    while let Some(dir) = dirs.pop() {
        let names = bench.list(&dir).await;
        seen.push((dir.clone(), names.clone()));
        for name in names {
            let path = if dir.is_empty() {
                name
            } else {
                format!("{dir}/{name}")
            };
            let found = bench.find(&path).await.unwrap();
            if found.file_type == vfs::FileType::Directory {
                dirs.push(path);
            } else {
                let read = bench.read(&path).await.unwrap();
                let object = bench.store.object(&path).map(|object| object.bytes);
                assert_eq!(
                    object.as_deref(),
                    Some(&*read),
                    "{path} after {moments} moments: {:?}",
                    bench.keys()
                );
                files.push(path);
            }
        }
    }
    files.sort();
    let keys = bench.keys();
    let objects: Vec<&String> = keys.iter().filter(|key| !key.ends_with('/')).collect();
    assert_eq!(
        objects,
        files.iter().collect::<Vec<_>>(),
        "after {moments} moments; {seen:?}"
    );
}

#[test]
fn no_moment_of_a_script_is_a_bad_one_for_a_power_cut() {
    let mut moments = 1;
    while !simulate(run(moments)) {
        moments += 1;
    }
    assert!(moments > 40, "the script has only {moments} moments");
}

#[tokio::test]
async fn a_disk_that_fails_is_seen_in_the_status() {
    let bench = Bench::new().await;
    bench.imported().await;
    bench.power.cut_after(0);
    fails(bench.create("f").await, ErrorKind::Io);
    let state = bench.fs().status().state;
    assert!(
        matches!(state, ::model::ShareState::Failed { .. }),
        "{state:?}"
    );
}
