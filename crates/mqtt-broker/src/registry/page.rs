//! Pages of lists that are long.

use message_bus::admin::PAGE_MAX;

/// The first of `all`, at most `limit`, and the key behind which the next page begins.
pub(super) fn page<K: ToString, V>(
    mut all: impl Iterator<Item = (K, V)>,
    limit: usize,
) -> (Vec<(K, V)>, Option<String>) {
    let limit = limit.clamp(1, PAGE_MAX);
    let items: Vec<_> = all.by_ref().take(limit).collect();
    let last = items.last().filter(|_| all.next().is_some());
    let next = last.map(|(key, _)| key.to_string());
    (items, next)
}
