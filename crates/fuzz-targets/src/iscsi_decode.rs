//! Bytes of an initiator through PDU framing; what is decoded encodes to the same bytes.

/// Does all that with some bytes.
///
/// # Panics
/// A finding.
pub fn check(input: &[u8]) {
    let Ok(Some((pdu, used))) = iscsi_target::decode(input, iscsi_target::DATA_LEN_MAX) else {
        return;
    };
    assert!(used <= input.len());
    let mut bytes = Vec::new();
    iscsi_target::encode(&pdu, &mut bytes);
    assert_eq!(bytes.len(), used);
}
