//! Topic aliases: a number instead of a topic name, for one connection and one direction
//! (MQTT 5, 3.3.2.3.4).

use crate::limits::{TOPIC_ALIAS_NAME_LEN_MAX, TOPIC_ALIASES_IN_MAX, TOPIC_ALIASES_OUT_MAX};

/// What a client has called its topics.
#[derive(Debug, Default)]
pub(crate) struct InboundAliases(Vec<Option<Box<str>>>);

/// Why a client's alias means nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AliasError {
    /// 0, or above the maximum that CONNACK says.
    OutOfRange,
    /// It was never given a topic.
    Unknown,
}

impl InboundAliases {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The topic that a message with this name and alias is for.
    pub(crate) fn resolve<'t>(
        &'t mut self,
        alias: u16,
        name: &'t str,
    ) -> Result<&'t str, AliasError> {
        if alias == 0 || alias > TOPIC_ALIASES_IN_MAX {
            return Err(AliasError::OutOfRange);
        }
        let index = usize::from(alias - 1);
        if name.is_empty() {
            let known = self.0.get(index).and_then(Option::as_deref);
            return known.ok_or(AliasError::Unknown);
        }
        if self.0.len() <= index {
            self.0.resize(index + 1, None);
        }
        if let Some(place) = self.0.get_mut(index) {
            // A name that no rule allows is as good as none, and is not kept.
            let kept = if name.len() <= TOPIC_ALIAS_NAME_LEN_MAX {
                name
            } else {
                ""
            };
            *place = Some(kept.into());
        }
        Ok(name)
    }
}

/// What we call the topics of messages to a client: the first ones for good, as those of a
/// device are few.
#[derive(Debug, Default)]
pub(crate) struct OutboundAliases(Vec<Box<str>>);

/// How the topic of one message is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Alias {
    /// By its name.
    None,
    /// By its name, which from then on has this number.
    New(u16),
    /// By its number.
    Known(u16),
}

impl OutboundAliases {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn find(&self, topic: &str, max: u16) -> Alias {
        let number = |index: usize| u16::try_from(index + 1).unwrap_or(u16::MAX);
        if let Some(index) = self.0.iter().position(|known| **known == *topic) {
            return Alias::Known(number(index));
        }
        if self.0.len() < usize::from(max.min(TOPIC_ALIASES_OUT_MAX)) {
            Alias::New(number(self.0.len()))
        } else {
            Alias::None
        }
    }

    /// The number that [`OutboundAliases::find`] offered was sent.
    pub(crate) fn add(&mut self, topic: &str) {
        self.0.push(topic.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_s_alias_means_its_last_topic() {
        let mut aliases = InboundAliases::default();
        assert_eq!(aliases.resolve(3, ""), Err(AliasError::Unknown));
        assert_eq!(aliases.resolve(3, "csg_event/a"), Ok("csg_event/a"));
        assert_eq!(aliases.resolve(2, ""), Err(AliasError::Unknown));
        assert_eq!(aliases.resolve(3, ""), Ok("csg_event/a"));
        assert_eq!(aliases.resolve(3, "csg_event/b"), Ok("csg_event/b"));
        assert_eq!(aliases.resolve(3, ""), Ok("csg_event/b"));
        assert_eq!(aliases.resolve(0, "x"), Err(AliasError::OutOfRange));
        let above = TOPIC_ALIASES_IN_MAX + 1;
        assert_eq!(aliases.resolve(above, "x"), Err(AliasError::OutOfRange));
    }

    #[test]
    fn a_name_too_long_for_any_topic_is_not_kept() {
        let mut aliases = InboundAliases::default();
        let long = "x".repeat(60_000);
        assert_eq!(aliases.resolve(1, &long), Ok(&*long));
        assert_eq!(aliases.resolve(1, ""), Ok(""));
    }

    #[test]
    fn the_first_topics_to_a_client_get_numbers_within_its_maximum() {
        let mut aliases = OutboundAliases::default();
        assert_eq!(aliases.find("a", 0), Alias::None);
        assert_eq!(aliases.find("a", 1), Alias::New(1));
        // It was not sent after all.
        assert_eq!(aliases.find("b", 1), Alias::New(1));
        aliases.add("b");
        assert_eq!(aliases.find("b", 1), Alias::Known(1));
        assert_eq!(aliases.find("a", 1), Alias::None);
    }
}
