//! From what a client shows to a client that may connect.
//!
//! | user name | password |
//! |---|---|
//! | `Signature\|<access key id>\|<instance>` | `base64(HMAC-SHA1(secret, client ID))` |
//! | `DeviceCredential\|<access key id>\|<instance>` | the same, by the device's own secret |
//! | `Token\|<access key id>\|<instance>` | `R\|<token>`, `W\|<token>`, `RW\|<token>`, joined by `\|` |
//! | none | none, but a client certificate whose common name is the client or device ID |

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use model::{ClientId, ClientIdError, Timestamp};
use mqtt_codec::{Connect, ReasonCode};
use thiserror::Error;

use crate::{
    client_certificate::ClientCertificate,
    limits::TOKENS_MAX,
    registry::{
        Registry,
        certificates::CertificateFault,
        credentials::{CredentialError, Entry},
        rules::Refusal,
        tokens::TokenFault,
    },
    rights::{HeldToken, Rights, TokenKind},
};

/// Who a client has proved to be.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) client_id: ClientId,
    /// The id of a device credential, `key/<access key id>`, or `x509/<authority>/<serial>`.
    pub(crate) credential: Arc<str>,
    /// Its rights, if they are less than those of its group.
    pub(crate) rights: Option<Box<Rights>>,
}

/// Why a client may not connect.
#[derive(Debug, Error)]
pub(crate) enum AuthenticationError {
    #[error("{0}")]
    ClientId(#[from] ClientIdError),
    #[error("{0}")]
    Group(#[from] Refusal),
    #[error("this client is blocked by an administrator")]
    Blocked,
    #[error("user name must read Signature, Token or DeviceCredential|<access key id>|<instance>")]
    UserName,
    #[error("user name names another instance than the one that this broker serves")]
    Instance,
    #[error(
        "this credential does not exist for this client: it was never registered, or was used up or withdrawn"
    )]
    Unknown,
    #[error("this credential expired at {0}")]
    Expired(Timestamp),
    #[error("the password is not the signature of this client ID by this credential")]
    Signature,
    #[error("the password must read R|<token>, W|<token> or RW|<token>, joined by |")]
    TokenPassword,
    #[error("{0}")]
    Token(#[from] TokenFault),
    #[error("the token belongs to another access key than the user name says")]
    TokenKey,
    #[error("{0}")]
    Certificate(#[from] CertificateFault),
}

impl AuthenticationError {
    pub(crate) const fn reason(&self) -> ReasonCode {
        match self {
            Self::ClientId(_) => ReasonCode::ClientIdentifierNotValid,
            Self::UserName
            | Self::Instance
            | Self::Signature
            | Self::TokenPassword
            | Self::TokenKey => ReasonCode::BadUserNameOrPassword,
            Self::Blocked => ReasonCode::Banned,
            Self::Group(_)
            | Self::Unknown
            | Self::Expired(_)
            | Self::Token(_)
            | Self::Certificate(_) => ReasonCode::NotAuthorized,
        }
    }
}

/// What a broker knows that matters here.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Judge<'j> {
    pub(crate) registry: &'j Registry,
    pub(crate) instance: &'j str,
    /// Shown and verified at the TLS handshake.
    pub(crate) certificate: Option<&'j ClientCertificate>,
}

pub(crate) fn authenticate(
    connect: &Connect<'_>,
    judge: Judge<'_>,
) -> Result<Identity, AuthenticationError> {
    let client_id: ClientId = connect.client_id.parse()?;
    judge.registry.rules().check_group(client_id.group())?;
    let (entry, tokens) = match (connect.user_name, judge.certificate) {
        (None, Some(certificate)) => {
            let entry = judge.registry.check_certificate(&client_id, certificate)?;
            (entry, None)
        }
        (user_name, _) => by_password(connect, &client_id, user_name, judge)?,
    };
    // Last, so that nobody learns who is blocked without being that client.
    if judge.registry.is_blocked(&client_id) {
        return Err(AuthenticationError::Blocked);
    }
    let standing = entry.rights.map(Rights::Standing);
    Ok(Identity {
        client_id,
        credential: entry.credential,
        rights: tokens.or(standing).map(Box::new),
    })
}

fn by_password(
    connect: &Connect<'_>,
    client_id: &ClientId,
    user_name: Option<&str>,
    judge: Judge<'_>,
) -> Result<(Entry, Option<Rights>), AuthenticationError> {
    let mut parts = user_name.unwrap_or_default().splitn(3, '|');
    let (Some(mode), Some(id), Some(of_instance)) = (parts.next(), parts.next(), parts.next())
    else {
        return Err(AuthenticationError::UserName);
    };
    if of_instance != judge.instance {
        return Err(AuthenticationError::Instance);
    }
    let password = connect.password.unwrap_or_default();
    // What is not base64 is no signature; it goes the same way as a wrong one.
    let signature = || STANDARD.decode(password).unwrap_or_default();
    let registry = judge.registry;
    let entry = match mode {
        "DeviceCredential" => registry.check_signature(client_id, id, &signature()),
        "Signature" => registry.check_key_signature(client_id, id, &signature()),
        "Token" => {
            let tokens = tokens_of(password, id, registry)?;
            let credential = format!("key/{id}").into();
            let entry = Entry {
                credential,
                rights: None,
            };
            return Ok((entry, Some(Rights::Tokens(tokens))));
        }
        _ => return Err(AuthenticationError::UserName),
    };
    match entry {
        Ok(entry) => Ok((entry, None)),
        Err(CredentialError::Unknown) => Err(AuthenticationError::Unknown),
        Err(CredentialError::Expired(at)) => Err(AuthenticationError::Expired(at)),
        Err(CredentialError::Signature) => Err(AuthenticationError::Signature),
    }
}

/// The tokens of a password, all of which must be good.
fn tokens_of(
    password: &[u8],
    access_key_id: &str,
    registry: &Registry,
) -> Result<Vec<HeldToken>, AuthenticationError> {
    let text = std::str::from_utf8(password).or(Err(AuthenticationError::TokenPassword))?;
    let parts: Vec<&str> = text.split('|').collect();
    let (pairs, []) = parts.as_chunks::<2>() else {
        return Err(AuthenticationError::TokenPassword);
    };
    if pairs.len() > TOKENS_MAX {
        return Err(AuthenticationError::TokenPassword);
    }
    let mut held = Vec::with_capacity(pairs.len());
    for [kind, text] in pairs {
        let kind = TokenKind::parse(kind).ok_or(AuthenticationError::TokenPassword)?;
        let token = HeldToken::new(registry.check_token(text)?, kind)?;
        if token.key() != access_key_id {
            return Err(AuthenticationError::TokenKey);
        }
        held.push(token);
    }
    Ok(held)
}
