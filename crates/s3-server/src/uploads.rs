//! Multipart uploads under way in one bucket: a directory each, a file for each part.
//!
//! `uploads/<id>/upload.json` says for which key; `uploads/<id>/<number>-<etag>` is a part. An
//! upload without its `upload.json` was never answered.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use clock::Timestamp;
use parking_lot::Mutex;
use s3s::crypto::{Checksum as _, Md5};
use serde::{Deserialize, Serialize};

use crate::{
    entry::{Attributes, FileId, Stamp},
    error::{BucketError, BucketResult, Doing as _},
    incoming::Arrived,
    journal::sync_dir,
    limits::{PART_BYTES_MIN, PARTS_MAX, UPLOADS_MAX},
};

const HEAD: &str = "upload.json";

/// The uploads of one bucket, by id.
#[derive(Debug)]
pub(crate) struct Uploads {
    dir: PathBuf,
    open: Mutex<BTreeMap<String, Upload>>,
}

/// One upload.
#[derive(Clone, Debug)]
pub(crate) struct Upload {
    pub(crate) head: Head,
    pub(crate) parts: BTreeMap<u16, Part>,
}

/// What is known of an upload from its beginning.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Head {
    pub(crate) key: String,
    pub(crate) initiated: Timestamp,
    pub(crate) attributes: Attributes,
}

/// One part that has arrived.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) etag: String,
    pub(crate) stamp: Stamp,
}

/// A part as the client names it when it completes an upload.
#[derive(Clone, Debug)]
pub(crate) struct ChosenPart {
    pub(crate) number: u16,
    pub(crate) etag: Option<String>,
}

/// An upload, ready to become an object.
#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) parts: Vec<PathBuf>,
    pub(crate) etag: String,
    pub(crate) attributes: Attributes,
}

impl Uploads {
    /// Finds the uploads that are on disk.
    pub(crate) fn open(dir: PathBuf) -> io::Result<Self> {
        let mut open = BTreeMap::new();
        for item in fs::read_dir(&dir)? {
            let path = item?.path();
            let Some(id) = path.file_name().and_then(|name| name.to_str()) else {
                continue;
            };
            match read_upload(&path)? {
                Some(upload) => {
                    open.insert(id.to_owned(), upload);
                }
                None => fs::remove_dir_all(&path)?,
            }
        }
        let open = Mutex::new(open);
        Ok(Self { dir, open })
    }

    /// Begins an upload; its id. Blocks on the disk.
    pub(crate) fn create(&self, head: Head) -> BucketResult<String> {
        if self.open.lock().len() >= UPLOADS_MAX {
            return Err(BucketError::TooManyUploads);
        }
        let id = FileId::new().as_str().to_owned();
        let dir = self.dir.join(&id);
        let store = || -> io::Result<()> {
            fs::create_dir(&dir)?;
            let mut file = File::create_new(dir.join(HEAD))?;
            file.write_all(&serde_json::to_vec(&head)?)?;
            file.sync_all()?;
            sync_dir(&dir)?;
            sync_dir(&self.dir)
        };
        store().doing(|| format!("begin an upload of `{}`", head.key))?;
        let parts = BTreeMap::new();
        self.open.lock().insert(id.clone(), Upload { head, parts });
        Ok(id)
    }

    /// Takes a part; a later one of the same number replaces it. Blocks on the disk.
    pub(crate) fn put_part(
        &self,
        key: &str,
        id: &str,
        number: u16,
        arrived: Arrived,
    ) -> BucketResult<Part> {
        check_number(number)?;
        self.get(key, id)?;
        let part = Part {
            etag: arrived.etag.clone(),
            stamp: arrived.stamp,
        };
        let dir = self.dir.join(id);
        let path = dir.join(part_name(number, &part.etag));
        fs::rename(arrived.path(), &path)
            .and_then(|()| sync_dir(&dir))
            .doing(|| format!("keep part {number} of `{key}`"))?;
        arrived.keep();
        let mut open = self.open.lock();
        let upload = open.get_mut(id).ok_or_else(|| no_upload(id))?;
        let old = upload.parts.insert(number, part.clone());
        if let Some(old) = old.filter(|old| old.etag != part.etag) {
            remove_file(&dir.join(part_name(number, &old.etag)));
        }
        Ok(part)
    }

