//! The set of inodes in memory.

use vfs::{Attributes, FileTime, FileType};

use super::*;

fn node(inode: Inode) -> Arc<Node> {
    let time = FileTime::default();
    let attributes = Attributes {
        inode,
        file_type: FileType::Regular,
        mode: 0o644,
        link_count: 1,
        uid: 0,
        gid: 0,
        size: 0,
        used_bytes: 0,
        atime: time,
        mtime: time,
        ctime: time,
    };
    Arc::new(Node::new(Record::new(attributes, Inode(1), "f")))
}

#[test]
fn inodes_that_were_removed_leave_nothing_in_memory() {
    let nodes = Nodes::default();
    let of_first_shard = |n: u64| Inode(n * SHARDS as u64);
    nodes.insert(node(of_first_shard(0)));
    for inode in (1..10_000).map(of_first_shard) {
        nodes.insert(node(inode));
        nodes.remove(inode);
    }
    let set = nodes.0[0].lock();
    assert!(set.clock_hand.len() < 100, "{}", set.clock_hand.len());
    assert_eq!(set.clock_hand.front(), Some(&of_first_shard(0)));
}
