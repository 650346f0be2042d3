//! What operators ask of a running share, as JSON.

use model::{ErrorCode, Failure, QueueItem, ShareAction, ShareCheck};
use object_fs::ObjectFs;
use serde::Serialize;
use serde_json::{Value, json};
use vfs::{ErrorKind, VfsError};

/// Findings in one answer: it must fit into a message.
const FINDINGS_MAX: usize = 100;
/// Names in one answer.
const LOST_MAX: usize = 100;
/// Pieces of a queue in one answer …
const QUEUE_MAX: usize = 100;
/// … unless said otherwise.
const QUEUE_DEFAULT: usize = 50;
/// Bytes of an error in a line of a queue.
const REASON_LEN_MAX: usize = 200;

/// Does it.
pub(super) async fn act(fs: &ObjectFs, action: &ShareAction) -> Result<Value, Failure> {
    match action {
        ShareAction::Check(check) => {
            let report = fs.check(check.data).await.map_err(|e| failure(&e))?;
            answer(&shortened(report))
        }
        ShareAction::Pin(at) => {
            fs.pin(&at.path).await.map_err(|e| failure(&e))?;
            Ok(json!({}))
        }
        ShareAction::Unpin(at) => {
            let was_pinned = fs.unpin(&at.path).await.map_err(|e| failure(&e))?;
            Ok(json!({ "was_pinned": was_pinned }))
        }
        ShareAction::Prefetch(at) => {
            fs.prefetch(&at.path).await.map_err(|e| failure(&e))?;
            Ok(json!({}))
        }
        ShareAction::Evict(at) => {
            let summary = fs.evict(&at.path).await.map_err(|e| failure(&e))?;
            Ok(json!({
                "files": summary.files,
                "bytes": summary.bytes,
                "dirty": summary.dirty,
                "pinned": summary.pinned,
            }))
        }
        ShareAction::FileStatus(at) => {
            answer(&fs.file_status(&at.path).await.map_err(|e| failure(&e))?)
        }
        ShareAction::Queue(queue) => {
            let limit = queue.limit.unwrap_or(QUEUE_DEFAULT).min(QUEUE_MAX);
            let items: Vec<QueueItem> = fs.queue_items(limit).into_iter().map(brief).collect();
            Ok(json!({ "items": items }))
        }
    }
}

fn answer(value: &impl Serialize) -> Result<Value, Failure> {
    serde_json::to_value(value).map_err(|e| Failure::new(ErrorCode::Internal, e.to_string()))
}

pub(super) fn shortened(mut report: ShareCheck) -> ShareCheck {
    report.findings.truncate(FINDINGS_MAX);
    report.lost.truncate(LOST_MAX);
    report
}

fn brief(mut item: QueueItem) -> QueueItem {
    if let Some(error) = &mut item.error {
        let mut end = error.len().min(REASON_LEN_MAX);
        while !error.is_char_boundary(end) {
            end -= 1;
        }
        error.truncate(end);
    }
    item
}

/// Failures of the file system in the operator's words.
fn failure(error: &VfsError) -> Failure {
    let code = match error.kind() {
        ErrorKind::NotFound | ErrorKind::Stale => ErrorCode::NotFound,
        ErrorKind::Unavailable => ErrorCode::Busy,
        ErrorKind::NoSpace => ErrorCode::CacheDiskFull,
        ErrorKind::Io => ErrorCode::Internal,
        ErrorKind::NotPermitted
        | ErrorKind::AccessDenied
        | ErrorKind::Exists
        | ErrorKind::NotDirectory
        | ErrorKind::IsDirectory
        | ErrorKind::Invalid
        | ErrorKind::TooBig
        | ErrorKind::ReadOnly
        | ErrorKind::NameTooLong
        | ErrorKind::NotEmpty
        | ErrorKind::NotSupported
        | ErrorKind::NotSync => ErrorCode::InvalidArgument,
    };
    Failure::new(code, error.to_string())
}
