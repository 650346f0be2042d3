//! Records whole and in pieces, calls good and bad, replies byte for byte.

use bytes::{BufMut as _, Bytes};
use proptest::prelude::*;

use super::{Accepted, Call, CallError, Credential, Denied, RecordError, RecordReader, Reply};
use crate::{
    limits::{FRAGMENTS_MAX, RECORD_LEN_MAX},
    xdr::{Reader, Writer},
};

fn fragment(bytes: &[u8], is_last: bool) -> Vec<u8> {
    let len = u32::try_from(bytes.len()).unwrap();
    let mark = len | if is_last { 1 << 31 } else { 0 };
    [&mark.to_be_bytes(), bytes].concat()
}

/// All records of `stream`, received in pieces of `piece` bytes.
fn records(stream: &[u8], piece: usize) -> Result<Vec<Bytes>, RecordError> {
    let mut reader = RecordReader::default();
    let mut found = Vec::new();
    for part in stream.chunks(piece) {
        reader.buffer().put_slice(part);
        while let Some(record) = reader.next()? {
            found.push(record);
        }
    }
    Ok(found)
}

proptest! {
    #[test]
    fn records_come_out_however_they_are_cut(
        contents in prop::collection::vec(prop::collection::vec(any::<Vec<u8>>(), 1..4), 0..5),
        piece in 1_usize..50,
    ) {
        let mut stream = Vec::new();
        for fragments in &contents {
            let (last, before) = fragments.split_last().unwrap();
            before.iter().for_each(|f| stream.extend(fragment(f, false)));
            stream.extend(fragment(last, true));
        }
        let want: Vec<Bytes> = contents.iter().map(|f| f.concat().into()).collect();
        prop_assert_eq!(records(&stream, piece), Ok(want));
    }

    #[test]
    fn arbitrary_bytes_are_calls_or_refused(bytes: Vec<u8>) {
        let _answered_or_not = Call::decode(bytes.into()).is_ok();
    }

    #[test]
    fn calls_read_back_as_written(xid: u32, uid: u32, gid: u32,
                                  groups in prop::collection::vec(any::<u32>(), 0..=16)) {
        let call = Call::decode(call(xid, &sys(uid, gid, &groups))).unwrap();
        prop_assert_eq!((call.xid, call.program, call.version, call.procedure), (xid, 3, 4, 5));
        prop_assert_eq!(call.credential, Credential::Sys { uid, gid, groups });
    }
}

fn sys(uid: u32, gid: u32, groups: &[u32]) -> Bytes {
    let mut body = Writer::default();
    body.u32(99);
    body.opaque(b"host");
    body.u32(uid);
    body.u32(gid);
    body.u32(u32::try_from(groups.len()).unwrap());
    groups.iter().for_each(|group| body.u32(*group));
    body.finish()
}

fn call(xid: u32, credential: &[u8]) -> Bytes {
    let mut writer = Writer::default();
    for word in [xid, 0, 2, 3, 4, 5, 1] {
        writer.u32(word);
    }
    writer.opaque(credential);
    writer.u32(0);
    writer.u32(0);
    writer.finish()
}

#[test]
fn records_beyond_the_bounds_end_the_connection() {
    let mark = u32::try_from(RECORD_LEN_MAX + 1).unwrap() | 1 << 31;
    let len = RECORD_LEN_MAX + 1;
    let too_long = Err(RecordError::TooLong { len });
    assert_eq!(records(&mark.to_be_bytes(), 4), too_long);

    let half = fragment(&vec![0; RECORD_LEN_MAX / 2 + 1], false).repeat(2);
    assert!(records(&half, 65536).is_err());

    let endless = fragment(&[], false).repeat(usize::try_from(FRAGMENTS_MAX).unwrap() + 1);
    assert_eq!(records(&endless, 1), Err(RecordError::TooManyFragments));
}

#[test]
fn a_large_record_gets_room_only_as_it_arrives() {
    let mut reader = RecordReader::default();
    reader.buffer().put_u32(1 << 31 | 1 << 20);
    assert_eq!(reader.next(), Ok(None));
    assert!(reader.buffer().capacity() < 1 << 18, "nothing came yet");
    let room = reader.buffer();
    let come = vec![0; 40 << 10];
    room.put_slice(&come);
    assert!(reader.buffer().capacity() >= 1 << 20);
}

#[test]
fn broken_credentials_are_denied_by_number() {
    let denied = |record| match Call::decode(record) {
        Err(CallError::Denied { xid, why }) => (xid, why),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        denied(call(7, &sys(1, 1, &[0; 17]))),
        (7, Denied::BadCredential)
    );
    assert_eq!(denied(call(7, b"")), (7, Denied::BadCredential));
    let mut other_rpc = call(7, b"").to_vec();
    other_rpc[11] = 3;
    assert_eq!(denied(other_rpc.into()), (7, Denied::RpcMismatch));
    let mut reply = call(7, b"").to_vec();
    reply[7] = 1;
    assert_eq!(Call::decode(reply.into()).unwrap_err(), CallError::NotACall);
}

fn words(reply: &Reply) -> Vec<u32> {
    let mut reader = Reader::new(reply.head.clone());
    std::iter::from_fn(|| reader.u32().ok()).collect()
}

#[test]
fn replies_are_those_of_rfc_5531() {
    let mark = |bytes: u32| 1 << 31 | bytes;
    let refused = |why| words(&super::refused(9, why));
    assert_eq!(
        refused(Accepted::ProgramUnavailable),
        [mark(24), 9, 1, 0, 0, 0, 1]
    );
    assert_eq!(
        refused(Accepted::ProgramMismatch { version: 3 }),
        [mark(32), 9, 1, 0, 0, 0, 2, 3, 3]
    );
    assert_eq!(refused(Accepted::ProcedureUnavailable)[6], 3);
    assert_eq!(refused(Accepted::GarbageArgs)[6], 4);
    assert_eq!(
        words(&super::denied(9, Denied::RpcMismatch)),
        [mark(24), 9, 1, 1, 0, 2, 2]
    );
    assert_eq!(
        words(&super::denied(9, Denied::BadCredential)),
        [mark(20), 9, 1, 1, 1, 1]
    );
}

#[test]
fn a_payload_is_counted_padded_and_not_copied() {
    let payload = Bytes::from_static(b"12345");
    let reply = super::accepted(9, |writer| {
        writer.u32(5);
        payload.clone()
    });
    assert_eq!(words(&reply)[0], 1 << 31 | (24 + 4 + 8));
    assert_eq!(reply.payload.as_ptr(), payload.as_ptr());
    assert_eq!(reply.padding(), [0, 0, 0]);
    assert_eq!(reply.len(), 4 + 24 + 4 + 8);
}
