//! Which client is connected where: what makes P2P one look-up.

use std::{hash::BuildHasher as _, net::SocketAddr, sync::Arc};

use message_bus::{ChannelId, Online};
use model::Timestamp;
use parking_lot::Mutex;

use crate::hash::{HashMap, RandomState};

/// Locks, so that event loops seldom meet at one.
const STRIPES: usize = 64;

/// A connection's seat: its event loop and its place there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seat {
    pub(crate) shard: u16,
    pub(crate) slot: u32,
}

/// The connection of a client. What a message needs is together, and little: it has to come from
/// memory for most messages.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    pub(crate) seat: Seat,
    pub(crate) channel: ChannelId,
    /// Its session outlives the connection.
    pub(crate) persistent: bool,
    pub(crate) origin: Box<Origin>,
}

/// Where a client came from, and with what.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub(crate) since: Timestamp,
    pub(crate) address: SocketAddr,
    pub(crate) access_key_id: Arc<str>,
}

impl Route {
    pub(crate) fn online(&self, client_id: &str) -> Online {
        Online {
            client_id: client_id
                .parse()
                .expect("only checked client IDs have a route"),
            channel: self.channel,
            since: self.origin.since,
            address: self.origin.address.to_string(),
            access_key_id: self.origin.access_key_id.to_string(),
        }
    }
}

type Stripe = Mutex<HashMap<Arc<str>, Route>>;

#[derive(Debug)]
pub(crate) struct Routes {
    hasher: RandomState,
    stripes: Box<[Stripe]>,
}

impl Routes {
    pub(crate) fn new() -> Self {
        let hasher = RandomState::default();
        Self {
            hasher,
            stripes: (0..STRIPES).map(|_| Mutex::default()).collect(),
        }
    }

    fn stripe(&self, client_id: &str) -> &Stripe {
        let hash = usize::try_from(self.hasher.hash_one(client_id) % STRIPES as u64);
        let stripe = hash.ok().and_then(|i| self.stripes.get(i));
        stripe.expect("a remainder is less than its divisor")
    }

    /// Takes the client's seat; returns the route that had it.
    pub(crate) fn take(&self, client_id: &Arc<str>, route: Route) -> Option<Route> {
        self.stripe(client_id)
            .lock()
            .insert(Arc::clone(client_id), route)
    }

    /// Gives the seat up, unless another connection has taken it over.
    pub(crate) fn leave(&self, client_id: &str, channel: ChannelId) {
        let mut routes = self.stripe(client_id).lock();
        if routes
            .get(client_id)
            .is_some_and(|route| route.channel == channel)
        {
            routes.remove(client_id);
        }
    }

    pub(crate) fn find(&self, client_id: &str) -> Option<Route> {
        self.stripe(client_id).lock().get(client_id).cloned()
    }

    /// Where to deliver, and whether the session is persistent; cheaper than [`Routes::find`].
    pub(crate) fn seat(&self, client_id: &str) -> Option<(Seat, ChannelId, bool)> {
        let routes = self.stripe(client_id).lock();
        routes
            .get(client_id)
            .map(|route| (route.seat, route.channel, route.persistent))
    }

    /// Clients that `wanted` says, in no order.
    pub(crate) fn select(&self, wanted: impl Fn(&str, &Route) -> bool) -> Vec<(Arc<str>, Route)> {
        let mut selected = Vec::new();
        for stripe in &self.stripes {
            selected.extend(copies(stripe, &wanted));
        }
        selected
    }

    /// How many clients of each group are connected.
    pub(crate) fn count_by_group(&self) -> HashMap<String, u64> {
        let mut counts = HashMap::default();
        for stripe in &self.stripes {
            for id in stripe.lock().keys() {
                let group = id.split_once("@@@").map_or(&**id, |(group, _)| group);
                if let Some(count) = counts.get_mut(group) {
                    *count += 1;
                } else {
                    counts.insert(group.to_owned(), 1);
                }
            }
        }
        counts
    }

    /// How many clients are connected.
    pub(crate) fn len(&self) -> usize {
        self.stripes.iter().map(|stripe| stripe.lock().len()).sum()
    }

    /// All clients, each as it is when its turn comes. What takes long is done without the locks.
    pub(crate) fn online(&self) -> Vec<Online> {
        let mut all = Vec::new();
        for stripe in &self.stripes {
            let here = copies(stripe, &|_, _| true);
            all.extend(here.iter().map(|(id, route)| route.online(id)));
        }
        all
    }
}

/// Those of a stripe that `wanted` says.
fn copies(stripe: &Stripe, wanted: &impl Fn(&str, &Route) -> bool) -> Vec<(Arc<str>, Route)> {
    let routes = stripe.lock();
    let found = routes.iter().filter(|(id, route)| wanted(id, route));
    let copied = found.map(|(id, route)| (Arc::clone(id), route.clone()));
    copied.collect()
}
