//! Accepts connections, a bounded number at a time.

use std::{sync::Arc, time::Duration};

use clock::spawn_named;
use tokio::{
    net::TcpListener,
    sync::{Semaphore, watch},
};
use tracing::warn;

use crate::{
    connection::Connection,
    limits::SERVER_KIB_MAX,
    service::{Peer, Service},
};

/// Rest after a failed accept: files of the process have run out, and need time to come back.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Accepts until the server stops.
pub(crate) async fn listen(
    listener: TcpListener,
    service: Arc<Service>,
    slots: Arc<Semaphore>,
    mut stop: watch::Receiver<bool>,
) {
    let server_room = usize::try_from(SERVER_KIB_MAX).unwrap_or(0);
    let server_room = Arc::new(Semaphore::new(server_room));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _stopped = stop.changed() => return,
        };
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                warn!(%error, "cannot accept NFS connections");
                service.clock.sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let address = address.ip().to_canonical();
        let Ok(slot) = Arc::clone(&slots).try_acquire_owned() else {
            warn!(client = %address, "too many NFS connections; one is closed at once");
            continue;
        };
        let Some(peer) = Peer::admit(&service, address) else {
            warn!(client = %address, "client has too many NFS connections; one is closed at once");
            continue;
        };
        let connection = Connection {
            peer: Arc::new(peer),
            service: Arc::clone(&service),
            server_room: Arc::clone(&server_room),
            stop: stop.clone(),
        };
        let serve = async move {
            connection.run(stream).await;
            drop(slot);
        };
        spawn_named("nfs connection", serve).detach();
    }
}
