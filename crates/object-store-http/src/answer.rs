//! What a store's answers mean.

use http::StatusCode;
use object_store::{StoreError, StoreErrorKind};

use crate::{config::Config, request::Request, xml};

/// An answer that is not a success.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    /// `NoSuchKey`, …; empty where the answer has no body.
    pub(crate) code: String,
    pub(crate) message: String,
    /// `x-amz-bucket-region`: where the bucket really is.
    pub(crate) region: Option<String>,
    /// Which access key asked.
    key_id: String,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, body: &[u8], region: Option<String>) -> Self {
        let xml::ErrorBody { code, message } = xml::error(body).unwrap_or_default();
        Self {
            status,
            code,
            message,
            region,
            key_id: String::new(),
        }
    }

    /// With the access key that asked.
    pub(crate) fn of_key(mut self, id: &str) -> Self {
        id.clone_into(&mut self.key_id);
        self
    }

    /// Whether it is the answer to a head, which has no place for a code, or of somebody on the
    /// way to the store, who knows none. Either could mean anything.
    pub(crate) fn is_unexplained(&self) -> bool {
        self.code.is_empty() && matches!(self.status.as_u16(), 400 | 401 | 403 | 404)
    }

    /// What the caller should do. The only place that says so; its table is tested whole.
    pub(crate) fn kind(&self) -> StoreErrorKind {
        match self.code.as_str() {
            "NoSuchBucket" => return StoreErrorKind::BucketNotFound,
            "NoSuchKey" => return StoreErrorKind::NotFound,
            "InvalidAccessKeyId"
            | "SignatureDoesNotMatch"
            | "AccessDenied"
            | "ExpiredToken"
            | "InvalidToken"
            | "TokenRefreshRequired"
            | "SecurityTokenExpired"
            | "InvalidSecurityToken" => {
                return StoreErrorKind::AccessDenied;
            }
            // OSS: `x-oss-forbid-overwrite`.
            "FileAlreadyExists" | "PreconditionFailed" => {
                return StoreErrorKind::PreconditionFailed;
            }
            // Another conditional put was under way; S3 asks to try again.
            "ConditionalRequestConflict" | "OperationAborted" | "RequestTimeout" => {
                return StoreErrorKind::Unavailable;
            }
            // OSS: the last two.
            "SlowDown"
            | "TooManyRequests"
            | "RequestLimitExceeded"
            | "QpsLimitExceeded"
            | "DownloadTrafficRateLimitExceeded"
            | "UploadTrafficRateLimitExceeded" => {
                return StoreErrorKind::Throttled;
            }
            // The body is not what its checksum says. (OSS: the second.)
            "BadDigest"
            | "InvalidDigest"
            | "XAmzContentSHA256Mismatch"
            | "XAmzContentChecksumMismatch" => return StoreErrorKind::Damaged,
            "NoSuchUpload" | "InvalidPart" => return StoreErrorKind::UploadLost,
            _ => {}
        }
        match self.status.as_u16() {
            401 | 403 => StoreErrorKind::AccessDenied,
            // A proxy's, most likely. That an object is gone, only the store itself can say: a
            // file would go with it.
            404 if self.code.is_empty() => StoreErrorKind::Unavailable,
            304 | 412 => StoreErrorKind::PreconditionFailed,
            429 => StoreErrorKind::Throttled,
            408 | 425 | 500 | 502..=599 => StoreErrorKind::Unavailable,
            _ => StoreErrorKind::Other,
        }
    }

    /// As an error of `request`, with what to do about it where the answer tells.
    pub(crate) fn into_error(self, config: &Config, request: &Request) -> StoreError {
        let Request { what, key, .. } = request;
        let said = match (self.code.as_str(), self.message.as_str()) {
            ("", _) => format!("status {}", self.status.as_u16()),
            (code, "") => code.to_owned(),
            (code, message) => format!("{code}: {message}"),
        };
        let hint = self.hint(config);
        StoreError::new(self.kind(), format!("cannot {what} `{key}`: {hint}{said}"))
    }

    fn hint(&self, config: &Config) -> String {
        let Config {
            bucket,
            endpoint,
            region,
            ..
        } = config;
        let access_key_id = &self.key_id;
        match self.code.as_str() {
            "NoSuchBucket" => {
                format!("{endpoint} has no bucket `{bucket}`; create it or correct the name: ")
            }
            "InvalidAccessKeyId" => {
                format!("{endpoint} does not know access key id `{access_key_id}`; correct it: ")
            }
            "SignatureDoesNotMatch" => format!(
                "the secret does not belong to access key id `{access_key_id}`; enter it again: "
            ),
            "BadDigest"
            | "InvalidDigest"
            | "XAmzContentSHA256Mismatch"
            | "XAmzContentChecksumMismatch" => {
                "the bytes were damaged on their way and are sent again: ".to_owned()
            }
            "ExpiredToken" | "TokenRefreshRequired" | "SecurityTokenExpired" => {
                format!("the keys of `{access_key_id}` were lent and are over; enter new ones: ")
            }
            "RequestTimeTooSkewed" => {
                "the clock of this machine is wrong; set it (NTP): ".to_owned()
            }
            "AuthorizationHeaderMalformed" | "PermanentRedirect" => match &self.region {
                Some(real) if real != region => {
                    format!("bucket `{bucket}` is in region `{real}`, not `{region}`; correct it: ")
                }
                _ => format!(
                    "{endpoint} and region `{region}` do not fit the bucket; correct them: "
                ),
            },
            _ => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_has_its_kind() {
        use StoreErrorKind::{
            AccessDenied, BucketNotFound, Damaged, NotFound, Other, PreconditionFailed, Throttled,
            Unavailable, UploadLost,
        };
        for (status, code, kind) in [
            (404, "NoSuchKey", NotFound),
            (404, "NoSuchBucket", BucketNotFound),
            (404, "NoSuchUpload", UploadLost),
            (400, "InvalidPart", UploadLost),
            (400, "BadDigest", Damaged),
            (400, "InvalidDigest", Damaged),
            (400, "XAmzContentChecksumMismatch", Damaged),
            (404, "", Unavailable),
            (404, "NoSuchWebsiteConfiguration", Other),
            (403, "AccessDenied", AccessDenied),
            (403, "InvalidAccessKeyId", AccessDenied),
            (400, "ExpiredToken", AccessDenied),
            (403, "SecurityTokenExpired", AccessDenied),
            (403, "SignatureDoesNotMatch", AccessDenied),
            (403, "RequestTimeTooSkewed", AccessDenied),
            (401, "", AccessDenied),
            (412, "PreconditionFailed", PreconditionFailed),
            (412, "", PreconditionFailed),
            (304, "", PreconditionFailed),
            (409, "FileAlreadyExists", PreconditionFailed),
            (409, "ConditionalRequestConflict", Unavailable),
            (409, "OperationAborted", Unavailable),
            (409, "BucketAlreadyExists", Other),
            (400, "RequestTimeout", Unavailable),
            (400, "InvalidArgument", Other),
            (408, "", Unavailable),
            (429, "TooManyRequests", Throttled),
            (429, "", Throttled),
            (500, "InternalError", Unavailable),
            (501, "NotImplemented", Other),
            (503, "SlowDown", Throttled),
            (503, "", Unavailable),
            (504, "", Unavailable),
            (301, "PermanentRedirect", Other),
        ] {
            let body = match code {
                "" => "<html><body>What you look for is not here</body></html>".to_owned(),
                code => format!("<Error><Code>{code}</Code><Message>m</Message></Error>"),
            };
            let status = StatusCode::from_u16(status).unwrap();
            let refusal = Refusal::new(status, body.as_bytes(), None);
            assert_eq!(refusal.kind(), kind, "{status} {code}");
        }
    }
}
