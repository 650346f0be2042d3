//! The HTTP server: plain on loopback, TLS anywhere else.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::{HeaderName, HeaderValue, header},
    middleware,
};
use axum_server::{Handle, tls_rustls::RustlsConfig};
use clock::{Task, spawn_named};
use tower_http::{
    catch_panic::CatchPanicLayer, compression::CompressionLayer, set_header::SetResponseHeaderLayer,
};

use crate::{
    access::guard,
    app::App,
    config::StartError,
    limits::{BODY_LEN_MAX, HEADER_TIMEOUT, SHUTDOWN_TIMEOUT},
    pages, routes,
};

/// Scripts and everything else from this console only; styles may also be set by scripts.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; \
    form-action 'self'";
/// Headers of every answer.
const HEADERS: [(HeaderName, &str); 4] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
];
/// Asked of browsers that came by TLS: come by nothing else for a year.
const STRICT_TRANSPORT: &str = "max-age=31536000";

/// A server that listens.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    handle: Handle<SocketAddr>,
    task: Task<std::io::Result<()>>,
}

impl Server {
    pub(crate) fn start(app: Arc<App>) -> Result<Self, StartError> {
        let wanted = app.config.listen;
        if app.config.tls.is_none() && !wanted.ip().is_loopback() {
            return Err(StartError::PlainOnNetwork(wanted));
        }
        let cannot_listen = |source| StartError::Listen {
            address: wanted,
            source,
        };
        let listener = std::net::TcpListener::bind(wanted).map_err(cannot_listen)?;
        listener.set_nonblocking(true).map_err(cannot_listen)?;
        let address = listener.local_addr().map_err(cannot_listen)?;
        let handle = Handle::new();
        let tls = app.config.tls.clone();
        let service = router(app).into_make_service_with_connect_info::<SocketAddr>();
        let task = match tls {
            None => {
                let mut server = axum_server::from_tcp(listener).map_err(cannot_listen)?;
                slow_clients(server.http_builder());
                spawn_named("https", server.handle(handle.clone()).serve(service))
            }
            Some(tls) => {
                let tls = RustlsConfig::from_config(tls);
                let mut server =
                    axum_server::from_tcp_rustls(listener, tls).map_err(cannot_listen)?;
                slow_clients(server.http_builder());
                spawn_named("https", server.handle(handle.clone()).serve(service))
            }
        };
        Ok(Self {
            address,
            handle,
            task,
        })
    }

    /// Lets open requests end, for a while.
    pub(crate) async fn shutdown(self) {
        self.handle.graceful_shutdown(Some(SHUTDOWN_TIMEOUT));
        self.task.join().await;
    }
}

/// A client that sends its request a byte a minute must not hold a connection for ever.
fn slow_clients(
    builder: &mut hyper_util::server::conn::auto::Builder<hyper_util::rt::TokioExecutor>,
) {
    builder
        .http1()
        .timer(hyper_util::rt::TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT);
}

/// All that the console answers.
fn router(app: Arc<App>) -> Router {
    let (api, _) = routes::api();
    let tls = app.config.tls.is_some();
    let mut router = api
        .route_layer(middleware::from_fn_with_state(Arc::clone(&app), guard))
        .fallback(pages::serve)
        .layer(DefaultBodyLimit::max(BODY_LEN_MAX))
        .layer(CatchPanicLayer::new())
        .layer(CompressionLayer::new());
    for (name, value) in HEADERS {
        router = router.layer(always(name, value));
    }
    if tls {
        router = router.layer(always(header::STRICT_TRANSPORT_SECURITY, STRICT_TRANSPORT));
    }
    router.with_state(app)
}

fn always(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::overriding(name, HeaderValue::from_static(value))
}
