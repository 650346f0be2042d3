//! The way to a broker: TCP, through a proxy if set, then TLS, then WebSocket if it is one.

use std::{future::Future, io, net::SocketAddr, sync::Arc, time::Duration};

use clock::Clock;
use rustls::{CertificateError, ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject as _};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use crate::{
    BrokerAddress, ConnectError, ConnectOptions, Proxy, Security,
    limits::STEP_TIMEOUT,
    proxy::{Answer, parse_answer},
    web,
};

/// A byte stream to the broker.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// An open way.
pub(crate) struct Transport {
    pub(crate) stream: Box<dyn Stream>,
    /// Our own address: clients of the private network find us there.
    pub(crate) local_address: Option<SocketAddr>,
}

/// Opens the way to one broker.
pub(crate) async fn open(
    options: &ConnectOptions,
    broker: &BrokerAddress,
    clock: &Clock,
) -> Result<Transport, ConnectError> {
    let hop = options.proxy.as_ref().map_or(broker, |p| &p.address);
    let mut tcp = connect_tcp(hop, clock).await?;
    let local_address = tcp.local_addr().ok();
    if let Some(proxy) = &options.proxy {
        open_tunnel(&mut tcp, proxy, broker, clock).await?;
    }
    let stream: Box<dyn Stream> = match &options.security {
        Security::Plain => Box::new(tcp),
        Security::Tls { ca_pem } => Box::new(start_tls(tcp, ca_pem, broker, clock).await?),
    };
    let stream = match &broker.web_socket_path {
        None => stream,
        Some(path) => open_web_socket(stream, broker, path, clock).await?,
    };
    Ok(Transport {
        stream,
        local_address,
    })
}

async fn connect_tcp(peer: &BrokerAddress, clock: &Clock) -> Result<TcpStream, ConnectError> {
    let connecting = TcpStream::connect((peer.host.as_str(), peer.port));
    let connected = within(clock, STEP_TIMEOUT, connecting).await;
    let timed_out = || ConnectError::TimedOut {
        peer: peer.to_string(),
        step: "TCP connect",
    };
    let unreachable = |source| ConnectError::Unreachable {
        peer: peer.to_string(),
        source,
    };
    let tcp = connected.ok_or_else(timed_out)?.map_err(unreachable)?;
    // Commands are small and wanted at once.
    tcp.set_nodelay(true).map_err(unreachable)?;
    Ok(tcp)
}

async fn open_tunnel(
    tcp: &mut TcpStream,
    proxy: &Proxy,
    broker: &BrokerAddress,
    clock: &Clock,
) -> Result<(), ConnectError> {
    let peer = proxy.address.to_string();
    let asking = async {
        tcp.write_all(proxy.request(broker).as_bytes()).await?;
        let mut head = Vec::new();
        loop {
            if tcp.read_buf(&mut head).await? == 0 {
                return Ok(Answer::Refused("it closed the connection".into()));
            }
            match parse_answer(&head) {
                Answer::Incomplete => {}
                answer @ (Answer::Open | Answer::Refused(_)) => return Ok(answer),
            }
        }
    };
    let refused = |answer| {
        let (proxy, broker) = (peer.clone(), broker.to_string());
        Err(ConnectError::Proxy {
            proxy,
            broker,
            answer,
        })
    };
    match within(clock, STEP_TIMEOUT, asking).await {
        None => Err(ConnectError::TimedOut {
            peer,
            step: "HTTP CONNECT",
        }),
        Some(Err(source)) => Err(ConnectError::Unreachable { peer, source }),
        Some(Ok(Answer::Open)) => Ok(()),
        Some(Ok(Answer::Refused(answer))) => refused(answer),
        Some(Ok(Answer::Incomplete)) => refused("its answer was cut".into()),
    }
}

async fn open_web_socket(
    stream: Box<dyn Stream>,
    broker: &BrokerAddress,
    path: &str,
    clock: &Clock,
) -> Result<Box<dyn Stream>, ConnectError> {
    let host = broker.authority();
    match within(clock, STEP_TIMEOUT, web::open(stream, &host, path)).await {
        Some(Ok(web)) => Ok(Box::new(web)),
        Some(Err(source)) => Err(ConnectError::WebSocket {
            broker: broker.to_string(),
            source,
        }),
        None => Err(ConnectError::TimedOut {
            peer: broker.to_string(),
            step: "WebSocket",
        }),
    }
}

async fn start_tls(
    tcp: TcpStream,
    ca_pem: &str,
    broker: &BrokerAddress,
    clock: &Clock,
) -> Result<tokio_rustls::client::TlsStream<TcpStream>, ConnectError> {
    let failed = |source| tls_error(broker, source);
    let config = tls_config(ca_pem).map_err(failed)?;
    let name = ServerName::try_from(broker.host.clone())
        .map_err(|e| failed(io::Error::new(io::ErrorKind::InvalidInput, e)))?;
    let connecting = TlsConnector::from(Arc::new(config)).connect(name, tcp);
    match within(clock, STEP_TIMEOUT, connecting).await {
        Some(connected) => connected.map_err(failed),
        None => Err(ConnectError::TimedOut {
            peer: broker.to_string(),
            step: "TLS handshake",
        }),
    }
}

/// TLS that trusts the bundle's authority and nobody else: a public authority could otherwise
/// vouch for somebody between a gateway and its broker.
fn tls_config(ca_pem: &str) -> io::Result<ClientConfig> {
    let invalid = |what: String| io::Error::new(io::ErrorKind::InvalidData, what);
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(ca_pem.as_bytes()) {
        let certificate = certificate.map_err(|e| invalid(format!("CA certificate: {e}")))?;
        let added = roots.add(certificate);
        added.map_err(|e| invalid(format!("CA certificate: {e}")))?;
    }
    if roots.is_empty() {
        return Err(invalid("there is no CA certificate".into()));
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| invalid(e.to_string()))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

fn tls_error(broker: &BrokerAddress, source: io::Error) -> ConnectError {
    let broker = broker.to_string();
    let inner = source
        .get_ref()
        .and_then(|e| e.downcast_ref::<rustls::Error>());
    let skewed = matches!(
        inner,
        Some(rustls::Error::InvalidCertificate(
            CertificateError::Expired
                | CertificateError::ExpiredContext { .. }
                | CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. }
        ))
    );
    if skewed {
        ConnectError::ClockSkew { broker }
    } else {
        ConnectError::Tls { broker, source }
    }
}

/// What `future` gives, or nothing if it takes longer.
pub(crate) async fn within<F: Future>(
    clock: &Clock,
    limit: Duration,
    future: F,
) -> Option<F::Output> {
    tokio::select! {
        output = future => Some(output),
        () = clock.sleep(limit) => None,
    }
}
