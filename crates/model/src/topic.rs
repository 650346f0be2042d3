//! Topic names and filters of the message queue.

use std::{borrow::Cow, fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{
    ClientId, ClientIdError,
    client_id::{is_name, is_name_byte, text_type},
};

/// Length of a whole topic (without a P2P tail), set by the queue's rules.
pub const TOPIC_LEN_MAX: usize = 64;
const TOPIC_LEN_MIN: usize = 3;
/// The second level of topics of one client.
const P2P: &str = "/p2p";
/// First level of the topics on which a broker tells of itself. Like a parent topic it is created
/// and granted, but to subscribe only: no topic that a client may publish on begins so.
pub const STATISTICS: &str = "$SYS";

/// Why a topic name or filter is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TopicError {
    /// Too short or too long.
    #[error("topic has {len} characters; {TOPIC_LEN_MIN} to {TOPIC_LEN_MAX} are allowed")]
    Length {
        /// Its length in bytes, without a P2P tail.
        len: usize,
    },
    /// A character outside the rule, or an empty level.
    #[error(
        "topic `{0}` may hold letters, digits, `-`, `_` and `/` between levels that are not empty"
    )]
    BadCharacter(String),
    /// `p2p` is reserved as the second level.
    #[error("`p2p` as second level of `{0}` must be followed by exactly one client ID")]
    BadP2p(String),
    /// The client ID behind `/p2p/` breaks its own rule.
    #[error("P2P target: {0}")]
    BadTarget(#[from] ClientIdError),
    /// A wildcard in the first level, or not alone in its level.
    #[error(
        "filter `{0}` must name its parent topic; `+` and `#` stand alone in a later level, `#` last"
    )]
    BadWildcard(String),
}

/// First level of a topic, created by an operator.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ParentTopic(Box<str>);
text_type!(ParentTopic);

impl ParentTopic {
    fn check(text: &str) -> Result<(), TopicError> {
        check_len(text)?;
        if is_name(text) {
            Ok(())
        } else {
            Err(TopicError::BadCharacter(text.to_owned()))
        }
    }
}

impl FromStr for ParentTopic {
    type Err = TopicError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text != STATISTICS {
            Self::check(text)?;
        }
        Ok(Self(text.into()))
    }
}

/// A topic name: something can be published to it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Topic(Box<str>);
text_type!(Topic);

/// Where a message to a topic goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination<'a> {
    /// To whoever subscribes.
    Subscribers,
    /// To one client, which needs no subscription.
    Client(&'a str),
}

impl Topic {
    /// `<parent>/p2p/<client ID>`.
    #[must_use]
    pub fn p2p(parent: &ParentTopic, client: &ClientId) -> Self {
        Self(format!("{parent}{P2P}/{client}").into())
    }

    /// The first level.
    #[must_use]
    pub fn parent(&self) -> &str {
        Parts::of(&self.0).parent(&self.0)
    }

    /// Where a message to this topic goes.
    #[must_use]
    pub fn destination(&self) -> Destination<'_> {
        Parts::of(&self.0).destination(&self.0)
    }

    /// The same, without a copy.
    #[must_use]
    pub fn name(&self) -> TopicName<'_> {
        TopicName {
            text: Cow::Borrowed(&self.0),
            parts: Parts::of(&self.0),
        }
    }
}

impl FromStr for Topic {
    type Err = TopicError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        check_topic(text)?;
        Ok(Self(text.into()))
    }
}

/// A [`Topic`] whose text may be in the packet that it came in: a message that is passed on at
/// once needs no copy of it. Its parts are known, as each of them is asked for more than once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicName<'a> {
    text: Cow<'a, str>,
    parts: Parts,
}

/// Where the parts of a topic are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Parts {
    parent_len: usize,
    /// Where a client ID begins, which may be empty.
    target_at: Option<usize>,
}

impl Parts {
    /// Byte by byte, as the texts are too short for a search to pay.
    fn of(text: &str) -> Self {
        let at = text.bytes().position(|byte| byte == b'/');
        let parent_len = at.unwrap_or(text.len());
        let behind = text.get(parent_len..).unwrap_or_default();
        let target_at = match behind.strip_prefix(P2P) {
            Some("") => Some(text.len()),
            Some(tail) if tail.starts_with('/') => Some(parent_len + P2P.len() + 1),
            _ => None,
        };
        Self {
            parent_len,
            target_at,
        }
    }

    fn parent(self, text: &str) -> &str {
        text.get(..self.parent_len).unwrap_or_default()
    }

    fn target(self, text: &str) -> Option<&str> {
        self.target_at.and_then(|at| text.get(at..))
    }

    fn destination(self, text: &str) -> Destination<'_> {
        self.target(text)
            .map_or(Destination::Subscribers, Destination::Client)
    }
}

impl<'a> TopicName<'a> {
    /// Checks `text` as a [`Topic`] is.
    ///
    /// # Errors
    /// Which rule it breaks.
    pub fn new(text: impl Into<Cow<'a, str>>) -> Result<Self, TopicError> {
        let text = text.into();
        let parts = check_topic(&text)?;
        Ok(Self { text, parts })
    }

