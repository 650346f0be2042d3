//! Text that an operator pastes as an activation bundle: what opens can be sealed and opened
//! again.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use model::{ActivationBundle, BUNDLE_PREFIX, Timestamp};

fn check_text(text: &str) {
    let open = |text: &str| ActivationBundle::open(text, Timestamp::default(), |_, _, _| true);
    if let Ok(bundle) = open(text) {
        assert_eq!(open(&bundle.seal(<[u8]>::to_vec)), Ok(bundle));
    }
}

/// Does all that with some bytes.
///
/// # Panics
/// A finding.
pub fn check(input: &[u8]) {
    if let Ok(text) = std::str::from_utf8(input) {
        check_text(text);
    }
    let json = URL_SAFE_NO_PAD.encode(input);
    check_text(&format!("{BUNDLE_PREFIX}.{json}.AAAA"));
}
