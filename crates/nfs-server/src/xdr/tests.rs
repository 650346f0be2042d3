//! What is written reads back, and nothing else reads at all.

use bytes::Bytes;
use proptest::prelude::*;

use super::{Reader, Writer, XdrError};

proptest! {
    #[test]
    fn values_read_back_as_written(a: u32, b: u64, c: bool, d: Vec<u8>) {
        let mut writer = Writer::default();
        writer.u32(a);
        writer.u64(b);
        writer.bool(c);
        writer.opaque(&d);
        prop_assert_eq!(writer.len() % 4, 0);
        let mut reader = Reader::new(writer.finish());
        prop_assert_eq!(reader.u32(), Ok(a));
        prop_assert_eq!(reader.u64(), Ok(b));
        prop_assert_eq!(reader.bool(), Ok(c));
        prop_assert_eq!(reader.opaque(u32::MAX), Ok(Bytes::from(d)));
        prop_assert_eq!(reader.u32(), Err(XdrError::Short));
    }
}

#[test]
fn lengths_are_checked_before_anything_is_taken() {
    let opaque = |bytes: &'static [u8], max| Reader::new(Bytes::from_static(bytes)).opaque(max);
    assert_eq!(
        opaque(&[0, 0, 0, 9, 1], 8),
        Err(XdrError::TooLong { len: 9, max: 8 })
    );
    assert_eq!(opaque(&[0xff; 8], u32::MAX), Err(XdrError::Short));
    assert_eq!(
        opaque(&[0, 0, 0, 1, 7, 0, 0], 8),
        Err(XdrError::Short),
        "padding is missing"
    );
}

#[test]
fn opaque_bytes_are_a_part_of_the_record() {
    let record = Bytes::from_static(&[0, 0, 0, 4, 1, 2, 3, 4]);
    let bytes = Reader::new(record.clone()).opaque(4).unwrap();
    assert_eq!(bytes.as_ptr(), record[4..].as_ptr());
}
