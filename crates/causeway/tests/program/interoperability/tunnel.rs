//! Carries the bytes of one client without TLS to a listener with TLS.

use std::{net::TcpListener, sync::Arc};

use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _};
use tokio::{io::copy_bidirectional, net::TcpStream};
use tokio_rustls::TlsConnector;

use super::driver::{Proof, Target};

/// One that waits for its client.
pub(super) struct Tunnel(TcpListener);

impl Tunnel {
    pub(super) fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        Self(listener)
    }

    /// Where the client is to connect.
    pub(super) fn port(&self) -> u16 {
        self.0.local_addr().unwrap().port()
    }

    /// Carries bytes until both ends have closed, or one has broken off.
    pub(super) fn run(self, target: &Target, proof: &Proof) -> impl Future<Output = ()> + use<> {
        let (port, connector) = (target.port, connector(&target.ca_file, proof));
        async move {
            let listener = tokio::net::TcpListener::from_std(self.0).unwrap();
            let (mut client, _) = listener.accept().await.unwrap();
            let broker = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            let name = ServerName::try_from("localhost").unwrap();
            let mut broker = connector.connect(name, broker).await.unwrap();
            drop(copy_bidirectional(&mut client, &mut broker).await);
        }
    }
}

fn connector(ca_file: &str, proof: &Proof) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(ca_file).unwrap() {
        roots.add(certificate.unwrap()).unwrap();
    }
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let config = match proof {
        Proof::Password { .. } => config.with_no_client_auth(),
        Proof::Certificate { file, key } => {
            let chain = CertificateDer::pem_file_iter(file).unwrap();
            let chain = chain.map(Result::unwrap).collect();
            let key = PrivateKeyDer::from_pem_file(key).unwrap();
            config.with_client_auth_cert(chain, key).unwrap()
        }
    };
    Arc::new(config).into()
}
