//! Arguments from arbitrary bytes, and from those that a client would send.

use bytes::Bytes;
use proptest::prelude::*;
use vfs::{Attributes, FileTime, FileType, Inode, SetAttributes, SetTime, Stability};

use super::{
    Args, CreateHow, Failed, Handle, Results, Wcc,
    args::DirOp,
    attributes::{FATTR_LEN, decode_set_attributes, encode_attributes},
};
use crate::{
    status::Status,
    xdr::{Reader, Writer, XdrError},
};

fn decode(procedure: u32, write: impl FnOnce(&mut Writer)) -> Result<Args, XdrError> {
    let mut writer = Writer::default();
    write(&mut writer);
    Args::decode(procedure, &mut Reader::new(writer.finish())).unwrap()
}

fn handle(bytes: &'static [u8]) -> Handle {
    Handle(Bytes::from_static(bytes))
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_arguments_or_garbage(procedure in 0_u32..24, bytes: Vec<u8>) {
        let decoded = Args::decode(procedure, &mut Reader::new(bytes.into()));
        prop_assert_eq!(decoded.is_none(), procedure > 21);
    }

    #[test]
    fn attributes_to_set_read_back(mode: Option<u32>, size: Option<u64>, seconds: u32) {
        let mut writer = Writer::default();
        let option = |writer: &mut Writer, value: Option<u32>| {
            writer.bool(value.is_some());
            value.iter().for_each(|value| writer.u32(*value));
        };
        option(&mut writer, mode);
        option(&mut writer, None);
        option(&mut writer, Some(5));
        writer.bool(size.is_some());
        size.iter().for_each(|size| writer.u64(*size));
        writer.u32(1);
        writer.u32(2);
        writer.u32(seconds);
        writer.u32(7);
        let read = decode_set_attributes(&mut Reader::new(writer.finish())).unwrap();
        let time = FileTime { seconds: i64::from(seconds), nanos: 7 };
        let want = SetAttributes {
            mode, uid: None, gid: Some(5), size, atime: SetTime::Now, mtime: SetTime::To(time),
        };
        prop_assert_eq!(read, want);
    }
}

#[test]
fn arguments_are_those_of_rfc_1813() {
    let dir_op = |w: &mut Writer| {
        w.opaque(b"dir!");
        w.opaque(b"name");
    };
    let place = || DirOp {
        dir: handle(b"dir!"),
        name: Bytes::from_static(b"name"),
    };
    assert_eq!(decode(3, dir_op), Ok(Args::Lookup(place())));
    assert_eq!(decode(12, dir_op), Ok(Args::Remove(place())));
    let exclusive = decode(8, |w| {
        dir_op(w);
        w.u32(2);
        w.u64(77);
    });
    let how = CreateHow::Exclusive(77);
    assert_eq!(
        exclusive,
        Ok(Args::Create {
            place: place(),
            how
        })
    );
    let write = |stable| {
        decode(7, move |w| {
            w.opaque(b"file");
            w.u64(10);
            w.u32(3);
            w.u32(stable);
            w.opaque(b"abc");
        })
    };
    let want = |stability| Args::Write {
        file: handle(b"file"),
        offset: 10,
        count: 3,
        stability,
        bytes: Bytes::from_static(b"abc"),
    };
    assert_eq!(write(0), Ok(want(Stability::Unstable)));
    assert_eq!(write(1), Ok(want(Stability::Stable)));
    assert_eq!(write(2), Ok(want(Stability::Stable)));
    assert!(write(3).is_err());
}

#[test]
fn a_handle_of_65_bytes_is_garbage() {
    let get_attr = |len| decode(1, |w| w.opaque(&vec![0; len]));
    assert!(get_attr(64).is_ok());
    assert_eq!(get_attr(65), Err(XdrError::TooLong { len: 65, max: 64 }));
}

fn attributes(seconds: i64) -> Attributes {
    let time = FileTime { seconds, nanos: 1 };
    Attributes {
        inode: Inode(2),
        file_type: FileType::Symlink,
        mode: 0o777,
        link_count: 1,
        uid: 3,
        gid: 4,
        size: 5,
        used_bytes: 6,
        atime: time,
        mtime: time,
        ctime: time,
    }
}

#[test]
fn attributes_have_their_length_and_order() {
    let words = |seconds| {
        let mut writer = Writer::default();
        encode_attributes(&attributes(seconds), 9, &mut writer);
        assert_eq!(writer.len(), FATTR_LEN);
        let mut reader = Reader::new(writer.finish());
        std::iter::from_fn(move || reader.u32().ok()).collect::<Vec<u32>>()
    };
    let want = [
        5, 0o777, 1, 3, 4, 0, 5, 0, 6, 0, 0, 0, 9, 0, 2, 8, 1, 8, 1, 8, 1,
    ];
    assert_eq!(words(8), want);
    assert_eq!(words(-1)[15], 0, "before 1970");
    assert_eq!(words(1 << 40)[15], u32::MAX, "after 2106");
}

#[test]
fn failures_carry_what_attributes_there_are() {
    let results = Results::Changed(Err(Failed {
        status: Status::Rofs,
        attributes: Wcc::default(),
    }));
    let mut writer = Writer::default();
    assert!(results.encode(1, &mut writer).is_empty());
    assert_eq!(*writer.finish(), [0, 0, 0, 30, 0, 0, 0, 0, 0, 0, 0, 0]);
}
