//! A request before it is signed; built anew for each attempt.

use bytes::Bytes;
use http::Method;
use model::ServerEncryption;
use object_store::{Metadata, StoreError, StoreErrorKind, StoreResult};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::{config::Config, limits::KEY_BYTES_MAX};

/// All but RFC 3986's unreserved characters: what both signatures expect.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
const PATH: &AsciiSet = &QUERY.remove(b'/');

/// What is asked of the store, in words for messages and in HTTP.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// `put`, `list`, …
    pub(crate) what: &'static str,
    /// Of which object, as the caller names it.
    pub(crate) key: String,
    pub(crate) method: Method,
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
}

impl Request {
    /// About an object. `key` is the caller's: the prefix is added here.
    pub(crate) fn object(
        config: &Config,
        (what, method): (&'static str, Method),
        key: &str,
        query: &[(&str, &str)],
    ) -> StoreResult<Self> {
        let full = format!("{}{key}", config.prefix);
        check_key(&full)?;
        let path = utf8_percent_encode(&full, PATH);
        Ok(Self {
            what,
            key: key.to_owned(),
            method,
            url: format!("{}/{path}{}", config.base, query_string(query)),
            headers: Vec::new(),
            body: Bytes::new(),
        })
    }

    /// About the bucket.
    pub(crate) fn bucket(config: &Config, what: &'static str, query: &[(&str, &str)]) -> Self {
        Self {
            what,
            key: config.prefix.clone(),
            method: Method::GET,
            url: format!("{}/{}", config.base, query_string(query)),
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }

    /// With a header.
    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// With what is kept with an object.
    pub(crate) fn attributes(
        mut self,
        metadata_prefix: &str,
        content_type: Option<&str>,
        metadata: &Metadata,
    ) -> Self {
        if let Some(content_type) = content_type {
            self = self.header("content-type", content_type);
        }
        for (name, value) in metadata {
            self = self.header(&format!("{metadata_prefix}{name}"), value);
        }
        self
    }

    /// Of a new object: encrypted by the store as the share says.
    pub(crate) fn encrypted(self, config: &Config) -> Self {
        let (how, which) = config.dialect.encryption();
        match &config.encryption {
            ServerEncryption::BucketDefault => self,
            ServerEncryption::StoreKeys => self.header(how, "AES256"),
            ServerEncryption::KeyService { key_id } => {
                let request = self.header(how, config.dialect.key_service());
                match key_id {
                    Some(id) => request.header(which, id),
                    None => request,
                }
            }
        }
    }

    /// With a body.
    pub(crate) fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }
}

/// A key as the header that names a copy's source has it.
pub(crate) fn copy_source(config: &Config, key: &str) -> StoreResult<String> {
    let full = format!("{}{key}", config.prefix);
    check_key(&full)?;
    Ok(format!(
        "/{}/{}",
        config.bucket,
        utf8_percent_encode(&full, PATH)
    ))
}

fn query_string(query: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (position, (name, value)) in query.iter().enumerate() {
        text.push(if position == 0 { '?' } else { '&' });
        text.push_str(name);
        if !value.is_empty() {
            text.push('=');
            text.extend(utf8_percent_encode(value, QUERY));
        }
    }
    text
}

/// URLs have no `.` and `..`: a client that sent them would reach another object.
fn check_key(key: &str) -> StoreResult<()> {
    let why = if key.is_empty() {
        "is empty"
    } else if key.len() > KEY_BYTES_MAX {
        "is longer than 1,023 bytes, prefix included"
    } else if key.split('/').any(|name| matches!(name, "." | "..")) {
        "has `.` or `..` as a name"
    } else {
        return Ok(());
    };
    let message = format!("key `{key}` {why}: no object can be reached by it");
    Err(StoreError::new(StoreErrorKind::Other, message))
}
