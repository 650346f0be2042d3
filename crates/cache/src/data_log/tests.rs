//! The data log on a real directory and on the model.

use super::*;
use crate::{Committer, DirDisk, MemDisk};

fn block(fill: u8) -> Vec<u8> {
    vec![fill; BLOCK_LEN_MEM]
}

fn read(log: &DataLog, run: Run) -> CacheResult<Vec<u8>> {
    let mut bytes = vec![0; run.count as usize * BLOCK_LEN_MEM];
    log.read(run, &mut bytes).map(|()| bytes)
}

#[tokio::test]
async fn synced_blocks_are_there_after_a_restart_and_new_ones_go_elsewhere() {
    let dir = tempfile::tempdir().unwrap();
    let open = || DataLog::open(Arc::new(DirDisk::open(dir.path()).unwrap())).unwrap();
    let log = open();
    let first = log.allocate(1).unwrap()[0];
    log.write(first, &block(7)).unwrap();
    log.sync().await.unwrap();
    drop(log);
    let log = open();
    let second = log.allocate(1).unwrap()[0];
    assert_ne!(first.segment(), second.segment());
    log.write(second, &block(8)).unwrap();
    assert_eq!(read(&log, first).unwrap(), block(7));
    assert_eq!(read(&log, second).unwrap(), block(8));
}

#[tokio::test]
async fn an_empty_segment_is_removed() {
    let disk = Arc::new(MemDisk::new(1 << 40));
    let log = DataLog::open_with(Arc::clone(&disk) as _, Committer::Waiter(0)).unwrap();
    let rest = u32::try_from(SEGMENT_BLOCKS - TABLE_BLOCKS).unwrap();
    let first = log.allocate(rest).unwrap();
    let next = log.allocate(1).unwrap();
    assert_eq!(disk.segments().unwrap().len(), 2);
    first.into_iter().for_each(|run| log.free(run));
    assert_eq!(disk.segments().unwrap(), [next[0].segment()]);
    assert_eq!(log.used_bytes(), BLOCK_LEN);
}

#[tokio::test]
async fn a_damaged_block_is_not_given_out() {
    let disk = Arc::new(MemDisk::new(1 << 40));
    let log = DataLog::open(Arc::clone(&disk) as Arc<dyn Disk>).unwrap();
    let runs = log.allocate(2).unwrap();
    log.write(runs[0], &[block(1), block(2)].concat()).unwrap();
    disk.flip_bit(runs[0].segment(), runs[0].offset() + BLOCK_LEN + 5);
    assert_eq!(
        read(&log, runs[0]).unwrap_err().kind(),
        CacheErrorKind::Corrupt
    );
    let intact = Run {
        count: 1,
        ..runs[0]
    };
    assert_eq!(read(&log, intact).unwrap(), block(1));
}

#[tokio::test]
async fn what_went_from_memory_is_verified_when_it_comes_back() {
    let disk = Arc::new(MemDisk::new(1 << 40));
    let log = DataLog::open(Arc::clone(&disk) as Arc<dyn Disk>).unwrap();
    let run = log.allocate(2).unwrap()[0];
    let [first, second] = [0, 1].map(|n| Run {
        first: run.first + n,
        count: 1,
    });
    let mut bytes = block(0);
    log.write(run, &[block(1), block(2)].concat()).unwrap();
    assert!(log.read_from_memory(second, &mut bytes).unwrap());
    assert_eq!(bytes, block(2));

    disk.flip_bit(second.segment(), second.offset() + 5);
    assert!(!log.read_from_memory(second, &mut bytes).unwrap());
    assert!(log.read_from_memory(first, &mut bytes).unwrap());
    // The kernel has it in memory again, as a neighbour or by somebody else's read.
    let file = disk.open(second.segment()).unwrap();
    file.read_at(second.offset(), &mut bytes).unwrap();
    let error = log.read_from_memory(second, &mut bytes).unwrap_err();
    assert_eq!(error.kind(), CacheErrorKind::Corrupt);
    assert_eq!(read(&log, first).unwrap(), block(1));
}

#[tokio::test]
async fn what_earlier_runs_left_behind_is_given_back() {
    let dir = tempfile::tempdir().unwrap();
    let open = || DataLog::open(Arc::new(DirDisk::open(dir.path()).unwrap())).unwrap();
    let log = open();
    let run = log.allocate(10).unwrap()[0];
    log.write(run, &block(7).repeat(10)).unwrap();
    log.sync().await.unwrap();
    drop(log);
    let log = open();
    let before = log.used_bytes();
    let kept = Run {
        first: run.first + 3,
        count: 2,
    };
    let mut live = LiveBlocks::default();
    live.insert(kept);
    assert_eq!(log.earlier_segments().unwrap(), [run.segment()]);
    log.free_all_but(run.segment(), &live).unwrap();
    assert_eq!(read(&log, kept).unwrap(), block(7).repeat(2));
    assert_eq!(before - log.used_bytes(), 8 * BLOCK_LEN);
    log.free_all_but(run.segment(), &LiveBlocks::default())
        .unwrap();
    assert!(
        DirDisk::open(dir.path())
            .unwrap()
            .segments()
            .unwrap()
            .is_empty()
    );
}