    /// The text itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The same, if it is in the packet that it came in.
    #[must_use]
    pub const fn borrowed(&self) -> Option<&'a str> {
        match self.text {
            Cow::Borrowed(text) => Some(text),
            Cow::Owned(_) => None,
        }
    }

    /// The first level.
    #[must_use]
    pub fn parent(&self) -> &str {
        self.parts.parent(&self.text)
    }

    /// Where a message to this topic goes.
    #[must_use]
    pub fn destination(&self) -> Destination<'_> {
        self.parts.destination(&self.text)
    }

    /// One that may be kept.
    #[must_use]
    pub fn to_topic(&self) -> Topic {
        Topic((*self.text).into())
    }
}

fn check_topic(text: &str) -> Result<Parts, TopicError> {
    let parts = Parts::of(text);
    if let Some(target) = parts.target(text) {
        ParentTopic::check(parts.parent(text))?;
        return match ClientId::check(target) {
            Err(_) if target.is_empty() || target.contains('/') => {
                Err(TopicError::BadP2p(text.to_owned()))
            }
            checked => Ok(checked.map(|()| parts)?),
        };
    }
    check_len(text)?;
    if !are_plain_levels(text) {
        return Err(TopicError::BadCharacter(text.to_owned()));
    }
    Ok(parts)
}

/// A topic filter: something can be subscribed to with it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TopicFilter(Box<str>);
text_type!(TopicFilter);

impl TopicFilter {
    /// The first level, never a wildcard.
    #[must_use]
    pub fn parent(&self) -> &str {
        self.0.split('/').next().unwrap_or_default()
    }

    /// Whether `topic` matches (MQTT 5, 4.7).
    #[must_use]
    pub fn matches(&self, topic: &str) -> bool {
        let mut levels = topic.split('/');
        for want in self.0.split('/') {
            if want == "#" {
                return true;
            }
            match levels.next() {
                Some(level) if want == "+" || want == level => {}
                Some(_) | None => return false,
            }
        }
        levels.next().is_none()
    }
}

impl FromStr for TopicFilter {
    type Err = TopicError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        check_len(text)?;
        let mut levels = text.split('/').enumerate().peekable();
        while let Some((depth, level)) = levels.next() {
            let last = levels.peek().is_none();
            match level {
                "+" if depth > 0 => {}
                "#" if depth > 0 && last => {}
                STATISTICS if depth == 0 => {}
                _ if level.contains(['+', '#']) => {
                    return Err(TopicError::BadWildcard(text.to_owned()));
                }
                _ if !is_name(level) => {
                    return Err(TopicError::BadCharacter(text.to_owned()));
                }
                _ => {}
            }
        }
        Ok(Self(text.into()))
    }
}

/// The same of all levels, in one pass.
fn are_plain_levels(text: &str) -> bool {
    let mut before = b'/';
    for byte in text.bytes() {
        if !(is_name_byte(byte) || byte == b'/' && before != b'/') {
            return false;
        }
        before = byte;
    }
    before != b'/'
}

fn check_len(text: &str) -> Result<(), TopicError> {
    if (TOPIC_LEN_MIN..=TOPIC_LEN_MAX).contains(&text.len()) {
        Ok(())
    } else {
        Err(TopicError::Length { len: text.len() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_p2p_topic_names_one_client_and_may_be_longer() {
        let client = format!("GID_csg@@@{}", "d".repeat(54));
        let topic: Topic = format!("csg_cmd/p2p/{client}").parse().unwrap();
        assert_eq!(topic.parent(), "csg_cmd");
        assert_eq!(topic.destination(), Destination::Client(&client));
    }

    #[test]
    fn what_breaks_the_rule_is_refused_with_its_reason() {
        let check = |text: &str| text.parse::<Topic>().unwrap_err().to_string();
        assert!(check(&"t".repeat(65)).contains("65 characters"));
        assert!(check("ab").contains("2 characters"));
        assert!(check("abc//d").contains("not empty"));
        assert!(check("abc/d/").contains("not empty"));
        assert!(check("/abc").contains("not empty"));
        let long = format!("abc/p2p/GID_csg@@@{}/b", "d".repeat(60));
        for not_one in [
            "abc/p2p",
            "abc/p2p/",
            "abc/p2p/GID_csg@@@a/b",
            "abc/p2p/a/b",
            &long,
        ] {
            assert!(
                check(not_one).contains("exactly one client ID"),
                "{not_one}"
            );
        }
        assert!(check("abc/p2p/a").starts_with("P2P target"));
        assert!(check("abc/+").contains("may hold"));
        assert!(check("$SYS/x").contains("may hold"));
    }

    #[test]
    fn filters_match_level_by_level() {
        let check =
            |filter: &str, topic: &str| filter.parse::<TopicFilter>().unwrap().matches(topic);
        assert!(check("csg_status/#", "csg_status/gw-1"));
        assert!(check("csg_status/#", "csg_status"));
        assert!(check("csg_status/+/a", "csg_status/x/a"));
        assert!(!check("csg_status/+", "csg_status/x/a"));
        assert!(!check("csg_status/+", "csg_status"));
        assert!("#".parse::<TopicFilter>().is_err());
        assert!("csg/#/a".parse::<TopicFilter>().is_err());
        assert!("csg/a+".parse::<TopicFilter>().is_err());
    }
}
