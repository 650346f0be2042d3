//! Protocol data units: a basic header segment, additional headers, data.

use bytes::Bytes;
use thiserror::Error;

/// Length of the basic header segment. RFC 7143, 11.2.1.
pub const BHS_LEN: usize = 48;
/// Largest data segment we announce (`MaxRecvDataSegmentLength`). RFC 7143, 13.12.
pub const DATA_LEN_MAX: u32 = 256 * 1024;
/// Each segment is padded to a word.
const WORD: usize = 4;

/// Why bytes are not a PDU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// The initiator sends more data than we announced.
    #[error("the initiator announces a data segment of {len} bytes; at most {max} were negotiated")]
    DataTooLong {
        /// What it announces.
        len: u32,
        /// What was negotiated.
        max: u32,
    },
}

/// One PDU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pdu {
    /// The basic header segment, opcode first.
    pub header: [u8; BHS_LEN],
    /// Additional header segments.
    pub additional: Bytes,
    /// The data segment, without its padding.
    pub data: Bytes,
}

impl Pdu {
    /// The opcode, without the immediate bit. RFC 7143, 11.2.1.2.
    #[must_use]
    pub const fn opcode(&self) -> u8 {
        let [first, ..] = self.header;
        first & 0x3f
    }

    /// Whether the PDU is for immediate delivery. RFC 7143, 11.2.1.1.
    #[must_use]
    pub const fn is_immediate(&self) -> bool {
        let [first, ..] = self.header;
        first & 0x40 != 0
    }

    /// The initiator task tag. RFC 7143, 11.2.1.8.
    #[must_use]
    pub fn task_tag(&self) -> u32 {
        self.header
            .get(16..20)
            .and_then(|b| b.try_into().ok())
            .map_or(0, u32::from_be_bytes)
    }
}

/// Reads one PDU: it and its length, or nothing if more bytes are needed.
///
/// # Errors
/// The PDU breaks what was negotiated; the connection must be closed.
pub fn decode(input: &[u8], data_len_max: u32) -> Result<Option<(Pdu, usize)>, DecodeError> {
    let Some((header, _)) = input.split_first_chunk::<BHS_LEN>() else {
        return Ok(None);
    };
    let [_, _, _, _, additional_words, a, b, c, ..] = *header;
    let data_len = u32::from_be_bytes([0, a, b, c]);
    if data_len > data_len_max {
        return Err(DecodeError::DataTooLong {
            len: data_len,
            max: data_len_max,
        });
    }
    let additional_len = usize::from(additional_words).saturating_mul(WORD);
    let data_start = BHS_LEN.saturating_add(additional_len);
    let data_end = data_start.saturating_add(data_len as usize);
    let end = data_start.saturating_add((data_len as usize).next_multiple_of(WORD));
    let (Some(additional), Some(data), Some(_padded)) = (
        input.get(BHS_LEN..data_start),
        input.get(data_start..data_end),
        input.get(..end),
    ) else {
        return Ok(None);
    };
    let additional = Bytes::copy_from_slice(additional);
    let data = Bytes::copy_from_slice(data);
    Ok(Some((
        Pdu {
            header: *header,
            additional,
            data,
        },
        end,
    )))
}

/// Writes one PDU; the lengths in its header are set from its segments.
pub fn encode(pdu: &Pdu, output: &mut Vec<u8>) {
    let [first, second, third, fourth, _, _, _, _, rest @ ..] = pdu.header;
    let words = u8::try_from(pdu.additional.len().div_ceil(WORD)).unwrap_or(u8::MAX);
    let [_, a, b, c] = u32::try_from(pdu.data.len())
        .unwrap_or(u32::MAX)
        .to_be_bytes();
    output.extend([first, second, third, fourth, words, a, b, c]);
    output.extend(rest);
    for segment in [&pdu.additional, &pdu.data] {
        output.extend(segment);
        let padding = segment
            .len()
            .next_multiple_of(WORD)
            .saturating_sub(segment.len());
        output.extend(std::iter::repeat_n(0, padding));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(
            opcode: u8,
            tag: u32,
            additional in prop::collection::vec(any::<u32>(), 0..8),
            data in prop::collection::vec(any::<u8>(), 0..100),
        ) {
            let mut header = [0; BHS_LEN];
            header[0] = opcode;
            header[4] = u8::try_from(additional.len()).unwrap();
            header[7] = u8::try_from(data.len()).unwrap();
            header[16..20].copy_from_slice(&tag.to_be_bytes());
            let additional: Vec<u8> = additional.iter().flat_map(|w| w.to_be_bytes()).collect();
            let pdu = Pdu { header, additional: additional.into(), data: data.into() };
            let mut bytes = Vec::new();
            encode(&pdu, &mut bytes);
            let len = bytes.len();
            prop_assert_eq!(decode(bytes.split_last().unwrap().1, DATA_LEN_MAX), Ok(None));
            let (decoded, used) = decode(&bytes, DATA_LEN_MAX).unwrap().unwrap();
            prop_assert_eq!(decoded.task_tag(), tag);
            prop_assert_eq!(decoded.opcode(), opcode & 0x3f);
            prop_assert_eq!((decoded, used), (pdu, len));
        }

        #[test]
        fn arbitrary_bytes_are_never_fatal(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(Some((_, used))) = decode(&bytes, 64) {
                prop_assert!(used <= bytes.len());
            }
        }
    }

    #[test]
    fn a_data_segment_beyond_the_limit_is_refused() {
        let mut header = [0; BHS_LEN];
        header[5] = 1;
        let refused = DecodeError::DataTooLong {
            len: 65_536,
            max: 512,
        };
        assert_eq!(decode(&header, 512), Err(refused));
    }
}
