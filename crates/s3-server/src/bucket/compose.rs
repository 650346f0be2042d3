//! Objects made of what is here already: copies and completed uploads. No bytes pass through
//! this process where the file system can copy by itself.

use std::fs::File;

use super::Bucket;
use crate::{
    condition::WriteCondition,
    entry::{Attributes, Entry},
    error::{BucketResult, Doing as _},
    incoming::Arrived,
    uploads::ChosenPart,
};

impl Bucket {
    /// Copies an open object to `key`. The etag stays: it names content. Blocks on the disk.
    pub(crate) fn copy(
        &self,
        key: &str,
        (source, mut bytes): (Entry, File),
        attributes: Attributes,
        condition: &WriteCondition,
    ) -> BucketResult<Entry> {
        condition.check(self.index.read().get(key))?;
        let arrived = Arrived::written(&self.dirs.temp(), source.etag, |file| {
            std::io::copy(&mut bytes, file).doing(|| format!("copy to `{key}`"))?;
            Ok(())
        })?;
        self.put(key, arrived, attributes, condition)
    }

    /// Makes the parts of an upload one object, and ends the upload. Blocks on the disk.
    pub(crate) fn complete(
        &self,
        key: &str,
        upload_id: &str,
        parts: &[ChosenPart],
        condition: &WriteCondition,
    ) -> BucketResult<Entry> {
        // Before the copying, which may be long; and again at the put.
        condition.check(self.index.read().get(key))?;
        let whole = self.uploads.choose(key, upload_id, parts)?;
        let arrived = Arrived::written(&self.dirs.temp(), whole.etag, |file| {
            for path in &whole.parts {
                let mut part = File::open(path).doing(|| format!("open {}", path.display()))?;
                std::io::copy(&mut part, file).doing(|| format!("copy {}", path.display()))?;
            }
            Ok(())
        })?;
        let entry = self.put(key, arrived, whole.attributes, condition)?;
        self.uploads.remove(key, upload_id)?;
        Ok(entry)
    }
}
