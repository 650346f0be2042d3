//! `$SYS` topics of tokens: what a client uploads, and what it is told.

use model::Timestamp;
use mqtt_codec::{Delivery, Properties, Publish, ReasonCode, publish_len};
use serde::Deserialize;

use super::{Context, End, Live, Output, Request};
use crate::{
    registry::tokens::TokenFault,
    rights::{self, Act, Denial, HeldToken, InvalidToken, TokenKind},
};

/// Where a client publishes a token before it uses what the token is for.
pub(super) const UPLOAD: &str = "$SYS/uploadToken";
/// Where a client is told that a token ends soon.
pub(crate) const EXPIRE_NOTICE: &str = "$SYS/tokenExpireNotice";
const INVALID_NOTICE: &str = "$SYS/tokenInvalidNotice";

#[derive(Deserialize)]
struct Upload {
    token: String,
    r#type: String,
}

pub(crate) fn expire_notice(expires_at: Timestamp, kind: TokenKind) -> String {
    let (at, kind) = (expires_at.as_millis(), kind.text());
    format!(r#"{{"expireTime":{at},"type":"{kind}"}}"#)
}

/// Writes why a token is worth nothing: the last that its client gets.
pub(super) fn put_invalid_notice(live: &Live, invalid: InvalidToken, out: &mut Output) {
    let (code, kind) = (invalid.fault.code(), invalid.kind.text());
    let payload = format!(r#"{{"code":{code},"type":"{kind}"}}"#);
    let notice = Publish {
        delivery: Delivery::AtMostOnce,
        retain: false,
        topic: INVALID_NOTICE,
        properties: Properties::NONE,
        payload: payload.as_bytes(),
    };
    if publish_len(&notice, Properties::NONE, live.version) <= live.packet_len_max() {
        out.put_publish(&notice, Properties::NONE, live.version)
            .expect("a notice is short");
    }
}

impl Live {
    /// Takes a token; a bad one ends the connection, after a notice.
    pub(super) fn upload_token<'a>(
        &mut self,
        publish: &Publish<'_>,
        context: &Context<'_>,
        out: &mut Output,
    ) -> Result<Request<'a>, End> {
        let refused = |text: &str| End::refused(ReasonCode::NotAuthorized, text);
        let delivery = publish.delivery;
        if let Delivery::ExactlyOnce { .. } = delivery {
            return Err(refused("a token is uploaded with QoS 1"));
        }
        let tokens = self
            .rights
            .as_deref_mut()
            .and_then(|rights| rights.tokens());
        let Some(tokens) = tokens else {
            return Err(refused(
                "only a client that came with a token may upload one",
            ));
        };
        let token = read(publish.payload, context).map_err(End::TokenInvalid)?;
        let kind = token.kind();
        if tokens.first().is_some_and(|held| held.key() != token.key()) {
            let fault = TokenFault::Account;
            return Err(End::TokenInvalid(InvalidToken { fault, kind }));
        }
        if !rights::add(tokens, token) {
            return Err(refused(
                "the client has too many tokens that do not cover each other",
            ));
        }
        self.acknowledge(delivery, ReasonCode::Success, "", out)?;
        Ok(Request::TokensChanged)
    }

    /// Whether the rights of this connection allow it.
    pub(super) fn check_rights(&self, act: Act, filter: &str) -> Result<(), Denial> {
        match &self.rights {
            Some(rights) => rights.check(act, filter),
            None => Ok(()),
        }
    }
}

fn read(payload: &[u8], context: &Context<'_>) -> Result<HeldToken, InvalidToken> {
    let invalid = |kind| move |fault| InvalidToken { fault, kind };
    let unreadable = invalid(TokenKind::ReadWrite)(TokenFault::Forged);
    let upload: Upload = serde_json::from_slice(payload).or(Err(unreadable))?;
    let kind = TokenKind::parse(&upload.r#type).ok_or(unreadable)?;
    let token = context
        .registry
        .check_token(&upload.token)
        .map_err(invalid(kind))?;
    HeldToken::new(token, kind).map_err(invalid(kind))
}
