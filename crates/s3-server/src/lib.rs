//! The S3-compatible object store of `causeway up`, over a local directory; and the same directory
//! as an object store without a server.
//!
//! Not here: TLS (it listens on loopback), versions, access lists, more than one key pair.
//! Invariant: an answered put is durable, data and metadata together; after `kill -9` or power
//! loss an object is its old or its new version, whole.
//! Invariant: no request holds an object in memory; bodies stream both ways.
//! Start at [`S3Server::start`], then `bucket.rs` (how an object is kept), `service.rs` (what S3
//! calls it) and [`Directories`] (what the `object-store` port calls it). Tested by unit tests, `tests/server` (files, restarts, `kill -9` during
//! puts), `tests/boto3` (Amazon's own client) and the tests of `object-store-http`.
//!
//! # Layout
//! ```text
//! <directory>/<bucket>/<key>                  objects, as plain files, where the key permits
//! <directory>/.causeway/<bucket>/journal      what there is: etags, metadata; the commit point
//! <directory>/.causeway/<bucket>/temp/<id>    bodies that arrive
//! <directory>/.causeway/<bucket>/objects/<id> objects whose key cannot be a path: `a` next to
//!                                             `a/b`, `dir/`, `..`, names over 255 bytes
//! <directory>/.causeway/<bucket>/uploads/<id> multipart uploads under way
//! ```
//! Files laid into a bucket's directory by hand become objects at the next start.

#![forbid(unsafe_code)]

mod auth;
mod bucket;
mod buckets;
mod closing;
mod condition;
mod directory;
mod entry;
mod error;
mod incoming;
mod journal;
mod limits;
mod listing;
mod place;
mod server;
mod service;
mod uploads;

pub use directory::{Directories, DirectoryPlace};
pub use server::{S3Server, S3ServerConfig, StartError};
