//! Frames that were received.
//!
//! ```text
//! Header ──▶ Payload ──▶ Header …          Payload of CLOSE ──▶ Closed
//! ```

use crate::{
    FrameError, Role,
    encode::{CLOSE, FIN, LEN_16, LEN_64, MASKED, PONG, encode_control, unmask},
    limits::{CONTROL_LEN_MAX, FRAME_LEN_MAX},
};

const HEADER_LEN_MAX: usize = 14;
const RESERVED: u8 = 0x70;

/// Takes the frames of a peer apart.
#[derive(Debug)]
pub struct Decoder {
    /// Whether frames must be masked: those of clients.
    masked: bool,
    state: State,
    message: Message,
}

#[derive(Debug)]
enum State {
    Header {
        bytes: [u8; HEADER_LEN_MAX],
        len: u8,
    },
    Data {
        rest: u64,
        mask: [u8; 4],
        /// How far the mask is.
        offset: u8,
    },
    Control(Box<Control>),
    Closed,
}

/// Whether the next data frame begins a message or goes on with one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Message {
    Begins,
    GoesOn,
}

#[derive(Debug)]
struct Control {
    kind: ControlKind,
    mask: [u8; 4],
    len: usize,
    bytes: [u8; CONTROL_LEN_MAX],
    filled: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ControlKind {
    Close,
    Ping,
    Pong,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Opcode {
    Continuation,
    Binary,
    Control(ControlKind),
}

struct Header {
    last: bool,
    opcode: Opcode,
    mask: [u8; 4],
    len: u64,
}

/// What came of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// Bytes of data at the front of the buffer.
    pub len: usize,
    /// The peer has said that it closes.
    pub closed: bool,
}

const START: State = State::Header {
    bytes: [0; HEADER_LEN_MAX],
    len: 0,
};

impl Decoder {
    /// For what a client sends.
    #[must_use]
    pub const fn of_client() -> Self {
        Self {
            masked: true,
            state: START,
            message: Message::Begins,
        }
    }

    /// For what a server sends.
    #[must_use]
    pub const fn of_server() -> Self {
        Self {
            masked: false,
            state: START,
            message: Message::Begins,
        }
    }

    /// Uses all of `buf` and moves the data in it to its front. What the peer must be answered
    /// is appended to `out`, as `role`. Nothing that follows a close frame counts.
    ///
    /// # Errors
    /// The peer broke the protocol; say [`FrameError::close_code`] and hang up.
    pub fn decode(
        &mut self,
        buf: &mut [u8],
        role: Role,
        out: &mut Vec<u8>,
    ) -> Result<Decoded, FrameError> {
        let (mut read, mut written) = (0_usize, 0_usize);
        while read < buf.len() {
            match &mut self.state {
                State::Header { bytes, len } => {
                    let (Some(slot), Some(byte)) =
                        (bytes.get_mut(usize::from(*len)), buf.get(read))
                    else {
                        break;
                    };
                    *slot = *byte;
                    *len = len.saturating_add(1);
                    read = read.saturating_add(1);
                    let so_far = bytes.get(..usize::from(*len)).unwrap_or_default();
                    if let Some(header) = parse_header(so_far, self.masked)? {
                        self.begin(&header)?;
                    }
                }
                State::Data { rest, mask, offset } => {
                    let there = buf.len().saturating_sub(read);
                    let len = usize::try_from(*rest).map_or(there, |rest| rest.min(there));
                    let end = read.saturating_add(len);
                    let part = buf.get_mut(read..end).unwrap_or_default();
                    if self.masked {
                        unmask(part, *mask, usize::from(*offset));
                    }
                    buf.copy_within(read..end, written);
                    written = written.saturating_add(len);
                    read = end;
                    *rest = rest.saturating_sub(u64::try_from(len).unwrap_or(u64::MAX));
                    *offset = u8::try_from(usize::from(*offset).saturating_add(len) & 3)
                        .unwrap_or_default();
                }
                State::Control(control) => {
                    let there = buf.get(read..).unwrap_or_default();
                    read = read.saturating_add(control.fill(there));
                }
                State::Closed => break,
            }
            self.end_frame(role, out);
        }
        let closed = matches!(self.state, State::Closed);
        Ok(Decoded {
            len: written,
            closed,
        })
    }

