//! Why no keys were lent, and what to do about it.

use std::time::Duration;

use http::StatusCode;
use thiserror::Error;

use crate::answer::Refusal;

/// What the caller should do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StsErrorKind {
    /// Somebody has to change keys, role or settings.
    Refused,
    /// It may pass.
    Unavailable,
}

/// Why no keys were lent.
#[derive(Debug, Error)]
pub enum StsError {
    /// No connection, or it broke.
    #[error("{endpoint} cannot be reached; check the STS endpoint and the way to it: {reason}")]
    Unreachable {
        /// Who was asked.
        endpoint: String,
        /// The innermost cause.
        reason: String,
    },
    /// No answer in time.
    #[error("{endpoint} did not answer within {after:?}")]
    Silent {
        /// Who was asked.
        endpoint: String,
        /// How long it had.
        after: Duration,
    },
    /// It says no.
    #[error("{endpoint} lends no keys: {hint}{said}")]
    Refused {
        /// Who was asked.
        endpoint: String,
        /// What to do, where the code tells.
        hint: String,
        /// Its own code and sentence.
        said: String,
        /// Whether it may say something else later.
        kind: StsErrorKind,
    },
    /// Its answer is not one.
    #[error("the answer of {endpoint} cannot be read ({reason}); check the STS endpoint")]
    Unreadable {
        /// Who was asked.
        endpoint: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Two clocks differ by more than the keys are good for.
    #[error("the keys of {endpoint} were over when they came; set the clock of this machine (NTP)")]
    Over {
        /// Who was asked.
        endpoint: String,
    },
    /// Nothing can be asked with these settings.
    #[error("no request to {endpoint} can be made: {reason}")]
    Unsendable {
        /// Who was to be asked.
        endpoint: String,
        /// Why.
        reason: String,
    },
}

impl StsError {
    /// What the caller should do.
    #[must_use]
    pub const fn kind(&self) -> StsErrorKind {
        match self {
            Self::Unreachable { .. } | Self::Silent { .. } => StsErrorKind::Unavailable,
            Self::Refused { kind, .. } => *kind,
            Self::Unreadable { .. } | Self::Over { .. } | Self::Unsendable { .. } => {
                StsErrorKind::Refused
            }
        }
    }

    pub(crate) fn refused(endpoint: &str, status: StatusCode, said: Refusal, key: &str) -> Self {
        let Refusal { code, message } = said;
        Self::Refused {
            endpoint: endpoint.to_owned(),
            hint: hint(&code, key),
            kind: kind(status, &code),
            said: match (code.as_str(), message.as_str()) {
                ("", _) => format!("status {}", status.as_u16()),
                (_, "") => code,
                (_, _) => format!("{code}: {message}"),
            },
        }
    }
}

fn kind(status: StatusCode, code: &str) -> StsErrorKind {
    let is_busy = code.starts_with("Throttling") || code == "ServiceUnavailable";
    match status.as_u16() {
        408 | 429 | 500..=599 => StsErrorKind::Unavailable,
        _ if is_busy => StsErrorKind::Unavailable,
        _ => StsErrorKind::Refused,
    }
}

/// Codes of both providers.
fn hint(code: &str, key: &str) -> String {
    match code {
        "InvalidAccessKeyId" | "InvalidAccessKeyId.NotFound" | "InvalidClientTokenId" => {
            format!("it does not know access key id `{key}`; correct it: ")
        }
        "SignatureDoesNotMatch" | "IncompleteSignature" => {
            format!("the secret does not belong to access key id `{key}`; enter it again: ")
        }
        "AccessDenied" | "NoPermission" => format!(
            "the user of access key id `{key}` needs the right to assume the role \
             (sts:AssumeRole), and the role's trust policy must name that user: "
        ),
        "EntityNotExist.Role" | "NoSuchEntity" => {
            "there is no such role; correct its ARN: ".to_owned()
        }
        "RequestExpired" | "RequestTimeTooSkewed" | "InvalidTimeStamp.Expired" => {
            "the clock of this machine is wrong; set it (NTP): ".to_owned()
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_what_to_do_in_the_provider_s_words_and_ours() {
        for (status, code, kind, says) in [
            (403, "AccessDenied", StsErrorKind::Refused, "sts:AssumeRole"),
            (403, "NoPermission", StsErrorKind::Refused, "trust policy"),
            (
                404,
                "EntityNotExist.Role",
                StsErrorKind::Refused,
                "correct its ARN",
            ),
            (
                403,
                "SignatureDoesNotMatch",
                StsErrorKind::Refused,
                "enter it again",
            ),
            (
                404,
                "InvalidAccessKeyId.NotFound",
                StsErrorKind::Refused,
                "`AK`",
            ),
            (403, "InvalidClientTokenId", StsErrorKind::Refused, "`AK`"),
            (
                400,
                "Throttling.User",
                StsErrorKind::Unavailable,
                "Throttling.User: m",
            ),
            (
                400,
                "ValidationError",
                StsErrorKind::Refused,
                "ValidationError: m",
            ),
            (503, "", StsErrorKind::Unavailable, "status 503"),
        ] {
            let said = Refusal {
                code: code.into(),
                message: "m".into(),
            };
            let status = StatusCode::from_u16(status).unwrap();
            let error = StsError::refused("https://sts", status, said, "AK");
            assert_eq!(error.kind(), kind, "{code}");
            assert!(error.to_string().contains(says), "{error}");
        }
    }
}
