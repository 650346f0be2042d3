//! What a share needs and its gateway does not know.

use model::{ErrorCode, Failure, GatewayStatus, ShareSettings};

/// What is missing, if the gateway has told what it knows. One that has not is safe, too: it cannot
/// read an intent with such a share (`model::guarded_shares`).
pub(crate) fn missing(settings: &ShareSettings, status: Option<&GatewayStatus>) -> Option<Failure> {
    let status = status?;
    let knows = |word: &str| status.features.iter().any(|feature| feature == word);
    let mut needs = settings.needs().into_iter();
    let missing = needs.find(|feature| !knows(feature.as_str()))?;
    let text = format!(
        "gateway {} runs version {}, which does not know `{}`; upgrade it first. Until then it keeps \
         the settings it has",
        status.gateway,
        status.software_version,
        missing.as_str()
    );
    Some(Failure::new(ErrorCode::InvalidArgument, text))
}
