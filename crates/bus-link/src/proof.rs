//! Proof that an end knows the secret, bound to the TLS connection it is given in.

use hmac::{Hmac, Mac as _};
use model::Secret;
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

/// Random bytes of each end, and key material that only the two ends of this connection have
/// (RFC 5705): a man in the middle, certificate and all, cannot pass a proof on.
#[derive(Debug)]
pub(crate) struct Challenge {
    pub(crate) broker_nonce: String,
    pub(crate) console_nonce: String,
    pub(crate) binding: [u8; 32],
}

/// Whose proof it is; so that none can be sent back to its maker.
#[derive(Clone, Copy, Debug)]
pub(crate) enum End {
    Broker,
    Console,
}

impl Challenge {
    /// The proof of one end, in hexadecimal.
    pub(crate) fn proof(&self, end: End, secret: &Secret) -> String {
        let mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes());
        let mut mac = mac.expect("HMAC takes keys of any length");
        let end: &[u8] = match end {
            End::Broker => b"causeway bus link, broker",
            End::Console => b"causeway bus link, console",
        };
        for part in [
            end,
            self.broker_nonce.as_bytes(),
            self.console_nonce.as_bytes(),
            &self.binding,
        ] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        hex::encode(mac.finalize().into_bytes())
    }

    /// Whether `proof` is the other end's.
    pub(crate) fn holds(&self, end: End, secret: &Secret, proof: &str) -> bool {
        let own = self.proof(end, secret);
        own.as_bytes().ct_eq(proof.as_bytes()).into()
    }
}

/// Random bytes, in hexadecimal.
pub(crate) fn nonce() -> std::io::Result<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
    Ok(hex::encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_fits_one_end_one_secret_and_one_connection() {
        let challenge = |binding| Challenge {
            broker_nonce: "b".into(),
            console_nonce: "c".into(),
            binding: [binding; 32],
        };
        let secret = Secret::new("s");
        let proof = challenge(1).proof(End::Console, &secret);
        assert!(challenge(1).holds(End::Console, &secret, &proof));
        assert!(!challenge(1).holds(End::Broker, &secret, &proof));
        assert!(!challenge(2).holds(End::Console, &secret, &proof));
        assert!(!challenge(1).holds(End::Console, &Secret::new("t"), &proof));
        assert!(!challenge(1).holds(End::Console, &secret, ""));
    }
}
