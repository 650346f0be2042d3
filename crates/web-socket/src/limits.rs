//! What bounds frames and heads.

/// Longest frame that is taken. Its payload is passed on as it comes, so this costs no memory;
/// a peer with longer ones does not speak MQTT, whose packets have a bound far below.
pub const FRAME_LEN_MAX: u64 = 16 * 1024 * 1024;
/// Longest payload of a control frame (RFC 6455, 5.5).
pub const CONTROL_LEN_MAX: usize = 125;
/// Longest head of a request or response.
pub const HEAD_LEN_MAX: usize = 8 * 1024;
/// Most header fields of a head.
pub const FIELDS_MAX: usize = 64;
