//! What a peer did wrong, and how it is told.

use thiserror::Error;

/// Why a connection is closed (RFC 6455, 7.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseCode {
    /// All is said.
    Normal,
    /// The server stops, or its client leaves.
    GoingAway,
    /// The peer broke the protocol.
    ProtocolError,
    /// The peer sent text.
    UnsupportedData,
    /// The peer sent too much at once.
    TooBig,
}

impl CloseCode {
    pub(crate) const fn value(self) -> u16 {
        match self {
            Self::Normal => 1000,
            Self::GoingAway => 1001,
            Self::ProtocolError => 1002,
            Self::UnsupportedData => 1003,
            Self::TooBig => 1009,
        }
    }
}

/// What a peer did wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FrameError {
    /// Bits that no extension gave a meaning.
    #[error("reserved bits are set")]
    ReservedBits,
    /// An opcode without a meaning.
    #[error("opcode {0} has no meaning")]
    Opcode(u8),
    /// A client must mask, a server must not.
    #[error("a frame is masked that must not be, or not masked that must be")]
    Masking,
    /// A control frame that is long or in fragments.
    #[error("a control frame is too long or in fragments")]
    Control,
    /// A length in more bytes than it needs.
    #[error("a length is not in its shortest form")]
    Length,
    /// A fragment without its beginning, or a beginning amid fragments.
    #[error("fragments are out of order")]
    Fragments,
    /// Text.
    #[error("text frames are not taken here")]
    Text,
    /// More than [`crate::limits::FRAME_LEN_MAX`].
    #[error("a frame of {0} bytes is too long")]
    TooBig(u64),
}

impl FrameError {
    /// How the peer is told.
    #[must_use]
    pub const fn close_code(self) -> CloseCode {
        match self {
            Self::Text => CloseCode::UnsupportedData,
            Self::TooBig(_) => CloseCode::TooBig,
            Self::ReservedBits
            | Self::Opcode(_)
            | Self::Masking
            | Self::Control
            | Self::Length
            | Self::Fragments => CloseCode::ProtocolError,
        }
    }
}
