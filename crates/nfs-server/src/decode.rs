//! All decoders in one call, for the fuzzer and for tests of arbitrary bytes.

use bytes::{BufMut as _, BytesMut};

use crate::{
    dispatch::{self, Asked},
    rpc::RecordReader,
};

/// Decodes what a client might send over a connection, as the server does but without doing
/// any of it, and counts the calls that make sense.
#[must_use]
pub fn count_calls(stream: &[u8]) -> usize {
    let mut records = RecordReader::default();
    let mut calls = 0;
    let mut rest = stream;
    while !rest.is_empty() {
        let buffer: &mut BytesMut = records.buffer();
        let room = buffer.capacity().saturating_sub(buffer.len());
        let (now, later) = rest.split_at(room.min(rest.len()));
        buffer.put_slice(now);
        rest = later;
        loop {
            match records.next() {
                Ok(Some(record)) => match dispatch::decode(record) {
                    Ok(Asked::Work(_)) => calls += 1,
                    Ok(Asked::Refused(_)) => {}
                    Err(dispatch::NotACall) => return calls,
                },
                Ok(None) => break,
                Err(_) => return calls,
            }
        }
    }
    calls
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn arbitrary_streams_are_counted(stream: Vec<u8>) {
            prop_assert!(count_calls(&stream) <= stream.len() / 40);
        }

        #[test]
        fn arbitrary_arguments_are_counted(program in 0_u32..8, procedure in 0_u32..24,
                                           args: Vec<u8>) {
            let mut record: Vec<u8> = Vec::new();
            let version = if program == 0 { 2 } else { 3 };
            for word in [1, 0, 2, 100_000 + program, version, procedure, 0, 0, 0, 0] {
                record.extend(u32::to_be_bytes(word));
            }
            record.extend(args);
            let mark = u32::try_from(record.len()).unwrap() | 1 << 31;
            let stream = [&mark.to_be_bytes(), &record[..]].concat();
            prop_assert!(count_calls(&stream) <= 1);
        }
    }
}
