//! Bytes of a load balancer; a header ends where it says, however much of it has come.

/// Does all that with some bytes.
///
/// # Panics
/// A finding.
pub fn check(input: &[u8]) {
    let Ok(Some((source, len))) = proxy_protocol::decode(input) else {
        return;
    };
    assert!(len <= proxy_protocol::HEADER_LEN_MAX);
    let header = &input[..len];
    assert_eq!(proxy_protocol::decode(header), Ok(Some((source, len))));
    let cut = &input[..len - 1];
    assert_eq!(proxy_protocol::decode(cut), Ok(None));
}
