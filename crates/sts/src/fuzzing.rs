//! A door for fuzz targets: answers of a service.

use crate::answer::{Dialect, keys, refusal};

/// Reads `body` as each document that a service may answer with.
///
/// # Panics
/// What was read could not be sent on.
pub fn read_answer(body: &[u8]) {
    for dialect in [Dialect::Alibaba, Dialect::Aws] {
        let said = refusal(dialect, body);
        assert!(!said.code.contains('\n') && !said.message.contains('\n'));
        if let Ok(keys) = keys(dialect, body) {
            let token = keys.session_token.expose();
            assert!(!token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic()));
        }
    }
}

#[cfg(test)]
mod tests {
    use testkit::Noise;

    use super::*;

    #[test]
    fn answers_of_any_bytes_are_read_or_refused() {
        Noise::like_seeds_of("sts_answer").play(2_000, read_answer);
    }
}
