//! How many clients each group has now.

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;

/// Clients by group, and how many one may have.
#[derive(Debug)]
pub(crate) struct GroupLoad {
    clients_max: Option<usize>,
    clients: Mutex<HashMap<Arc<str>, usize>>,
}

impl GroupLoad {
    pub(crate) fn new(clients_max: Option<usize>) -> Self {
        Self {
            clients_max,
            clients: Mutex::default(),
        }
    }

    /// Whether one more may come. Several that come in one moment may all be told yes.
    pub(crate) fn has_room(&self, group: &str) -> bool {
        let Some(max) = self.clients_max else {
            return true;
        };
        self.clients.lock().get(group).is_none_or(|n| *n < max)
    }

    pub(crate) fn enter(&self, group: &str) {
        let mut clients = self.clients.lock();
        if let Some(n) = clients.get_mut(group) {
            *n += 1;
        } else {
            clients.insert(group.into(), 1);
        }
    }

    pub(crate) fn leave(&self, group: &str) {
        let mut clients = self.clients.lock();
        if let Some(n) = clients.get_mut(group) {
            *n -= 1;
            if *n == 0 {
                clients.remove(group);
            }
        }
    }

    pub(crate) fn all(&self) -> Vec<(Arc<str>, usize)> {
        let clients = self.clients.lock();
        clients.iter().map(|(g, n)| (Arc::clone(g), *n)).collect()
    }
}
