//! Frames, without I/O: `length, length of the JSON text, JSON text, body`, lengths in four
//! bytes, most significant first; the first counts all that comes after it.

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use thiserror::Error;

use crate::{limits::FRAME_BYTES_MAX, message::Frame};

/// Bytes of a length.
const LENGTH: usize = 4;

/// Why bytes are no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum DecodeError {
    #[error("a frame of {len} bytes is over {FRAME_BYTES_MAX}")]
    TooLong { len: usize },
    #[error("the text of a frame is longer than the frame")]
    Lengths,
    #[error("the text of a frame is not a message")]
    Text,
}

/// A frame that could not be read at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a message of {len} bytes is too long for the bus link")]
pub(crate) struct TooLong {
    pub(crate) len: usize,
}

/// A frame as bytes.
pub(crate) fn encode(frame: &Frame) -> Result<Bytes, TooLong> {
    let text = serde_json::to_vec(&frame.message).expect("messages always encode");
    let len = LENGTH
        .saturating_add(text.len())
        .saturating_add(frame.body.len());
    let (Ok(whole), Ok(of_text), true) = (
        u32::try_from(len),
        u32::try_from(text.len()),
        len <= FRAME_BYTES_MAX,
    ) else {
        return Err(TooLong { len });
    };
    let mut bytes = BytesMut::with_capacity(LENGTH.saturating_add(len));
    bytes.put_u32(whole);
    bytes.put_u32(of_text);
    bytes.put_slice(&text);
    bytes.put_slice(&frame.body);
    Ok(bytes.freeze())
}

/// Takes the first frame off `input`; nothing while it is incomplete.
pub(crate) fn decode(input: &mut BytesMut) -> Result<Option<Frame>, DecodeError> {
    let Some(len) = input.get(..LENGTH) else {
        return Ok(None);
    };
    let len = read_length(len);
    if len > FRAME_BYTES_MAX {
        return Err(DecodeError::TooLong { len });
    }
    if input.len() < len.saturating_add(LENGTH) {
        return Ok(None);
    }
    input.advance(LENGTH);
    let mut frame = input.split_to(len).freeze();
    let of_text = frame
        .get(..LENGTH)
        .map(read_length)
        .ok_or(DecodeError::Lengths)?;
    frame.advance(LENGTH);
    let text = frame.get(..of_text).ok_or(DecodeError::Lengths)?;
    let message = serde_json::from_slice(text).or(Err(DecodeError::Text))?;
    let body = frame.slice(of_text..);
    Ok(Some(Frame { message, body }))
}

/// Decodes a stream as either end does, and counts the frames before the first fault: the
/// fuzzer's way in.
#[must_use]
pub fn count_frames(stream: &[u8]) -> usize {
    let mut input = BytesMut::from(stream);
    let mut frames = 0;
    while let Ok(Some(_)) = decode(&mut input) {
        frames += 1;
    }
    frames
}

fn read_length(bytes: &[u8]) -> usize {
    let value = bytes
        .iter()
        .fold(0_u32, |value, byte| (value << 8) | u32::from(*byte));
    usize::try_from(value).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::message::Message;

    fn frame(reason: &str, body: &[u8]) -> Frame {
        let reason = reason.to_owned();
        Frame {
            message: Message::Refused { reason },
            body: Bytes::copy_from_slice(body),
        }
    }

    #[test]
    fn a_frame_too_long_is_refused_at_both_ends() {
        let body = vec![0; FRAME_BYTES_MAX];
        assert!(encode(&frame("", &body)).is_err());
        let mut input = BytesMut::from(&u32::MAX.to_be_bytes()[..]);
        assert!(matches!(
            decode(&mut input),
            Err(DecodeError::TooLong { .. })
        ));
    }

    proptest! {
        #[test]
        fn any_bytes_are_decoded_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let mut input = BytesMut::from(&bytes[..]);
            while let Ok(Some(_)) = decode(&mut input) {}
        }

        #[test]
        fn any_lengths_are_decoded_or_refused(
            whole in 0_u32..64,
            of_text in any::<u32>(),
            rest in proptest::collection::vec(any::<u8>(), 0..64),
        ) {
            let mut input = BytesMut::new();
            input.put_u32(whole);
            input.put_u32(of_text);
            input.put_slice(&rest);
            while let Ok(Some(_)) = decode(&mut input) {}
        }

        #[test]
        fn frames_come_out_as_they_went_in_however_they_are_cut(
            frames in proptest::collection::vec((".{0,20}", any::<Vec<u8>>()), 0..5),
            step in 1_usize..40,
        ) {
            let frames: Vec<Frame> = frames.iter().map(|(text, body)| frame(text, body)).collect();
            let bytes: Vec<u8> = frames.iter().flat_map(|f| encode(f).unwrap()).collect();
            let (mut input, mut read) = (BytesMut::new(), Vec::new());
            for chunk in bytes.chunks(step) {
                input.extend_from_slice(chunk);
                while let Some(frame) = decode(&mut input).unwrap() {
                    read.push(frame);
                }
            }
            prop_assert_eq!(read, frames);
            prop_assert!(input.is_empty());
        }
    }
}
