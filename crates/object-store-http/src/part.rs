//! Parts: how large, and how their bytes go out.

use bytes::Bytes;
use futures::StreamExt as _;
use object_store::{
    ETag, PART_BYTES_MAX, PARTS_MAX, PartSource, StoreError, StoreErrorKind, StoreResult,
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::{
    checksum::{Summing, Sums},
    dialect::{Dialect, unquoted},
    limits::{PART_IN_MEMORY_BYTES_MAX, STREAM_CHUNK_BYTES},
    remote::{Outcome, Remote, Wait, text},
    request::Request,
};

/// A part of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// From 1.
    pub(crate) number: u32,
    pub(crate) offset: u64,
    pub(crate) len: u64,
}

/// The parts of an object of `size` bytes, each at least `part_bytes_min` but for the last;
/// nothing if it is too large for a store.
pub(crate) fn plan(size: u64, part_bytes_min: u64) -> Option<Vec<Part>> {
    // Whole MiB, so that offsets stay friendly to disks.
    let needed = size.div_ceil(PARTS_MAX).next_multiple_of(1 << 20);
    let part_bytes = needed.max(part_bytes_min);
    if part_bytes > PART_BYTES_MAX {
        return None;
    }
    let part = |index: u64| {
        let offset = index * part_bytes;
        let len = part_bytes.min(size - offset);
        let number = u32::try_from(index + 1).unwrap_or(u32::MAX);
        Part {
            number,
            offset,
            len,
        }
    };
    Some((0..size.div_ceil(part_bytes.max(1))).map(part).collect())
}

/// An object that no store can hold.
pub(crate) fn too_large(key: &str, size: u64) -> StoreError {
    let message = format!(
        "cannot store `{key}`: {size} bytes are more than one request, or 10,000 parts of 5 GiB, take"
    );
    StoreError::new(StoreErrorKind::Other, message)
}

/// Reads exactly `len` bytes of the source.
pub(crate) async fn read(source: &dyn PartSource, offset: u64, len: u64) -> StoreResult<Bytes> {
    let failed = |error: std::io::Error| {
        let message = format!("cannot read the bytes to upload at {offset}");
        StoreError::caused_by(StoreErrorKind::Source, message, error)
    };
    let bytes = source.read(offset, len).await.map_err(failed)?;
    if bytes.len() as u64 != len {
        let message = format!(
            "the source gave {} bytes at {offset}, not {len}",
            bytes.len()
        );
        return Err(StoreError::new(StoreErrorKind::Source, message));
    }
    Ok(bytes)
}

/// Sends one part; its etag.
pub(crate) async fn send(
    remote: &Remote,
    request: Request,
    source: &dyn PartSource,
    part: Part,
) -> StoreResult<ETag> {
    if part.len > PART_IN_MEMORY_BYTES_MAX {
        return send_streamed(remote, request, source, part).await;
    }
    let bytes = read(source, part.offset, part.len).await?;
    let sums = Sums::of(remote.config.dialect, bytes.clone()).await;
    let request = sums.of_part(request).body(bytes);
    let response = remote.send(&request, Wait::Answer).await?;
    sums.verify(remote, &request, response.headers())?;
    etag_of(&request, response.headers())
}

/// Sends a part that is too large to be held: read as it goes, and again for another attempt.
async fn send_streamed(
    remote: &Remote,
    request: Request,
    source: &dyn PartSource,
    part: Part,
) -> StoreResult<ETag> {
    let mut retries = remote.retries();
    loop {
        // One chunk waits while one is sent.
        let (sender, receiver) = mpsc::channel(1);
        let body =
            reqwest::Body::wrap_stream(ReceiverStream::new(receiver).map(Ok::<_, std::io::Error>));
        let sending = remote.attempt(&request, Wait::Answer, Some((body, part.len)));
        let (sent, fed) =
            futures::join!(sending, feed(remote.config.dialect, source, part, sender));
        let sums = fed?;
        let error = match sent {
            Ok(Outcome::Done(response)) => {
                if let Some(sums) = sums {
                    sums.verify(remote, &request, response.headers())?;
                }
                return etag_of(&request, response.headers());
            }
            Ok(Outcome::Refused(refusal)) => refusal.into_error(&remote.config, &request),
            Err(error) => error,
        };
        retries.again(error).await?;
    }
}

/// Reads a body as fast as it goes out; the sums of what went, if all of it did.
async fn feed(
    dialect: Dialect,
    source: &dyn PartSource,
    part: Part,
    sender: mpsc::Sender<Bytes>,
) -> StoreResult<Option<Sums>> {
    let (mut sent, mut summing) = (0, Summing::new(dialect));
    while sent < part.len {
        let len = STREAM_CHUNK_BYTES.min(part.len - sent);
        let bytes = read(source, part.offset + sent, len).await?;
        summing = add(summing, bytes.clone()).await;
        if sender.send(bytes).await.is_err() {
            // The request has ended; its own error says why.
            return Ok(None);
        }
        sent += len;
    }
    Ok(Some(summing.finish()))
}

/// Adds a piece, off the threads that serve connections.
async fn add(mut summing: Summing, bytes: Bytes) -> Summing {
    let added = tokio::task::spawn_blocking(move || {
        summing.add(&bytes);
        summing
    });
    added.await.expect("a sum does not panic")
}

/// The etag that an answer to a put has.
pub(crate) fn etag_of(request: &Request, headers: &http::HeaderMap) -> StoreResult<ETag> {
    let etag = text(headers, "etag").as_deref().map(unquoted);
    etag.ok_or_else(|| {
        let message = format!(
            "cannot {} `{}`: the answer has no etag",
            request.what, request.key
        );
        StoreError::new(StoreErrorKind::Other, message)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        limits::COPY_PART_BYTES,
        testing::{Fixture, Numbers},
    };

    #[test]
    fn the_largest_object_fits_and_the_next_does_not() {
        let parts = plan(48 << 40, COPY_PART_BYTES).unwrap();
        assert!(parts.len() as u64 <= PARTS_MAX && parts[0].len <= PART_BYTES_MAX);
        assert_eq!(plan(PART_BYTES_MAX * PARTS_MAX + 1, COPY_PART_BYTES), None);
        assert_eq!(plan(COPY_PART_BYTES + 1, COPY_PART_BYTES).unwrap().len(), 2);
    }

    #[tokio::test]
    async fn a_part_too_large_to_hold_goes_out_as_it_is_read() {
        let fixture = Fixture::start().await;
        let (remote, size) = (fixture.remote(), 2 * STREAM_CHUNK_BYTES + 7);
        let what = ("put", http::Method::PUT);
        let request = Request::object(&remote.config, what, "streamed", &[]).unwrap();
        let (number, offset, len) = (1, 5, size - 5);
        let part = Part {
            number,
            offset,
            len,
        };
        send_streamed(&remote, request, &Numbers(size), part)
            .await
            .unwrap();
        assert!(fixture.file("streamed") == Numbers(size).all()[5..]);
    }

    proptest! {
        #[test]
        fn parts_cover_the_object_without_a_gap(size in 1_u64..(48 << 40)) {
            let parts = plan(size, COPY_PART_BYTES).unwrap();
            prop_assert!(parts.len() as u64 <= PARTS_MAX);
            let mut at = 0;
            for (index, part) in parts.iter().enumerate() {
                prop_assert_eq!((u64::from(part.number), part.offset), (index as u64 + 1, at));
                prop_assert!(part.len > 0 && part.len <= PART_BYTES_MAX);
                at += part.len;
            }
            prop_assert_eq!(at, size);
        }
    }
}
