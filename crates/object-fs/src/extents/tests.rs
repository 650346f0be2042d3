//! The map against a plain array of blocks.

#![expect(
    clippy::cast_possible_truncation,
    reason = "the numbers of a test are small"
)]

use super::*;

const BLOCKS: u64 = 3 * PAGE_BLOCKS;

fn extent(first: u64, count: u32, generation: u64) -> Extent {
    Extent {
        run: Run { first, count },
        generation,
        is_fresh: false,
    }
}

fn flat(map: &ExtentMap) -> Vec<Option<u64>> {
    let mut blocks = Vec::new();
    for piece in map.pieces(0..BLOCKS) {
        assert_eq!(piece.blocks.start, blocks.len() as u64);
        let start = piece.blocks.start;
        blocks.extend(
            piece
                .blocks
                .map(|b| piece.extent.map(|e| e.run.first + b - start)),
        );
    }
    blocks
}

#[test]
fn a_map_is_what_an_array_of_blocks_would_be() {
    let (mut map, mut model) = (ExtentMap::default(), vec![None; BLOCKS as usize]);
    let (mut random, mut next) = (7_u64, 1_000_000);
    for round in 1..2_000 {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let first = (random >> 33) % (BLOCKS - 1);
        let count = 1 + (random >> 20) % (BLOCKS - first).min(600);
        let range = first as usize..(first + count) as usize;
        let before: Vec<u64> = model[range.clone()].iter().flatten().copied().collect();
        let replaced = if round % 4 == 0 {
            model[range].fill(None);
            map.remove(first..first + count)
        } else {
            for (n, block) in model[range].iter_mut().enumerate() {
                *block = Some(next + n as u64);
            }
            map.insert(first, extent(next, count as u32, round))
        };
        next += if round % 3 == 0 { count + 5 } else { count };
        let replaced: Vec<u64> = replaced
            .iter()
            .flat_map(|e| e.run.first..e.run.first + u64::from(e.run.count))
            .collect();
        assert_eq!(replaced, before);
        assert_eq!(flat(&map), model);
    }
    let mut decoded = ExtentMap::default();
    for page in 0..3 {
        if let Some(bytes) = map.encode_page(page) {
            decoded.decode_page(page, &bytes).unwrap();
        }
    }
    assert_eq!(decoded, map);
}

#[test]
fn sequential_blocks_become_one_extent_a_page() {
    let mut map = ExtentMap::default();
    for n in 0..PAGE_BLOCKS + 1 {
        map.insert(n, extent(50 + n, 1, 1));
    }
    assert_eq!(map.iter().count(), 2);
}

#[test]
fn a_page_with_blocks_that_cannot_be_is_damaged() {
    let page = |first: u64, count: u64| {
        let mut w = Writer::default();
        w.number(0).number(count).number(first).number(1);
        w.finish()
    };
    let read = |bytes: &[u8]| ExtentMap::default().decode_page(0, bytes);
    assert_eq!(read(&page(5, 2)), Ok(()));
    for bytes in [page(5, 0), page(u64::MAX, 2), page(5, 1 << 32)] {
        assert_eq!(read(&bytes), Err(Damaged));
    }
}
