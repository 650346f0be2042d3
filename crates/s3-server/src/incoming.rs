//! Bodies that arrive: to a file, digests checked on the way.

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use s3s::{
    TrailingHeaders,
    checksum::ChecksumHasher,
    crypto::{Checksum as _, Crc32, Crc32c, Crc64Nvme, Md5, Sha1, Sha256},
    dto::{Checksum, ChecksumAlgorithm},
};
use tokio::io::AsyncWriteExt as _;

use crate::{
    entry::{FileId, Stamp},
    error::{BucketError, BucketResult, Doing as _},
    journal::sync_dir,
};

/// A body that is on disk under its id. Dropped without [`Arrived::keep`], it is removed.
#[derive(Debug)]
pub(crate) struct Arrived {
    pub(crate) file: FileId,
    pub(crate) stamp: Stamp,
    pub(crate) etag: String,
    guard: TempGuard,
}

/// Removes a file that nobody came to need.
#[derive(Debug)]
struct TempGuard(Option<PathBuf>);

impl Drop for TempGuard {
    fn drop(&mut self) {
        if let Some(path) = self.0.take()
            && let Err(error) = std::fs::remove_file(&path)
        {
            tracing::debug!(path = %path.display(), %error, "cannot remove a body");
        }
    }
}

impl Arrived {
    /// From now on the file belongs to whoever renames it, or to the next start.
    pub(crate) fn keep(mut self) {
        self.guard.0 = None;
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        self.guard.0.as_deref().unwrap_or(Path::new(""))
    }

    /// A body written by this server itself: `write` fills the file. Blocks on the disk.
    pub(crate) fn written(
        dir: &Path,
        etag: String,
        write: impl FnOnce(&mut File) -> BucketResult<()>,
    ) -> BucketResult<Self> {
        let id = FileId::new();
        let path = dir.join(id.as_str());
        let guard = TempGuard(Some(path.clone()));
        let mut file = File::create_new(&path).doing(|| format!("create {}", path.display()))?;
        write(&mut file)?;
        let stamp = flush(&file, dir).doing(|| format!("flush {}", path.display()))?;
        Ok(Self {
            file: id,
            stamp,
            etag,
            guard,
        })
    }
}

/// What a request says of its body.
#[derive(Debug, Default)]
pub(crate) struct Expected {
    /// `Content-Length` of the object itself.
    pub(crate) length: Option<u64>,
    /// `Content-MD5`.
    pub(crate) md5: Option<String>,
    /// `x-amz-checksum-…` headers.
    pub(crate) checksum: Checksum,
    /// `x-amz-sdk-checksum-algorithm`.
    pub(crate) algorithm: Option<ChecksumAlgorithm>,
    /// `x-amz-trailer`: which checksum comes after the body.
    pub(crate) trailer: Option<String>,
    /// Headers after the body.
    pub(crate) trailing: Option<TrailingHeaders>,
}

/// Receives a body into `dir`, flushed; with the checksums that were asked for.
pub(crate) async fn receive<S, E>(
    dir: PathBuf,
    body: S,
    expected: Expected,
) -> BucketResult<(Arrived, Checksum)>
where
    S: Stream<Item = Result<Bytes, E>> + Send,
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let id = FileId::new();
    let path = dir.join(id.as_str());
    let guard = TempGuard(Some(path.clone()));
    let creating = tokio::fs::File::create_new(&path).await;
    let mut file = creating.doing(|| format!("create {}", path.display()))?;
    let (mut md5, mut sums, mut got) = (Md5::new(), expected.hasher(), 0_u64);
    let mut body = std::pin::pin!(body);
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|cause| BucketError::Receive(cause.into()))?;
        got += chunk.len() as u64;
        md5.update(&chunk);
        sums.update(&chunk);
        file.write_all(&chunk)
            .await
            .doing(|| format!("write {}", path.display()))?;
    }
    let (md5, sums) = (md5.finalize(), sums.finalize());
    expected.check(got, &md5, &sums)?;
    file.flush()
        .await
        .doing(|| format!("write {}", path.display()))?;
    let file = file.into_std().await;
    let stamp = blocking(move || flush(&file, &dir).doing(|| "flush a body".to_owned())).await?;
    let arrived = Arrived {
        file: id,
        stamp,
        etag: hex::encode(md5),
        guard,
    };
    Ok((arrived, sums))
}

/// Runs what blocks on the disk on a thread for that.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> BucketResult<T> + Send + 'static,
) -> BucketResult<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(panic) => Err(BucketError::Io {
            doing: "finish the work".to_owned(),
            source: std::io::Error::other(panic),
        }),
    }
}

/// Body, length and name are on disk.
fn flush(file: &File, dir: &Path) -> std::io::Result<Stamp> {
    file.sync_all()?;
    sync_dir(dir)?;
    Ok(Stamp::of(&file.metadata()?))
}

impl Expected {
    fn hasher(&self) -> ChecksumHasher {
        let given = &self.checksum;
        let wanted = |present: bool, name: &str| {
            let asked = self
                .algorithm
                .as_ref()
                .is_some_and(|a| a.as_str().eq_ignore_ascii_case(name));
            let later = self
                .trailer
                .as_ref()
                .is_some_and(|t| t.to_ascii_lowercase().contains(&header(name)));
            present || asked || later
        };
        ChecksumHasher {
            crc32: wanted(given.checksum_crc32.is_some(), "CRC32").then(Crc32::new),
            crc32c: wanted(given.checksum_crc32c.is_some(), "CRC32C").then(Crc32c::new),
            sha1: wanted(given.checksum_sha1.is_some(), "SHA1").then(Sha1::new),
            sha256: wanted(given.checksum_sha256.is_some(), "SHA256").then(Sha256::new),
            crc64nvme: wanted(given.checksum_crc64nvme.is_some(), "CRC64NVME").then(Crc64Nvme::new),
        }
    }

    fn check(&self, got: u64, md5: &[u8], sums: &Checksum) -> BucketResult<()> {
        if let Some(announced) = self.length.filter(|announced| *announced != got) {
            return Err(BucketError::Incomplete { got, announced });
        }
        if self
            .md5
            .as_ref()
            .is_some_and(|given| *given != BASE64_STANDARD.encode(md5))
        {
            return Err(BucketError::Digest("Content-MD5"));
        }
        let trailing = |name: &str| {
            let read = self.trailing.as_ref()?.read(|headers| {
                let value = headers.get(header(name))?;
                value.to_str().ok().map(str::to_owned)
            });
            read.flatten()
        };
        let given = &self.checksum;
        for (name, given, computed) in [
            ("CRC32", &given.checksum_crc32, &sums.checksum_crc32),
            ("CRC32C", &given.checksum_crc32c, &sums.checksum_crc32c),
            ("SHA1", &given.checksum_sha1, &sums.checksum_sha1),
            ("SHA256", &given.checksum_sha256, &sums.checksum_sha256),
            (
                "CRC64NVME",
                &given.checksum_crc64nvme,
                &sums.checksum_crc64nvme,
            ),
        ] {
            let given = given.clone().or_else(|| trailing(name));
            if given.is_some() && computed.is_some() && given != *computed {
                return Err(BucketError::Digest(name));
            }
        }
        Ok(())
    }
}

fn header(algorithm: &str) -> String {
    format!("x-amz-checksum-{}", algorithm.to_ascii_lowercase())
}
