//! Listings: a walk over the ordered index that jumps over what a delimiter rolls up.

use std::{collections::BTreeMap, ops::Bound};

use crate::entry::Entry;

/// What to list.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query<'a> {
    pub(crate) prefix: &'a str,
    pub(crate) delimiter: &'a str,
    /// The first key that may be listed.
    pub(crate) from: String,
    pub(crate) keys_max: usize,
}

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) objects: Vec<(String, Entry)>,
    pub(crate) common_prefixes: Vec<String>,
    /// The last key or common prefix of this page.
    pub(crate) last: Option<String>,
    /// Where the next page begins; nothing if this is the last.
    pub(crate) next: Option<String>,
}

/// One page, in key order.
pub(crate) fn list(index: &BTreeMap<String, Entry>, query: &Query<'_>) -> Page {
    let mut page = Page::default();
    let mut from = query.from.as_str().max(query.prefix).to_owned();
    let mut listed = 0;
    'jump: loop {
        let range = index.range::<str, _>((Bound::Included(from.as_str()), Bound::Unbounded));
        for (key, entry) in range {
            let Some(rest) = key.strip_prefix(query.prefix) else {
                return page;
            };
            if listed == query.keys_max {
                page.next = Some(key.clone());
                return page;
            }
            listed += 1;
            let rolled = match query.delimiter {
                "" => None,
                delimiter => rest.find(delimiter).map(|at| at + delimiter.len()),
            };
            let Some(end) = rolled else {
                page.objects.push((key.clone(), entry.clone()));
                page.last = Some(key.clone());
                continue;
            };
            let common = key[..query.prefix.len() + end].to_owned();
            page.last = Some(common.clone());
            let next = after_prefix(&common);
            page.common_prefixes.push(common);
            match next {
                Some(next) => from = next,
                None => return page,
            }
            continue 'jump;
        }
        return page;
    }
}

/// The least string after `key`.
pub(crate) fn after_key(key: &str) -> String {
    format!("{key}\0")
}

/// The least string after all that begin with `prefix`; nothing if there is none.
pub(crate) fn after_prefix(prefix: &str) -> Option<String> {
    let mut text = prefix.to_owned();
    while let Some(last) = text.pop() {
        // The range skips the surrogates, which no string holds.
        if let Some(next) = (last..=char::MAX).nth(1) {
            text.push(next);
            return Some(text);
        }
    }
    None
}

#[cfg(test)]
mod tests;
