//! Which shares have objects in common.

use std::collections::{BTreeSet, HashMap};

use database::PlacedShare;
use model::{ChangeBatch, ChangeSource, GatewayId, ShareName, Writers};

/// Where the objects of one share are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    share: ShareName,
    bucket: Bucket,
    prefix: String,
    /// Whether it can change any.
    pub(super) may_write: bool,
}

/// A bucket: its endpoint, in the form in which it can be compared, and its name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Bucket {
    endpoint: String,
    name: String,
}

/// A share that has objects in common with another one, and how it sees them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Peer {
    pub(super) gateway: GatewayId,
    pub(super) share: ShareName,
    view: View,
}

/// How keys of one share look from another.
#[derive(Clone, Debug, PartialEq, Eq)]
enum View {
    /// All are there, below this.
    All { below: String },
    /// Only those below this are there, and they begin after it.
    Part { within: String },
}

/// Shares with express sync, by gateway and by bucket.
#[derive(Debug, Default)]
pub(super) struct Routes {
    places: HashMap<GatewayId, Vec<Place>>,
    gateways: HashMap<Bucket, BTreeSet<GatewayId>>,
}

impl Routes {
    /// The shares of a gateway, instead of those before.
    pub(super) fn replace(&mut self, gateway: &GatewayId, shares: Vec<PlacedShare>) {
        for place in self.places.remove(gateway).unwrap_or_default() {
            if let Some(gateways) = self.gateways.get_mut(&place.bucket) {
                gateways.remove(gateway);
                if gateways.is_empty() {
                    self.gateways.remove(&place.bucket);
                }
            }
        }
        for share in shares {
            self.add(share);
        }
    }

    /// One more share.
    pub(super) fn add(&mut self, placed: PlacedShare) {
        let PlacedShare {
            gateway, settings, ..
        } = placed;
        if !settings.express_sync {
            return;
        }
        let bucket = Bucket {
            endpoint: settings.bucket.endpoint,
            name: settings.bucket.bucket,
        };
        let gateways = self.gateways.entry(bucket.clone()).or_default();
        gateways.insert(gateway.clone());
        self.places.entry(gateway).or_default().push(Place {
            share: settings.name,
            bucket,
            prefix: settings.bucket.prefix,
            may_write: settings.writers != Writers::None,
        });
    }

    pub(super) fn place(&self, source: &ChangeSource) -> Option<&Place> {
        let places = self.places.get(&source.gateway)?;
        places.iter().find(|place| place.share == source.share)
    }

    /// The shares of a gateway.
    pub(super) fn shares_of(&self, gateway: &GatewayId) -> Vec<ChangeSource> {
        let places = self.places.get(gateway).into_iter().flatten();
        let source = |place: &Place| ChangeSource {
            gateway: gateway.clone(),
            share: place.share.clone(),
        };
        places.map(source).collect()
    }

    /// The shares of other gateways that have objects in common with this one.
    pub(super) fn peers(&self, source: &ChangeSource) -> Vec<Peer> {
        let Some(place) = self.place(source) else {
            return Vec::new();
        };
        let gateways = self.gateways.get(&place.bucket).into_iter().flatten();
        let others = gateways.filter(|gateway| **gateway != source.gateway);
        let of_gateway = |gateway: &GatewayId| {
            let places = self.places.get(gateway).into_iter().flatten();
            let peers = places.filter_map(|other| {
                let view = View::of(place, other)?;
                Some(Peer {
                    gateway: gateway.clone(),
                    share: other.share.clone(),
                    view,
                })
            });
            peers.collect::<Vec<_>>()
        };
        others.flat_map(of_gateway).collect()
    }
}

impl View {
    /// How keys of `there` look `here`; nothing if they have none in common.
    fn of(there: &Place, here: &Place) -> Option<Self> {
        if there.bucket != here.bucket {
            return None;
        }
        if let Some(below) = there.prefix.strip_prefix(&here.prefix) {
            let below = below.to_owned();
            return Some(Self::All { below });
        }
        let within = here.prefix.strip_prefix(&there.prefix)?.to_owned();
        Some(Self::Part { within })
    }
}

