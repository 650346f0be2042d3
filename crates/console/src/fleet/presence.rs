//! Whether a gateway is connected: some channel of it has a connect and no tcpclean.
//!
//! Events may come late and out of order: a tcpclean that overtakes its connect is remembered.

use std::collections::{BTreeMap, VecDeque};

use message_bus::{ChannelId, Online};
use model::Timestamp;

/// Channels of one gateway whose tcpclean came before their connect.
const CLEANED_MAX: usize = 16;

/// An open connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Channel {
    pub(crate) since: Timestamp,
    pub(crate) address: String,
}

/// The connections of one gateway.
#[derive(Clone, Debug, Default)]
pub(crate) struct Channels {
    open: BTreeMap<ChannelId, Channel>,
    cleaned: VecDeque<ChannelId>,
}

impl Channels {
    /// All that is connected now; replaces what was known.
    pub(crate) fn replace<'a>(&mut self, online: impl Iterator<Item = &'a Online>) {
        self.cleaned.clear();
        self.open = online
            .map(|o| {
                let channel = Channel {
                    since: o.since,
                    address: o.address.clone(),
                };
                (o.channel, channel)
            })
            .collect();
    }

    /// A connect; whether the channel is open now.
    pub(crate) fn handle_connect(&mut self, id: ChannelId, channel: Channel) -> bool {
        if let Some(index) = self.cleaned.iter().position(|c| *c == id) {
            self.cleaned.remove(index);
            return false;
        }
        self.open.insert(id, channel);
        true
    }

    /// A tcpclean; the connection that is gone, if it was known.
    pub(crate) fn handle_clean(&mut self, id: ChannelId) -> Option<Channel> {
        let gone = self.open.remove(&id);
        if gone.is_none() {
            self.cleaned.push_back(id);
            if self.cleaned.len() > CLEANED_MAX {
                self.cleaned.pop_front();
            }
        }
        gone
    }

    /// The newest connection, if there is one.
    pub(crate) fn newest(&self) -> Option<&Channel> {
        self.open.values().max_by_key(|c| c.since)
    }

    pub(crate) fn is_online(&self) -> bool {
        !self.open.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs `+1 -1` (connect, tcpclean) and says whether the gateway is online.
    fn check(script: &str, want: bool) {
        let mut channels = Channels::default();
        for word in script.split(' ') {
            let id = ChannelId(word[1..].parse().unwrap());
            let channel = Channel {
                since: Timestamp::from_millis(id.0),
                address: String::new(),
            };
            match &word[..1] {
                "+" => drop(channels.handle_connect(id, channel)),
                _ => drop(channels.handle_clean(id)),
            }
        }
        assert_eq!(channels.is_online(), want, "{script}");
    }

    #[test]
    fn a_gateway_is_online_if_some_channel_has_a_connect_and_no_tcpclean() {
        check("+1", true);
        check("+1 -1", false);
        check("+1 +2 -1", true);
        check("+1 -2 +2", true);
        check("+1 -2 +2 -1", false);
        check("-1 +1", false);
        check("-1 +1 +2", true);
    }
}
