//! What one connection may do, where that is less than its group may.

use std::sync::Arc;

use message_bus::admin::{Access, TopicRights};
use model::Timestamp;

use crate::{
    limits::{TOKEN_NOTICE, TOKENS_MAX},
    registry::{
        rights::covers,
        tokens::{Token, TokenFault},
    },
};

/// Rights of a connection.
#[derive(Debug)]
pub(crate) enum Rights {
    /// Those of its credential.
    Standing(Arc<TopicRights>),
    /// Those of tokens, which end.
    Tokens(Vec<HeldToken>),
}

/// What is about to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Publish,
    Subscribe,
}

/// Why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Denial {
    /// The credential does not allow it.
    Standing(String),
    /// No token allows it: the client must come again with a better one.
    Token(InvalidToken),
}

/// A token that is worth nothing, or not enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InvalidToken {
    pub(crate) fault: TokenFault,
    pub(crate) kind: TokenKind,
}

/// As what a client presents a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenKind {
    Read,
    Write,
    ReadWrite,
}

impl TokenKind {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "R" => Some(Self::Read),
            "W" => Some(Self::Write),
            "RW" => Some(Self::ReadWrite),
            _ => None,
        }
    }

    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Read => "R",
            Self::Write => "W",
            Self::ReadWrite => "RW",
        }
    }

    const fn access(self) -> Access {
        match self {
            Self::Read => Access::Subscribe,
            Self::Write => Access::Publish,
            Self::ReadWrite => Access::PublishAndSubscribe,
        }
    }
}

/// A token that its client has presented.
#[derive(Debug)]
pub(crate) struct HeldToken {
    token: Token,
    kind: TokenKind,
    /// Whether the client was told that it ends.
    noticed: bool,
}

impl HeldToken {
    pub(crate) fn new(token: Token, kind: TokenKind) -> Result<Self, TokenFault> {
        if !token.rights.access.includes(kind.access()) {
            return Err(TokenFault::Permission);
        }
        Ok(Self {
            token,
            kind,
            noticed: false,
        })
    }

    pub(crate) fn key(&self) -> &str {
        &self.token.key
    }

    pub(crate) const fn kind(&self) -> TokenKind {
        self.kind
    }

    /// Whether everything that `other` allows is allowed.
    fn supersedes(&self, other: &Self) -> bool {
        let covered = |resource: &String| covers(&self.token.rights, resource);
        self.kind.access().includes(other.kind.access())
            && self.token.expires_at >= other.token.expires_at
            && other.token.rights.resources.iter().all(covered)
    }

    fn notice_at(&self) -> Timestamp {
        let early = u64::try_from(TOKEN_NOTICE.as_millis()).unwrap_or(u64::MAX);
        Timestamp::from_millis(self.token.expires_at.as_millis().saturating_sub(early))
    }

    fn next_at(&self) -> Timestamp {
        if self.noticed {
            self.token.expires_at
        } else {
            self.notice_at()
        }
    }

    const fn invalid(&self, fault: TokenFault) -> InvalidToken {
        let kind = self.kind;
        InvalidToken { fault, kind }
    }
}

impl Rights {
    /// Whether `act` is allowed on `filter`, which may be a topic.
    pub(crate) fn check(&self, act: Act, filter: &str) -> Result<(), Denial> {
        let allows = |access: Access| match act {
            Act::Publish => access.publish(),
            Act::Subscribe => access.subscribe(),
        };
        match self {
            Self::Standing(rights) if allows(rights.access) && covers(rights, filter) => Ok(()),
            Self::Standing(_) => Err(Denial::Standing(format!(
                "this credential does not allow this on `{filter}`"
            ))),
            Self::Tokens(tokens) => {
                let mut fit = tokens.iter().filter(|t| covers(&t.token.rights, filter));
                if fit.any(|t| allows(t.kind.access())) {
                    return Ok(());
                }
                let fits = tokens.iter().any(|t| covers(&t.token.rights, filter));
                let fault = if fits {
                    TokenFault::Permission
                } else {
                    TokenFault::Resource
                };
                let kind = tokens.first().map_or(TokenKind::ReadWrite, |t| t.kind);
                Err(Denial::Token(InvalidToken { fault, kind }))
            }
        }
    }

    /// The tokens, if that is what the rights come from.
    pub(crate) const fn tokens(&mut self) -> Option<&mut Vec<HeldToken>> {
        match self {
            Self::Tokens(tokens) => Some(tokens),
            Self::Standing(_) => None,
        }
    }

    /// When something must be done about a token next.
    pub(crate) fn next_at(&self) -> Option<Timestamp> {
        match self {
            Self::Tokens(tokens) => tokens.iter().map(HeldToken::next_at).min(),
            Self::Standing(_) => None,
        }
    }

    /// The tokens that end soon, of which the client has not been told, with their kinds; told
    /// from now on.
    pub(crate) fn notices(&mut self, now: Timestamp) -> Vec<(Timestamp, TokenKind)> {
        let tokens = self.tokens().into_iter().flatten();
        let due = tokens.filter(|t| !t.noticed && t.notice_at() <= now);
        due.map(|t| {
            t.noticed = true;
            (t.token.expires_at, t.kind)
        })
        .collect()
    }

    /// A token that has ended.
    pub(crate) fn ended(&self, now: Timestamp) -> Option<InvalidToken> {
        self.first(|t| t.token.expires_at <= now)
            .map(|t| t.invalid(TokenFault::Expired))
    }

    /// The token with this id.
    pub(crate) fn revoked(&self, id: &str) -> Option<InvalidToken> {
        self.first(|t| t.token.id == id)
            .map(|t| t.invalid(TokenFault::Revoked))
    }

    fn first(&self, wanted: impl Fn(&HeldToken) -> bool) -> Option<&HeldToken> {
        match self {
            Self::Tokens(tokens) => tokens.iter().find(|t| wanted(t)),
            Self::Standing(_) => None,
        }
    }
}

/// Adds a token in place of those that it makes superfluous; `false` if there are too many.
pub(crate) fn add(tokens: &mut Vec<HeldToken>, token: HeldToken) -> bool {
    tokens.retain(|held| !token.supersedes(held));
    if tokens.len() >= TOKENS_MAX {
        return false;
    }
    tokens.push(token);
    true
}
