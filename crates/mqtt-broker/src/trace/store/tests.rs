use super::*;
use crate::message::MessageId;

const A: &str = "GID_test@@@a";
const B: &str = "GID_test@@@b";
const DAY_MS: u64 = 24 * 3_600 * 1_000;

fn entry(at: u64, action: TraceAction, client: &str, message: Option<u64>) -> Line<'_> {
    Line {
        time: Timestamp::from_millis(at),
        action,
        code: "accepted",
        info: "",
        client_id: client,
        channel: None,
        message: message.map(MessageId),
        topic: None,
    }
}

fn append<const N: usize>(store: &mut Store, entries: &[Line<'_>; N]) -> io::Result<()> {
    store.append(entries.iter().copied())
}

fn query(of: TraceOf, client: Option<&str>) -> TraceQuery {
    TraceQuery {
        of,
        client_id: client.map(|c| c.parse().unwrap()),
        message_id: None,
        begin: Timestamp::from_millis(0),
        end: Timestamp::from_millis(u64::MAX),
        reverse: false,
        cursor: None,
        limit: 2,
    }
}

fn times(store: &Store, query: &TraceQuery) -> (Vec<u64>, Option<String>) {
    let page = super::query(&store.segments(), query).unwrap();
    let times = page.items.iter().map(|e| e.time.as_millis()).collect();
    (times, page.next)
}

#[test]
fn pages_go_both_ways_and_survive_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(dir.path()).unwrap();
    for at in 1..=3 {
        let both = [A, B].map(|c| entry(at, TraceAction::Connect, c, None));
        append(&mut store, &both).unwrap();
    }
    let mut store = Store::open(dir.path()).unwrap();
    append(&mut store, &[entry(4, TraceAction::Close, A, None)]).unwrap();
    let mut wanted = query(TraceOf::Devices, Some(A));
    let (first, next) = times(&store, &wanted);
    assert_eq!(first, [1, 2]);
    wanted.cursor = next;
    assert_eq!(times(&store, &wanted), (vec![3, 4], None));
    wanted.reverse = true;
    wanted.cursor = None;
    let (first, next) = times(&store, &wanted);
    assert_eq!(first, [4, 3]);
    wanted.cursor = next;
    assert_eq!(times(&store, &wanted), (vec![2, 1], None));
    wanted.cursor = None;
    wanted.begin = Timestamp::from_millis(2);
    wanted.end = Timestamp::from_millis(3);
    assert_eq!(times(&store, &wanted), (vec![2], None));
}

#[test]
fn a_message_is_found_by_its_id() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(dir.path()).unwrap();
    let entries = [
        entry(1, TraceAction::Pub, A, Some(1)),
        entry(2, TraceAction::Pub, A, Some(2)),
        entry(3, TraceAction::Sub, B, Some(1)),
    ];
    append(&mut store, &entries).unwrap();
    let mut wanted = query(TraceOf::Messages, None);
    wanted.message_id = Some(MessageId(1).to_string());
    assert_eq!(times(&store, &wanted), (vec![1, 3], None));
}

#[test]
fn what_is_older_than_three_days_goes() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(dir.path()).unwrap();
    for day in 0..6 {
        store.file = None; // as if the file before were full
        let at = day * DAY_MS + 1;
        append(&mut store, &[entry(at, TraceAction::Connect, A, None)]).unwrap();
    }
    let mut wanted = query(TraceOf::Devices, None);
    wanted.limit = 100;
    let days: Vec<u64> = times(&store, &wanted)
        .0
        .iter()
        .map(|t| t / DAY_MS)
        .collect();
    assert_eq!(days, [2, 3, 4, 5]);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 4);
}
