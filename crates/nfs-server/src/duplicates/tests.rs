use std::time::Duration;

use model::Timestamp;

use super::*;
use crate::rpc;

const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
const OTHER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED);

/// A reply that can be told from others.
fn reply_of(mark: u32) -> Reply {
    rpc::accepted(mark, |_| bytes::Bytes::new())
}

async fn assert_waits(answer: impl Future<Output = Reply>) {
    tokio::select! {
        biased;
        _ = answer => panic!("it must wait"),
        () = std::future::ready(()) => {}
    }
}

struct Site {
    cache: DuplicateCache,
    clock: Clock,
}

impl Site {
    fn new() -> Self {
        Self {
            cache: DuplicateCache::default(),
            clock: Clock::manual(Timestamp::from_millis(0)),
        }
    }

    /// Sends a call whose work is answered with `mark`; what the answer is.
    async fn ask(&self, client: IpAddr, kind: Kind, xid: u32, mark: u32) -> Reply {
        let key = self.cache.key(client, kind, xid, b"");
        let work = async { reply_of(mark) };
        self.cache.reply(key, &self.clock, work).await
    }

    async fn is_remembered(&self, client: IpAddr, kind: Kind, xid: u32) -> bool {
        self.ask(client, kind, xid, 999).await.head == reply_of(1).head
    }

    /// Calls that the cache knows, and replies that it thinks it has.
    fn size(&self) -> (usize, usize) {
        let recent = self.cache.recent.lock();
        let calls = recent.lanes.values().map(|calls| calls.states.len());
        (calls.sum(), recent.replies)
    }
}

#[test]
fn a_call_is_its_client_number_and_content() {
    let cache = DuplicateCache::default();
    let kind = Kind::Change;
    let key = cache.key(CLIENT, kind, 1, b"call");
    assert_eq!(key, cache.key(CLIENT, kind, 1, b"call"));
    assert_ne!(key, cache.key(CLIENT, kind, 2, b"call"));
    assert_ne!(key, cache.key(CLIENT, kind, 1, b"other"));
    assert_ne!(key, cache.key(OTHER, kind, 1, b"call"));
}

#[test]
fn a_write_is_its_length_and_its_ends() {
    let cache = DuplicateCache::default();
    let key = |record: &[u8]| cache.key(CLIENT, Kind::Write, 1, record);
    let long = vec![1; 1 << 20];
    assert_eq!(key(&long), key(&long.clone()));
    assert_ne!(key(&long), key(&long[1..]));
    for at in [0, WRITE_HEAD_LEN - 1, (1 << 20) - 1] {
        let mut other = long.clone();
        other[at] = 2;
        assert_ne!(key(&long), key(&other), "{at}");
    }
    assert_eq!(key(b""), key(b""));
    assert_ne!(key(b"a"), key(b"b"));
}

#[tokio::test]
async fn replies_are_kept_for_a_while() {
    let site = Site::new();
    site.ask(CLIENT, Kind::Change, 7, 1).await;
    site.clock.advance(DUPLICATE_AGE_MAX);
    assert!(site.is_remembered(CLIENT, Kind::Change, 7).await);
    site.clock.advance(Duration::from_secs(1));
    assert!(!site.is_remembered(CLIENT, Kind::Change, 7).await);
}

#[tokio::test]
async fn a_client_pushes_out_only_its_own_replies_of_the_same_kind() {
    let site = Site::new();
    site.ask(OTHER, Kind::Write, 0, 1).await;
    site.ask(CLIENT, Kind::Change, 0, 1).await;
    let count = u32::try_from(DUPLICATES_PER_LANE_MAX).unwrap();
    for xid in 0..=count {
        site.ask(CLIENT, Kind::Write, xid, 1).await;
    }
    assert_eq!(
        site.size(),
        (DUPLICATES_PER_LANE_MAX + 2, DUPLICATES_PER_LANE_MAX + 2)
    );
    assert!(site.is_remembered(OTHER, Kind::Write, 0).await);
    assert!(site.is_remembered(CLIENT, Kind::Change, 0).await);
    assert!(site.is_remembered(CLIENT, Kind::Write, 1).await);
    assert!(!site.is_remembered(CLIENT, Kind::Write, 0).await);
}

#[tokio::test]
async fn replies_of_all_clients_are_bounded_and_those_who_have_most_lose_some() {
    let site = Site::new();
    let lonely = IpAddr::from([1, 1, 1, 1]);
    site.ask(lonely, Kind::Change, 0, 1).await;
    for client in 0..40 {
        let client = IpAddr::from([2, 2, 2, client]);
        for xid in 0..u32::try_from(DUPLICATES_PER_LANE_MAX).unwrap() {
            site.ask(client, Kind::Change, xid, 1).await;
        }
        let (calls, replies) = site.size();
        assert!(
            calls <= DUPLICATES_MAX && calls == replies,
            "{calls} {replies}"
        );
    }
    assert!(site.is_remembered(lonely, Kind::Change, 0).await);
    let last = IpAddr::from([2, 2, 2, 39]);
    let newest = u32::try_from(DUPLICATES_PER_LANE_MAX).unwrap() - 1;
    assert!(site.is_remembered(last, Kind::Change, newest).await);
}

#[tokio::test]
async fn a_call_under_way_is_not_pushed_out() {
    let site = Site::new();
    let key = site.cache.key(CLIENT, Kind::Write, 0, b"");
    let (done, work) = tokio::sync::oneshot::channel::<Reply>();
    let work = async { work.await.unwrap() };
    let mut first = Box::pin(site.cache.reply(key, &site.clock, work));
    assert_waits(&mut first).await;
    for xid in 1..=2 * u32::try_from(DUPLICATES_PER_LANE_MAX).unwrap() {
        site.ask(CLIENT, Kind::Write, xid, 1).await;
    }
    site.clock.advance(2 * DUPLICATE_AGE_MAX);
    let mut second = Box::pin(site.ask(CLIENT, Kind::Write, 0, 2));
    assert_waits(&mut second).await;
    done.send(reply_of(1)).unwrap();
    assert_eq!(first.await.head, reply_of(1).head);
    assert_eq!(second.await.head, reply_of(1).head);
    assert_eq!(site.size(), (1, 1));
}

#[tokio::test]
async fn a_call_that_is_given_up_leaves_nothing_behind() {
    let site = Site::new();
    let key = site.cache.key(CLIENT, Kind::Change, 0, b"");
    let mut first = Box::pin(site.cache.reply(key, &site.clock, std::future::pending()));
    assert_waits(&mut first).await;
    let mut second = Box::pin(site.ask(CLIENT, Kind::Change, 0, 1));
    assert_waits(&mut second).await;
    drop(first);
    assert_eq!(
        second.await.head,
        reply_of(1).head,
        "the second does the work"
    );
    let key = site.cache.key(OTHER, Kind::Change, 0, b"");
    let mut alone = Box::pin(site.cache.reply(key, &site.clock, std::future::pending()));
    assert_waits(&mut alone).await;
    drop(alone);
    assert_eq!(site.size(), (1, 1));
}