    fn begin(&mut self, header: &Header) -> Result<(), FrameError> {
        let next = if header.last {
            Message::Begins
        } else {
            Message::GoesOn
        };
        self.state = match (header.opcode, self.message) {
            (Opcode::Control(kind), _) => State::Control(Box::new(Control {
                kind,
                mask: header.mask,
                len: usize::try_from(header.len).unwrap_or(usize::MAX),
                bytes: [0; CONTROL_LEN_MAX],
                filled: 0,
            })),
            (Opcode::Binary, Message::Begins) | (Opcode::Continuation, Message::GoesOn) => {
                self.message = next;
                State::Data {
                    rest: header.len,
                    mask: header.mask,
                    offset: 0,
                }
            }
            (Opcode::Binary, Message::GoesOn) | (Opcode::Continuation, Message::Begins) => {
                return Err(FrameError::Fragments);
            }
        };
        Ok(())
    }

    /// Goes on to the next header, if a frame is complete.
    fn end_frame(&mut self, role: Role, out: &mut Vec<u8>) {
        match &mut self.state {
            State::Data { rest: 0, .. } => self.state = START,
            State::Control(control) if control.filled >= control.len => {
                let kind = control.kind;
                let payload = control.payload();
                self.state = match kind {
                    ControlKind::Ping => {
                        encode_control(role, PONG, payload, out);
                        START
                    }
                    ControlKind::Pong => START,
                    ControlKind::Close => {
                        // The code comes back to its sender (RFC 6455, 5.5.1).
                        encode_control(role, CLOSE, payload.get(..2).unwrap_or_default(), out);
                        State::Closed
                    }
                };
            }
            State::Header { .. } | State::Data { .. } | State::Control(_) | State::Closed => {}
        }
    }
}

impl Control {
    fn fill(&mut self, there: &[u8]) -> usize {
        let room = self
            .bytes
            .get_mut(self.filled..self.len)
            .unwrap_or_default();
        let len = room.len().min(there.len());
        for (slot, byte) in room.iter_mut().zip(there) {
            *slot = *byte;
        }
        self.filled = self.filled.saturating_add(len);
        len
    }

    fn payload(&mut self) -> &[u8] {
        let payload = self.bytes.get_mut(..self.len).unwrap_or_default();
        // Frames of a server have a mask of zeros.
        unmask(payload, self.mask, 0);
        payload
    }
}

/// `None` if more of it must come. RFC 6455, 5.2.
fn parse_header(bytes: &[u8], masked: bool) -> Result<Option<Header>, FrameError> {
    let &[first, second, ref rest @ ..] = bytes else {
        return Ok(None);
    };
    if first & RESERVED != 0 {
        return Err(FrameError::ReservedBits);
    }
    if (second & MASKED != 0) != masked {
        return Err(FrameError::Masking);
    }
    let last = first & FIN != 0;
    let opcode = opcode(first & 0x0f)?;
    let short = second & !MASKED;
    if matches!(opcode, Opcode::Control(_)) && (!last || short >= LEN_16) {
        return Err(FrameError::Control);
    }
    let (len, shortest, rest) = match short {
        LEN_64 => {
            let Some((len, rest)) = rest.split_first_chunk::<8>() else {
                return Ok(None);
            };
            (u64::from_be_bytes(*len), u64::from(u16::MAX), rest)
        }
        LEN_16 => {
            let Some((len, rest)) = rest.split_first_chunk::<2>() else {
                return Ok(None);
            };
            let len = u64::from(u16::from_be_bytes(*len));
            (len, u64::from(LEN_16).saturating_sub(1), rest)
        }
        len => (u64::from(len), 0, rest),
    };
    if short >= LEN_16 && len <= shortest {
        return Err(FrameError::Length);
    }
    if len > FRAME_LEN_MAX {
        return Err(FrameError::TooBig(len));
    }
    let mask = match (masked, rest.first_chunk::<4>()) {
        (false, _) => [0; 4],
        (true, Some(mask)) => *mask,
        (true, None) => return Ok(None),
    };
    Ok(Some(Header {
        last,
        opcode,
        mask,
        len,
    }))
}

const fn opcode(value: u8) -> Result<Opcode, FrameError> {
    Ok(match value {
        0 => Opcode::Continuation,
        1 => return Err(FrameError::Text),
        2 => Opcode::Binary,
        8 => Opcode::Control(ControlKind::Close),
        9 => Opcode::Control(ControlKind::Ping),
        10 => Opcode::Control(ControlKind::Pong),
        other => return Err(FrameError::Opcode(other)),
    })
}
