//! Our broker, as the console starts it, with the topics and credentials of a run.

use std::path::Path;

use message_bus::Precedence;
use model::{ClientId, Credential, GroupId, Secret};
use mqtt_broker::{Access, Broker, BrokerConfig};

use clock::Clock;

use crate::{agent::topic, error::BenchError, others, packet};

/// Credentials registered at a time.
const CHUNK: usize = 2_000;

/// A broker that runs.
#[derive(Debug)]
pub(crate) struct OwnBroker {
    pub(crate) broker: Broker,
}

impl OwnBroker {
    /// Knows `clients` devices and the others of so many client processes. The console of a run
    /// is an MQTT client, so its group may publish and subscribe everywhere.
    pub(crate) fn start(
        dir: &Path,
        clients: u32,
        processes: u32,
        change: impl FnOnce(&mut BrokerConfig),
    ) -> Result<Self, BenchError> {
        let mut config = BrokerConfig::new(dir, packet::INSTANCE);
        let group: GroupId = packet::GROUP.parse().map_err(BenchError::broker)?;
        config.groups = vec![group.clone()];
        change(&mut config);
        let broker = Broker::start(config, Clock::system()).map_err(BenchError::broker)?;
        let registry = broker.registry();
        for parent in topic::parents(processes) {
            let parent = parent.parse().map_err(BenchError::broker)?;
            registry
                .create_parent_topic(&parent)
                .and_then(|()| registry.grant(&group, &parent, Access::PublishAndSubscribe))
                .map_err(BenchError::broker)?;
        }
        // As the fleet's own topics of commands and results stand.
        for parent in topic::URGENT {
            let parent = parent.parse().map_err(BenchError::broker)?;
            registry
                .set_precedence(&parent, Precedence::COMMAND)
                .map_err(BenchError::broker)?;
        }
        let secret = Secret::new(packet::SECRET);
        let ids = (0..clients)
            .map(packet::device)
            .chain(others::names(processes));
        let mut part = Vec::with_capacity(CHUNK);
        for id in ids {
            let access_key_id = packet::access_key_id(&id);
            let secret = secret.clone();
            let client_id: ClientId = id.parse().map_err(BenchError::broker)?;
            part.push((
                client_id,
                Credential {
                    access_key_id,
                    secret,
                },
                None,
            ));
            if part.len() == CHUNK {
                registry.register(&part).map_err(BenchError::broker)?;
                part.clear();
            }
        }
        registry.register(&part).map_err(BenchError::broker)?;
        Ok(Self { broker })
    }
}
