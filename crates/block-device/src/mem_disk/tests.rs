//! The model against the plainest one there is, and its promises one by one.

use proptest::prelude::*;

use super::*;
use crate::BlockErrorKind;

const BLOCK: usize = 512;

fn disk(blocks: u64) -> MemDisk {
    MemDisk::new(512, BlockCount(blocks))
}

fn extent(start: u64, count: u64) -> Extent {
    let (start, count) = (Lba(start), BlockCount(count));
    Extent { start, count }
}

fn filled(byte: u8, blocks: usize) -> Bytes {
    vec![byte; blocks * BLOCK].into()
}

/// Runs `write START COUNT BYTE`, `force …`, `unmap START COUNT`, `flush`, `crash`; then says
/// what the first bytes of blocks 0 to 7 are.
async fn check(script: &str, expected: [u8; 8]) {
    let disk = disk(8);
    for line in script.split(';').map(str::trim) {
        let words: Vec<&str> = line.split(' ').collect();
        let number = |at: usize| words[at].parse::<u64>().unwrap();
        let data = || {
            filled(
                words[3].parse().unwrap(),
                usize::try_from(number(2)).unwrap(),
            )
        };
        match words[0] {
            "write" => disk
                .write(Lba(number(1)), data(), Durability::Cached)
                .await
                .unwrap(),
            "force" => disk
                .write(Lba(number(1)), data(), Durability::Forced)
                .await
                .unwrap(),
            "unmap" => disk.unmap(extent(number(1), number(2))).await.unwrap(),
            "flush" => disk.flush().await.unwrap(),
            "crash" => disk.crash(|_| false),
            other => panic!("{other}"),
        }
    }
    let data = disk.read(extent(0, 8)).await.unwrap();
    let firsts: Vec<u8> = data.chunks(BLOCK).map(|block| block[0]).collect();
    assert_eq!(firsts, expected, "{script}");
}

#[tokio::test]
async fn what_is_flushed_or_forced_survives_and_the_rest_need_not() {
    check("write 1 2 7", [0, 7, 7, 0, 0, 0, 0, 0]).await;
    check("write 1 2 7; crash", [0; 8]).await;
    check("write 1 2 7; flush; crash", [0, 7, 7, 0, 0, 0, 0, 0]).await;
    check("force 1 2 7; crash", [0, 7, 7, 0, 0, 0, 0, 0]).await;
    check("force 1 2 7; write 2 2 8; crash", [0, 7, 7, 0, 0, 0, 0, 0]).await;
    check("write 1 1 7; force 2 1 8; crash", [0, 0, 8, 0, 0, 0, 0, 0]).await;
}

#[tokio::test]
async fn unmapped_blocks_are_zeros_and_give_their_room_back() {
    check("force 0 8 7; unmap 2 3", [7, 7, 0, 0, 0, 7, 7, 7]).await;
    check("force 0 8 7; unmap 2 3; crash", [7; 8]).await;
    check(
        "force 0 8 7; unmap 2 3; flush; crash",
        [7, 7, 0, 0, 0, 7, 7, 7],
    )
    .await;
    let disk = disk(8);
    disk.limit_room(BlockCount(2));
    disk.write(Lba(0), filled(1, 2), Durability::Forced)
        .await
        .unwrap();
    let error = disk
        .write(Lba(2), filled(1, 1), Durability::Cached)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), BlockErrorKind::NoSpace);
    disk.write(Lba(1), filled(2, 1), Durability::Cached)
        .await
        .unwrap();
    disk.unmap(extent(0, 1)).await.unwrap();
    disk.write(Lba(2), filled(1, 1), Durability::Cached)
        .await
        .unwrap();
    assert_eq!(disk.in_use(), BlockCount(2));
}

#[tokio::test]
async fn what_is_not_whole_blocks_inside_the_device_is_refused() {
    let disk = disk(8);
    for wrong in [
        extent(8, 1),
        extent(0, 9),
        extent(u64::MAX, 2),
        extent(u64::MAX, u64::MAX),
    ] {
        assert_eq!(
            disk.read(wrong).await.unwrap_err().kind(),
            BlockErrorKind::Invalid
        );
        assert_eq!(
            disk.unmap(wrong).await.unwrap_err().kind(),
            BlockErrorKind::Invalid
        );
    }
    for data in [filled(0, 9), Bytes::from_static(b"odd")] {
        let error = disk
            .write(Lba(0), data, Durability::Cached)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), BlockErrorKind::Invalid);
    }
    let large = MemDisk::new(512, BlockCount(1 << 40));
    let error = large.read(extent(0, 2_049)).await.unwrap_err();
    assert!(
        matches!(error, BlockError::TransferTooLong { .. }),
        "{error}"
    );
    large.unmap(extent(0, 1 << 40)).await.unwrap();
    assert!(
        disk.read(extent(8, 0)).await.unwrap().is_empty(),
        "nothing, at the end"
    );
}

proptest! {
    #[test]
    fn after_a_crash_each_block_is_as_it_was_flushed_or_later(
        writes in proptest::collection::vec((0_u64..8, 1_u8..255, any::<bool>(), any::<bool>()), 1..30),
        survivors in any::<u8>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let disk = disk(8);
            let (mut last, mut durable) = ([0_u8; 8], [0_u8; 8]);
            for (lba, byte, forced, flush) in writes {
                let at = usize::try_from(lba).unwrap();
                let durability = if forced { Durability::Forced } else { Durability::Cached };
                disk.write(Lba(lba), filled(byte, 1), durability).await.unwrap();
                last[at] = byte;
                if forced {
                    durable[at] = byte;
                }
                if flush {
                    disk.flush().await.unwrap();
                    durable = last;
                }
            }
            disk.crash(|lba| survivors & (1 << lba.0) != 0);
            let data = disk.read(extent(0, 8)).await.unwrap();
            for (at, block) in data.chunks(BLOCK).enumerate() {
                let expected = if survivors & (1 << at) != 0 { last[at] } else { durable[at] };
                assert_eq!(block, &filled(expected, 1)[..], "block {at}");
            }
        });
    }
}
