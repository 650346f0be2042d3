use super::*;

fn member(n: u64) -> Member {
    Member {
        seat: Seat { shard: 0, slot: 0 },
        channel: ChannelId(n),
        uid: None,
        qos: QoS::AtLeastOnce,
        retain_as_published: false,
        id: None,
    }
}

fn filter(whole: &str) -> SharedFilter<'_> {
    SharedFilter::parse(whole).unwrap().unwrap()
}

/// Channels in the order in which they are asked.
fn asked(all: &SharedSubscriptions, topic: &str) -> Vec<Vec<u64>> {
    let ids = all.matching(topic);
    let ask = |id: SharedId| {
        let mut asked = all.ask(id);
        std::iter::from_fn(|| all.next(&mut asked).map(|m| m.channel.0)).collect()
    };
    ids.into_iter().map(ask).collect()
}

#[test]
fn a_shared_filter_has_a_name_and_a_filter() {
    assert_eq!(SharedFilter::parse("lab/x"), Ok(None));
    assert_eq!(filter("$share/a/lab/#").filter, "lab/#");
    for bad in [
        "$share/",
        "$share/a",
        "$share//lab",
        "$share/a+/lab",
        "$share/#/lab",
    ] {
        assert_eq!(SharedFilter::parse(bad), Err(BadShareName), "{bad}");
    }
    let long = format!("$share/{}/lab", "n".repeat(SHARE_NAME_LEN_MAX + 1));
    assert_eq!(SharedFilter::parse(&long), Err(BadShareName));
}

#[test]
fn each_message_starts_with_the_next_member_and_asks_each_once() {
    let all = SharedSubscriptions::default();
    (1..=3).for_each(|n| all.join(filter("$share/a/lab/#"), member(n)));
    assert_eq!(asked(&all, "lab/x"), [[1, 2, 3]]);
    assert_eq!(asked(&all, "lab/x"), [[2, 3, 1]]);
    all.leave("$share/a/lab/#", ChannelId(2));
    assert_eq!(asked(&all, "lab/x"), [[1, 3]]);
    assert!(asked(&all, "other/x").is_empty());
}

#[test]
fn a_member_that_joins_again_stays_one() {
    let all = SharedSubscriptions::default();
    all.join(filter("$share/a/lab"), member(1));
    let qos = QoS::AtMostOnce;
    all.join(filter("$share/a/lab"), Member { qos, ..member(1) });
    let id = all.matching("lab")[0];
    let mut asked = all.ask(id);
    assert_eq!(all.next(&mut asked).unwrap().qos, QoS::AtMostOnce);
    assert!(all.next(&mut asked).is_none());
}

#[test]
fn groups_with_other_names_or_filters_are_asked_each() {
    let all = SharedSubscriptions::default();
    for (n, whole) in (1..).zip(["$share/a/lab/x", "$share/b/lab/x", "$share/a/lab/+"]) {
        all.join(filter(whole), member(n));
    }
    let mut found = asked(&all, "lab/x");
    found.sort();
    assert_eq!(found, [[1], [2], [3]]);
    // One that is gone leaves the others where they are.
    all.leave("$share/a/lab/x", ChannelId(1));
    let mut found = asked(&all, "lab/x");
    found.sort();
    assert_eq!(found, [[2], [3]]);
}

#[test]
fn what_has_no_members_is_gone_and_its_place_means_nothing() {
    let all = SharedSubscriptions::default();
    all.join(filter("$share/a/lab"), member(1));
    let old = all.matching("lab")[0];
    all.leave("$share/a/lab", ChannelId(1));
    assert!(all.matching("lab").is_empty());
    all.join(filter("$share/b/lab"), member(2));
    let mut asked = all.ask(old);
    assert!(all.next(&mut asked).is_none());
    assert!(all.inner.read().by_name.len() == 1);
}
