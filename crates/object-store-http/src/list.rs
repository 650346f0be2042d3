//! Listings, version 2 with `start-after`.

use object_store::{ListPage, StoreResult};

use crate::{
    limits::LIST_KEYS_MAX,
    remote::{Remote, Wait},
    request::Request,
    xml,
};

/// A page of keys after `after`.
pub(crate) async fn list(
    remote: &Remote,
    prefix: &str,
    after: Option<&str>,
    keys_max: Option<u32>,
) -> StoreResult<ListPage> {
    let own = &remote.config.prefix;
    let (prefix, after) = (
        format!("{own}{prefix}"),
        after.map(|after| format!("{own}{after}")),
    );
    let keys_max = keys_max.unwrap_or(LIST_KEYS_MAX).to_string();
    // Keys may hold what XML cannot, so they come percent-encoded.
    let mut query = vec![
        ("encoding-type", "url"),
        ("list-type", "2"),
        ("max-keys", &keys_max),
    ];
    if !prefix.is_empty() {
        query.push(("prefix", &prefix));
    }
    if let Some(after) = after.as_deref().filter(|after| !after.is_empty()) {
        query.push(("start-after", after));
    }
    let request = Request::bucket(&remote.config, "list", &query);
    let mut retries = remote.retries();
    loop {
        let answer = remote.call(&request, Wait::Answer).await?;
        match xml::list(&answer, own) {
            Ok(page) => return Ok(page),
            Err(error) => retries.again(error).await?,
        }
    }
}
