//! Metrics and health of a broker by HTTP, for machines.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use axum_server::Handle;
use clock::{Task, spawn_named};
use hyper_util::rt::TokioTimer;
use mqtt_broker::Broker;

use crate::error::RoleError;

/// Whoever sends its request more slowly than this is not served.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long answers that were begun may take after the end.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(1);

/// A server that listens.
#[derive(Debug)]
pub(super) struct Monitor {
    pub(super) address: SocketAddr,
    handle: Handle<SocketAddr>,
    task: Task<std::io::Result<()>>,
}

impl Monitor {
    pub(super) fn start(address: SocketAddr, broker: &Arc<Broker>) -> Result<Self, RoleError> {
        let failed = RoleError::part::<std::io::Error>;
        let listener = std::net::TcpListener::bind(address);
        let listener = listener.map_err(failed("listen for metrics"))?;
        listener
            .set_nonblocking(true)
            .map_err(failed("listen for metrics"))?;
        let address = listener
            .local_addr()
            .map_err(failed("listen for metrics"))?;
        let handle = Handle::new();
        let server = axum_server::from_tcp(listener);
        let mut server = server.map_err(failed("listen for metrics"))?;
        let builder = server.http_builder();
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIMEOUT);
        let service = router(Arc::clone(broker)).into_make_service();
        let task = spawn_named("monitor", server.handle(handle.clone()).serve(service));
        Ok(Self {
            address,
            handle,
            task,
        })
    }

    pub(super) async fn shutdown(self) {
        self.handle.graceful_shutdown(Some(SHUTDOWN_TIMEOUT));
        self.task.join().await;
    }
}

fn router(broker: Arc<Broker>) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route(
            "/readyz",
            get(|State(broker): State<Arc<Broker>>| async move { readyz(&broker) }),
        )
        .route(
            "/metrics",
            get(|State(broker): State<Arc<Broker>>| async move { metrics(&broker) }),
        )
        .with_state(broker)
}

/// Clients can connect.
fn readyz(broker: &Broker) -> (StatusCode, &'static str) {
    if broker.is_ready() {
        (StatusCode::OK, "ready\n")
    } else {
        let text = "the broker stops or is being drained\n";
        (StatusCode::SERVICE_UNAVAILABLE, text)
    }
}

fn metrics(broker: &Broker) -> Response {
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
    (kind, broker.exposition()).into_response()
}
