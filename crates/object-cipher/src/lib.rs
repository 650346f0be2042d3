//! Objects that only a share's key opens: an object store over an object store.
//!
//! Not here: where keys come from and who may have them (`console`), names of objects (they stay
//! as they are), what is uploaded when (`object-fs`).
//! Invariants: of two puts no two chunks have the same key and nonce; a byte that was not
//! authenticated, at its place in its object, is never given to a reader.
//! Start at [`CipherStore`] for gateways, at [`decrypt`] for a machine without one; the format is
//! told in `docs/encryption-format.md`. Tested here over `MemStore`, with tampered objects, and
//! by the model of `object-fs`.

mod chunks;
mod decrypt;
mod header;
mod key;
mod layout;
mod sealed;
mod store;

pub use chunks::ChunkError;
pub use decrypt::{DecryptError, decrypt};
pub use header::{HEADER_LEN, Header, HeaderError, SALT_LEN};
pub use key::{KeyError, KeyId, ShareKey};
pub use layout::Layout;
pub use store::{CipherStore, Salts, SystemSalts};
