//! Bytes of a connection through record marking, RPC, and the arguments of all programs.

/// Does all that with some bytes.
///
/// # Panics
/// A finding.
pub fn check(stream: &[u8]) {
    let calls = nfs_server::count_calls(stream);
    // A call is at least a mark, six words of header, and two empty authentications.
    assert!(calls <= stream.len() / 40);
}
