//! Every bound of the server, with its reason.

use std::time::Duration;

/// Largest read or write (`rtmax`, `wtmax`): what Linux clients ask for at most.
pub(crate) const DATA_LEN_MAX: u32 = 1 << 20;

/// Largest reply to a listing (`dtpref`, and the most we make): some hundred names.
pub(crate) const LISTING_LEN_MAX: u32 = 128 << 10;

/// Largest record: a write, its RPC header, credentials (RFC 5531: at most 400 bytes), file
/// handle and numbers. What is longer ends the connection.
pub(crate) const RECORD_LEN_MAX: usize = (1 << 20) + 4096;

/// Fragments of a record. Known clients send one; the bound stops a peer that sends empty ones.
pub(crate) const FRAGMENTS_MAX: u32 = 256;

/// Longest credential or verifier body (RFC 5531, 8.2).
pub(crate) const AUTH_LEN_MAX: u32 = 400;

/// Longest machine name in `AUTH_SYS` (RFC 5531, appendix A).
pub(crate) const MACHINE_NAME_LEN_MAX: u32 = 255;

/// Groups in `AUTH_SYS` (RFC 5531, appendix A).
pub(crate) const GROUPS_MAX: u32 = 16;

/// Longest path of MOUNT (RFC 1813, 5.1.4).
pub(crate) const MOUNT_PATH_LEN_MAX: u32 = 1024;

/// Longest file handle (RFC 1813, 2.4).
pub(crate) const HANDLE_LEN_MAX: u32 = 64;

/// Connections at a time; further ones are closed at once.
pub(crate) const CONNECTIONS_MAX: u32 = 512;

/// Connections of one address: sixteen mounts of a client that opens eight each, or a NAT with
/// many clients behind it. One client cannot shut all others out.
pub(crate) const CONNECTIONS_PER_ADDRESS_MAX: u32 = 128;

/// Kibibytes of requests and replies of one connection that are under way; then its socket is
/// not read, and TCP slows the client.
pub(crate) const CONNECTION_KIB_MAX: u32 = 32 << 10;

/// The least that one request counts of [`CONNECTION_KIB_MAX`], so that it also bounds the
/// number of requests of one connection: 128.
pub(crate) const REQUEST_KIB_MIN: u32 = 256;

/// Kibibytes of requests and replies of all connections that are under way.
pub(crate) const SERVER_KIB_MAX: u32 = 512 << 10;

/// The same of one address: a client that takes no replies leaves most of the room to others.
pub(crate) const ADDRESS_KIB_MAX: u32 = SERVER_KIB_MAX / 4;

/// Room for bytes that a connection has sent and that are not taken up yet: many small requests
/// in one system call.
pub(crate) const READ_BUFFER_LEN: usize = 64 << 10;

/// Replies that one system call sends.
pub(crate) const REPLIES_PER_WRITE: usize = 32;

/// A connection without any request for so long is closed; clients dial again when they need
/// to. Linux closes after five minutes by itself.
pub(crate) const IDLE_TIMEOUT: Duration = Duration::from_secs(600);

/// The same for an address that no export allows: long enough to hear that it may not mount.
pub(crate) const STRANGER_TIMEOUT: Duration = Duration::from_secs(15);

/// A client that takes none of its replies for so long is gone.
pub(crate) const WRITE_TIMEOUT: Duration = Duration::from_secs(60);

/// How long shutdown waits for requests that are under way.
pub(crate) const SHUTDOWN_GRACE: Duration = Duration::from_secs(5);

/// Replies of one client to its changes, and as many to its writes, kept for retransmissions: all
/// that sixteen connections can have under way. With a connection a client loses no more.
pub(crate) const DUPLICATES_PER_LANE_MAX: usize = 2048;

/// The same of all clients: half a kibibyte each, some 50 MiB with what finds them.
pub(crate) const DUPLICATES_MAX: usize = 64 << 10;

/// Bytes at the beginning of a write by which it is known when it comes again: all that is before
/// its data, and some of that.
pub(crate) const WRITE_HEAD_LEN: usize = 1024;

/// The same at its end.
pub(crate) const WRITE_TAIL_LEN: usize = 64;

/// A retransmission comes within this time; later the same number is a new call.
pub(crate) const DUPLICATE_AGE_MAX: Duration = Duration::from_secs(120);

/// Clients remembered for one export; then the one not seen for longest is forgotten.
pub(crate) const CLIENTS_MAX: usize = 1024;

/// Entries of the list that MOUNT's DUMP shows; further mounts work but are not shown.
pub(crate) const MOUNTS_MAX: usize = 1024;

/// How long a mount waits for an export that is being opened; clients give up later than that.
pub(crate) const MOUNT_WAIT_MAX: Duration = Duration::from_secs(8);

/// Exports at a time; the design's 128 shares with room.
pub(crate) const EXPORTS_MAX: usize = 1024;

const _: () = assert!(RECORD_LEN_MAX < 1 << 31, "a fragment has 31 bits of length");
const _: () = assert!(CONNECTIONS_PER_ADDRESS_MAX < CONNECTIONS_MAX);
const _: () = assert!(
    WRITE_HEAD_LEN > (24 + 2 * (8 + AUTH_LEN_MAX) + 4 + HANDLE_LEN_MAX + 20) as usize,
    "header, credential, verifier, file handle, numbers"
);
const _: () = assert!(ADDRESS_KIB_MAX < SERVER_KIB_MAX);
const _: () = assert!(CONNECTION_KIB_MAX <= ADDRESS_KIB_MAX);
const _: () = assert!(CONNECTION_KIB_MAX <= SERVER_KIB_MAX);
const _: () = assert!(2 * (DATA_LEN_MAX >> 10) + REQUEST_KIB_MIN < CONNECTION_KIB_MAX);
