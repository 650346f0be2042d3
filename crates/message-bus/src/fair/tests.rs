use model::{BULK, CMD, STATUS};

use super::*;

const BOUNDS: Bounds = Bounds {
    lane: Load {
        len: 100,
        bytes: 1024 * 1024,
    },
    others: Load {
        len: 150,
        bytes: 2 * 1024 * 1024,
    },
    all: Load {
        len: 200,
        bytes: 4 * 1024 * 1024,
    },
};

#[derive(Clone, Debug, PartialEq, Eq)]
struct Letter {
    parent: &'static str,
    number: usize,
    bytes: usize,
}

impl Queued for Letter {
    fn place(&self) -> Place<'_> {
        place(self.parent)
    }

    fn bytes(&self) -> usize {
        self.bytes
    }
}

fn place(parent: &str) -> Place<'_> {
    Place {
        parent,
        precedence: Precedence::of_fleet(parent).unwrap_or_default(),
    }
}

fn letter(parent: &'static str, number: usize) -> Letter {
    Letter {
        parent,
        number,
        bytes: 1_000 - ITEM_BYTES,
    }
}

fn queue() -> FairQueue<Letter> {
    FairQueue::new(&BOUNDS)
}

fn fill(queue: &mut FairQueue<Letter>, parent: &'static str, count: usize) {
    for number in 0..count {
        queue.push(letter(parent, number)).unwrap();
    }
}

#[test]
fn each_parent_topic_keeps_its_order_and_everything_comes_out() {
    let mut queue = queue();
    for parent in [BULK, STATUS, CMD, "lab"] {
        fill(&mut queue, parent, 30);
    }
    assert_eq!((queue.len(), queue.load().len), (120, 120));
    let mut next = std::collections::BTreeMap::new();
    while let Some(letter) = queue.pop() {
        let number = next.entry(letter.parent).or_insert(0);
        assert_eq!(letter.number, *number, "of {}", letter.parent);
        *number += 1;
    }
    assert!(next.values().all(|n| *n == 30), "{next:?}");
    assert!(queue.is_empty());
    assert_eq!(queue.load(), Load::default());
}

#[test]
fn commands_go_first_and_others_keep_their_floor() {
    let mut queue = queue();
    fill(&mut queue, BULK, 50);
    fill(&mut queue, CMD, 47);
    let order: Vec<_> = std::iter::from_fn(|| queue.pop()).collect();
    let of_bulk = |letter: &Letter| letter.parent == BULK;
    let places: Vec<usize> = (0..order.len()).filter(|at| of_bulk(&order[*at])).collect();
    // One of sixteen, until there are no commands any more.
    assert_eq!(places[..4], [15, 31, 47, 50]);
}

#[test]
fn a_command_that_comes_alone_waits_for_nobody() {
    let mut queue = queue();
    fill(&mut queue, BULK, 100);
    for n in 0..40 {
        queue.push(letter(CMD, n)).unwrap();
        assert_eq!(queue.pop(), Some(letter(CMD, n)));
        assert!(queue.pop().is_some_and(|other| other.parent == BULK));
    }
}

#[test]
fn others_share_by_weight_in_bytes() {
    let mut queue = queue();
    for number in 0..100 {
        queue.push(letter(STATUS, number)).unwrap();
    }
    for number in 0..25 {
        let bytes = 4_000 - ITEM_BYTES;
        let parent = BULK;
        queue
            .push(Letter {
                parent,
                number,
                bytes,
            })
            .unwrap();
    }
    let mut bytes = std::collections::BTreeMap::new();
    for _ in 0..60 {
        let letter = queue.pop().unwrap();
        *bytes.entry(letter.parent).or_insert(0) += letter.bytes + ITEM_BYTES;
    }
    let share = bytes[STATUS] / bytes[BULK].max(1);
    // Weights are 4 and 1.
    assert!((3..=5).contains(&share), "{bytes:?}");
}

#[test]
fn a_parent_topic_that_is_full_leaves_room_to_others_and_all_leave_some_to_commands() {
    let mut queue = queue();
    fill(&mut queue, BULK, 100);
    assert_eq!(queue.push(letter(BULK, 100)), Err(letter(BULK, 100)));
    fill(&mut queue, STATUS, 50);
    assert!(queue.push(letter("lab", 0)).is_err());
    assert!(!queue.has_room(place("lab"), 1));
    assert!(queue.has_room(place(CMD), 1));
    fill(&mut queue, CMD, 50);
    assert!(queue.push(letter(CMD, 50)).is_err(), "all of it is full");
    let mut large = letter(BULK, 0);
    large.bytes = BOUNDS.lane.bytes;
    let mut queue = self::queue();
    assert!(queue.push(large.clone()).is_err());
    large.bytes -= ITEM_BYTES;
    queue.push(large).unwrap();
    assert!(queue.push(letter(BULK, 1)).is_err());
    queue.push_anyway(letter(BULK, 1));
    queue.push_uncounted(letter(BULK, 2));
    assert_eq!((queue.load().len, queue.len()), (2, 3));
}

#[test]
fn a_class_that_is_closed_waits_and_what_is_put_back_is_the_next_of_its_topic() {
    let mut queue = queue();
    fill(&mut queue, STATUS, 3);
    fill(&mut queue, CMD, 1);
    let commands = Open {
        commands: true,
        others: false,
    };
    assert_eq!(queue.pop_from(commands), Some(letter(CMD, 0)));
    assert_eq!(queue.pop_from(commands), None);
    let first = queue.pop().unwrap();
    queue.put_back(first);
    queue.last_of(STATUS).unwrap().number = 9;
    let numbers: Vec<_> = std::iter::from_fn(|| queue.pop())
        .map(|l| l.number)
        .collect();
    assert_eq!(numbers, [0, 1, 9]);
}

#[test]
fn many_parent_topics_leave_no_memory_behind() {
    let mut queue = queue();
    let names: Vec<&'static str> = (0..100).map(|n| &*format!("t{n}").leak()).collect();
    for name in names {
        queue.push(letter(name, 0)).unwrap();
    }
    while queue.pop().is_some() {}
    assert!(queue.lanes.len() <= EMPTY_LANES_MAX);
    assert_eq!(queue.busy, [0; 2]);
}