/// A disk on which the next segment's file is made, and yet that fails.
struct Stumbling {
    disk: DirDisk,
    stumbles: AtomicU64,
}

impl Disk for Stumbling {
    fn segments(&self) -> std::io::Result<Vec<SegmentId>> {
        self.disk.segments()
    }

    fn create(&self, id: SegmentId) -> std::io::Result<Arc<dyn SegmentFile>> {
        let file = self.disk.create(id)?;
        let is_over = |left: u64| left.checked_sub(1);
        let left = self
            .stumbles
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, is_over);
        match left {
            Ok(_) => Err(std::io::Error::other("its name is not on the disk")),
            Err(_) => Ok(file),
        }
    }

    fn open(&self, id: SegmentId) -> std::io::Result<Arc<dyn SegmentFile>> {
        self.disk.open(id)
    }

    fn remove(&self, id: SegmentId) -> std::io::Result<()> {
        self.disk.remove(id)
    }

    fn room(&self) -> std::io::Result<DiskRoom> {
        self.disk.room()
    }
}

#[tokio::test]
async fn after_a_segment_that_could_not_be_made_there_is_another() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Arc::new(Stumbling {
        disk: DirDisk::open(dir.path()).unwrap(),
        stumbles: AtomicU64::new(0),
    });
    let log = DataLog::open_with(Arc::clone(&disk) as _, Committer::Waiter(0)).unwrap();
    let most = u32::try_from(SEGMENT_BLOCKS - TABLE_BLOCKS - 10).unwrap();
    let first = log.allocate(most).unwrap();
    disk.stumbles.store(1, Ordering::Relaxed);
    log.allocate(20).unwrap_err();
    assert_eq!(log.used_bytes(), u64::from(most) * BLOCK_LEN);
    let run = log.allocate(1).unwrap()[0];
    log.write(run, &block(7)).unwrap();
    assert_eq!(read(&log, run).unwrap(), block(7));
    // What was given out for nothing does not keep the segment before.
    first.into_iter().for_each(|run| log.free(run));
    let left = disk.segments().unwrap();
    assert!(!left.contains(&SegmentId(1)), "{left:?}");
}

/// Two blocks of an earlier run, of which the second is zeros: a hole, on a file system that
/// compresses.
async fn with_zeros(disk: &Arc<MemDisk>) -> (DataLog, [Run; 2]) {
    let open = || DataLog::open_with(Arc::clone(disk) as _, Committer::Waiter(0)).unwrap();
    let log = open();
    let run = log.allocate(2).unwrap()[0];
    log.write(run, &[block(1), block(0)].concat()).unwrap();
    log.sync().await.unwrap();
    let runs = [0, 1].map(|n| Run {
        first: run.first + n,
        count: 1,
    });
    let file = disk.open(run.segment()).unwrap();
    file.free(runs[1].offset(), BLOCK_LEN).unwrap();
    (open(), runs)
}

#[tokio::test]
async fn zeros_that_are_named_stay_where_they_are_stored_as_holes() {
    let disk = Arc::new(MemDisk::new(1 << 40));
    let (log, [one, zeros]) = with_zeros(&disk).await;
    log.free(one);
    drop(log);
    let log = DataLog::open_with(Arc::clone(&disk) as _, Committer::Waiter(0)).unwrap();
    assert_eq!(read(&log, zeros).unwrap(), block(0));
    assert!(!log.is_missing(zeros).unwrap());
    assert!(log.is_missing(one).unwrap());
}

#[tokio::test]
async fn a_segment_of_an_earlier_run_goes_when_nothing_names_its_blocks() {
    let disk = Arc::new(MemDisk::new(1 << 40));
    let (log, [one, zeros]) = with_zeros(&disk).await;
    let mut live = LiveBlocks::default();
    live.insert(one);
    live.insert(zeros);
    // Before it is known what is named, and after.
    log.free(one);
    log.free_all_but(one.segment(), &live).unwrap();
    assert_eq!(read(&log, zeros).unwrap(), block(0));
    log.free(zeros);
    assert!(disk.segments().unwrap().is_empty());
}
