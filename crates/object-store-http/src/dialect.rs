//! Where S3 and OSS say the same thing with different words.

use object_store::ETag;

/// Which words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    S3,
    Oss,
}

impl Dialect {
    /// Before the name of user metadata.
    pub(crate) const fn metadata_prefix(self) -> &'static str {
        match self {
            Self::S3 => "x-amz-meta-",
            Self::Oss => "x-oss-meta-",
        }
    }

    /// Says how the store encrypts an object, and with which key.
    pub(crate) const fn encryption(self) -> (&'static str, &'static str) {
        match self {
            Self::S3 => (
                "x-amz-server-side-encryption",
                "x-amz-server-side-encryption-aws-kms-key-id",
            ),
            Self::Oss => (
                "x-oss-server-side-encryption",
                "x-oss-server-side-encryption-key-id",
            ),
        }
    }

    /// What the key service is called there.
    pub(crate) const fn key_service(self) -> &'static str {
        match self {
            Self::S3 => "aws:kms",
            Self::Oss => "KMS",
        }
    }

    /// Names the source of a copy.
    pub(crate) const fn copy_source(self) -> &'static str {
        match self {
            Self::S3 => "x-amz-copy-source",
            Self::Oss => "x-oss-copy-source",
        }
    }

    /// The part of the source to copy.
    pub(crate) const fn copy_source_range(self) -> &'static str {
        match self {
            Self::S3 => "x-amz-copy-source-range",
            Self::Oss => "x-oss-copy-source-range",
        }
    }

    /// The version of the source to copy.
    pub(crate) const fn copy_source_if_match(self) -> &'static str {
        match self {
            Self::S3 => "x-amz-copy-source-if-match",
            Self::Oss => "x-oss-copy-source-if-match",
        }
    }

    /// Says whether a copy has attributes of its own.
    pub(crate) const fn metadata_directive(self) -> &'static str {
        match self {
            Self::S3 => "x-amz-metadata-directive",
            Self::Oss => "x-oss-metadata-directive",
        }
    }
}

/// An etag as a header has it.
pub(crate) fn quoted(etag: &ETag) -> String {
    format!("\"{}\"", etag.0)
}

/// An etag without its quotes and without the mark of a weak one.
pub(crate) fn unquoted(text: &str) -> ETag {
    ETag(text.trim_start_matches("W/").trim_matches('"').to_owned())
}