    /// An upload of `key`.
    pub(crate) fn get(&self, key: &str, id: &str) -> BucketResult<Upload> {
        let open = self.open.lock();
        let found = open.get(id).filter(|upload| upload.head.key == key);
        found.cloned().ok_or_else(|| no_upload(id))
    }

    /// All uploads whose key begins with `prefix`, by key and id.
    pub(crate) fn list(&self, prefix: &str) -> Vec<(String, Head)> {
        let open = self.open.lock();
        let mut found: Vec<_> = open
            .iter()
            .filter(|(_, upload)| upload.head.key.starts_with(prefix))
            .map(|(id, upload)| (id.clone(), upload.head.clone()))
            .collect();
        found.sort_by(|(id_a, a), (id_b, b)| (&a.key, id_a).cmp(&(&b.key, id_b)));
        found
    }

    /// Whether none is under way.
    pub(crate) fn is_empty(&self) -> bool {
        self.open.lock().is_empty()
    }

    /// Checks the client's list of parts against what is here.
    pub(crate) fn choose(&self, key: &str, id: &str, list: &[ChosenPart]) -> BucketResult<Whole> {
        let upload = self.get(key, id)?;
        if list.is_empty() {
            return Err(BucketError::Invalid(
                "an upload is completed with at least one part".to_owned(),
            ));
        }
        if !list.is_sorted_by(|a, b| a.number < b.number) {
            return Err(BucketError::PartOrder);
        }
        let (mut parts, mut digests) = (Vec::new(), Md5::new());
        for (position, chosen) in list.iter().enumerate() {
            let invalid = || BucketError::InvalidPart(chosen.number);
            let part = upload.parts.get(&chosen.number).ok_or_else(invalid)?;
            if chosen.etag.as_ref().is_some_and(|etag| *etag != part.etag) {
                return Err(invalid());
            }
            if position + 1 < list.len() && part.stamp.size < PART_BYTES_MIN {
                return Err(BucketError::PartTooSmall(chosen.number));
            }
            digests.update(&hex::decode(&part.etag).unwrap_or_default());
            parts.push(self.dir.join(id).join(part_name(chosen.number, &part.etag)));
        }
        Ok(Whole {
            etag: format!("{}-{}", hex::encode(digests.finalize()), list.len()),
            parts,
            attributes: upload.head.attributes,
        })
    }

    /// Ends an upload and removes its parts. Blocks on the disk.
    pub(crate) fn remove(&self, key: &str, id: &str) -> BucketResult<()> {
        self.get(key, id)?;
        self.open.lock().remove(id);
        let dir = self.dir.join(id);
        // Without its head, what is left of it after a crash goes at the next start.
        remove_file(&dir.join(HEAD));
        fs::remove_dir_all(&dir).doing(|| format!("remove {}", dir.display()))
    }
}

/// Reads one upload; nothing if its beginning was never answered.
fn read_upload(dir: &Path) -> io::Result<Option<Upload>> {
    let text = match fs::read(dir.join(HEAD)) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let Ok(head) = serde_json::from_slice(&text) else {
        return Ok(None);
    };
    let mut parts = BTreeMap::new();
    for item in fs::read_dir(dir)? {
        let item = item?;
        let name = item.file_name();
        let Some((number, etag)) = name.to_str().and_then(|name| name.split_once('-')) else {
            continue;
        };
        let Ok(number) = number.parse() else { continue };
        let (etag, stamp) = (etag.to_owned(), Stamp::of(&item.metadata()?));
        parts.insert(number, Part { etag, stamp });
    }
    Ok(Some(Upload { head, parts }))
}

fn part_name(number: u16, etag: &str) -> String {
    format!("{number:05}-{etag}")
}

/// Part numbers are 1 to 10,000.
pub(crate) fn check_number(number: u16) -> BucketResult<()> {
    if (1..=PARTS_MAX).contains(&number) {
        return Ok(());
    }
    Err(BucketError::Invalid(format!(
        "part number {number} is not within 1 to {PARTS_MAX}"
    )))
}

fn no_upload(id: &str) -> BucketError {
    BucketError::NoSuchUpload(id.to_owned())
}

fn remove_file(path: &Path) {
    if let Err(error) = fs::remove_file(path) {
        tracing::warn!(path = %path.display(), %error, "cannot remove a part");
    }
}