impl Peer {
    /// A batch as this share sees it: what is in front of all keys, and the changes. It keeps its
    /// number even if none of them concerns the share.
    pub(super) fn see(&self, batch: &ChangeBatch) -> (String, ChangeBatch) {
        match &self.view {
            View::All { below } => (below.clone(), batch.clone()),
            View::Part { within } => {
                let changes = batch.changes.iter();
                let seen = changes.filter_map(|change| change.clone().within(within));
                let batch = ChangeBatch {
                    changes: seen.collect(),
                    ..*batch
                };
                (String::new(), batch)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use model::{BucketSettings, ObjectChange, Provider, Secret, ShareSettings};

    use super::*;

    /// `gateway share bucket prefix`.
    fn placed(line: &str) -> PlacedShare {
        let words: Vec<&str> = line.split(' ').collect();
        let bucket = BucketSettings {
            provider: Provider::S3,
            endpoint: "https://store.example".into(),
            region: "r".into(),
            bucket: words[2].into(),
            prefix: words.get(3).copied().unwrap_or_default().into(),
            access_key_id: "k".into(),
            secret_access_key: Secret::default(),
            session_token: Secret::default(),
            signature: model::OssSignature::default(),
            role: None,
        };
        PlacedShare {
            gateway: words[0].parse().unwrap(),
            settings: ShareSettings::new(words[1].parse().unwrap(), bucket),
            retired_in: None,
        }
    }

    fn source(gateway: &str, share: &str) -> ChangeSource {
        ChangeSource {
            gateway: gateway.parse().unwrap(),
            share: share.parse().unwrap(),
        }
    }

    /// Who sees changes of `a/one` and `a/b/two` at share `s` of `gw-a`, and how.
    fn check(shares: &[&str], want: &[&str]) {
        let mut routes = Routes::default();
        for line in shares {
            routes.add(placed(line));
        }
        let delete = |key: &str| ObjectChange::Delete { key: key.into() };
        let batch = ChangeBatch {
            epoch: 1,
            sequence: 2,
            changes: vec![delete("a/one"), delete("a/b/two")],
        };
        let peers = routes.peers(&source("gw-a", "s"));
        let seen = peers.iter().map(|peer| {
            let (prefix, batch) = peer.see(&batch);
            let keys: Vec<&str> = batch.changes.iter().map(ObjectChange::key).collect();
            format!(
                "{}/{} {prefix}:{}",
                peer.gateway,
                peer.share,
                keys.join(",")
            )
        });
        assert_eq!(seen.collect::<Vec<_>>(), want, "{shares:?}");
    }

    #[test]
    fn changes_go_to_those_who_have_the_objects_and_to_nobody_else() {
        check(
            &["gw-a s x", "gw-b t x", "gw-c t y", "gw-a u x"],
            &["gw-b/t :a/one,a/b/two"],
        );
        check(
            &[
                "gw-a s x",
                "gw-b t x a/",
                "gw-c t x a/b/",
                "gw-d t x other/",
            ],
            &["gw-b/t :one,b/two", "gw-c/t :two", "gw-d/t :"],
        );
        check(
            &["gw-a s x p/", "gw-b t x", "gw-c t x p/", "gw-d t x q/"],
            &["gw-b/t p/:a/one,a/b/two", "gw-c/t :a/one,a/b/two"],
        );
        check(&["gw-a s x p/", "gw-b t x p/a/b/"], &["gw-b/t :two"]);
    }

    #[test]
    fn a_share_that_went_away_or_is_told_not_to_hears_nothing() {
        let mut routes = Routes::default();
        routes.add(placed("gw-a s x"));
        routes.add(placed("gw-b t x"));
        let mut silent = placed("gw-c t x");
        silent.settings.express_sync = false;
        routes.add(silent);
        assert_eq!(routes.peers(&source("gw-a", "s")).len(), 1);
        routes.replace(&"gw-b".parse().unwrap(), vec![placed("gw-b t other")]);
        assert_eq!(routes.peers(&source("gw-a", "s")), []);
        routes.replace(&"gw-a".parse().unwrap(), Vec::new());
        assert!(routes.place(&source("gw-a", "s")).is_none());
        assert_eq!(routes.gateways.len(), 1);
    }
}
