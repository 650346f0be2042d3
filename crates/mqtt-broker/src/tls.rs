//! Certificates of a listener: which one a client is shown, whom it may come from, and how both
//! change while the listener runs.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use model::Timestamp;
use parking_lot::Mutex;
use rustls::{
    RootCertStore, ServerConfig,
    crypto::CryptoProvider,
    server::{
        ClientHello, NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier,
        danger::ClientCertVerifier,
    },
    sign::CertifiedKey,
};
use rustls_pki_types::CertificateDer;
use x509_parser::{certificate::X509Certificate, extensions::GeneralName, prelude::FromDer as _};

use crate::config::{ClientAuthentication, ListenerCertificates, ServerCertificate, TlsSettings};

/// What new connections of a TLS listener get; those that are there keep what they have.
#[derive(Debug)]
pub(crate) struct TlsSlot {
    settings: Mutex<TlsSettings>,
    /// Authorities of the registry, besides those of the settings.
    registered: Mutex<Vec<CertificateDer<'static>>>,
    /// None while client certificates are required and no authority is known: nobody can come.
    current: ArcSwapOption<ServerConfig>,
}

/// What a slot is about to have.
#[derive(Debug)]
pub(crate) struct Replacement {
    settings: TlsSettings,
    config: Option<Arc<ServerConfig>>,
}

impl TlsSlot {
    pub(crate) fn new(settings: TlsSettings) -> Result<Self, rustls::Error> {
        let config = server_config(&settings)?;
        Ok(Self {
            registered: Mutex::default(),
            settings: Mutex::new(settings),
            current: ArcSwapOption::new(config),
        })
    }

    pub(crate) fn current(&self) -> Option<Arc<ServerConfig>> {
        self.current.load_full()
    }

    /// Shows these certificates from now on. If one cannot be used, all stays as it is.
    pub(crate) fn replace_certificates(
        &self,
        certificates: Vec<ServerCertificate>,
    ) -> Result<(), rustls::Error> {
        self.change(|settings| settings.certificates = certificates)
    }

    /// Takes client certificates of these authorities from now on. If one cannot be used, all
    /// stays as it is.
    pub(crate) fn replace_authorities(
        &self,
        authorities: Vec<CertificateDer<'static>>,
    ) -> Result<(), rustls::Error> {
        self.change(|settings| settings.client_authorities = authorities)
    }

    /// What [`TlsSlot::commit`] would show and take.
    pub(crate) fn prepare(&self, read: ListenerCertificates) -> Result<Replacement, rustls::Error> {
        let mut settings = self.settings.lock().clone();
        settings.certificates = read.certificates;
        settings.client_authorities = read.client_authorities;
        let config = self.config_of(&settings)?;
        Ok(Replacement { settings, config })
    }

    /// Shows and takes it from now on.
    pub(crate) fn commit(&self, replacement: Replacement) {
        let mut settings = self.settings.lock();
        *settings = replacement.settings;
        self.current.store(replacement.config);
    }

    /// Until when the first certificate is good.
    pub(crate) fn expires_at(&self) -> Option<Timestamp> {
        let settings = self.settings.lock();
        let first = settings.certificates.first()?.chain.first()?;
        let (_, certificate) = X509Certificate::from_der(first).ok()?;
        let seconds = u64::try_from(certificate.validity().not_after.timestamp()).ok()?;
        Some(Timestamp::from_millis(seconds.saturating_mul(1_000)))
    }

    /// Takes client certificates of these authorities, too, from now on.
    pub(crate) fn trust(
        &self,
        registered: Vec<CertificateDer<'static>>,
    ) -> Result<(), rustls::Error> {
        *self.registered.lock() = registered;
        self.change(|_same| {})
    }

    fn change(&self, change: impl FnOnce(&mut TlsSettings)) -> Result<(), rustls::Error> {
        let mut settings = self.settings.lock();
        let mut changed = settings.clone();
        change(&mut changed);
        self.current.store(self.config_of(&changed)?);
        *settings = changed;
        Ok(())
    }

    /// With the authorities of the registry, too.
    fn config_of(
        &self,
        settings: &TlsSettings,
    ) -> Result<Option<Arc<ServerConfig>>, rustls::Error> {
        let mut whole = settings.clone();
        let registered = self.registered.lock();
        whole.client_authorities.extend(registered.iter().cloned());
        server_config(&whole)
    }
}

fn server_config(settings: &TlsSettings) -> Result<Option<Arc<ServerConfig>>, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let resolver = Resolver::new(&settings.certificates, &provider)?;
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?;
    let builder = match verifier(settings, provider)? {
        Verifier::Nobody => return Ok(None),
        Verifier::Unasked => builder.with_no_client_auth(),
        Verifier::Of(verifier) => builder.with_client_cert_verifier(verifier),
    };
    let mut config = builder.with_cert_resolver(Arc::new(resolver));
    // A WebSocket client may offer the protocol that carries it.
    config.alpn_protocols = vec![b"mqtt".to_vec(), b"http/1.1".to_vec()];
    // Gateways connect seldom and stay: sessions to resume would cost more memory than time.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    // After its handshake a connection is its two keys, see `tls-session`.
    config.enable_secret_extraction = true;
    Ok(Some(Arc::new(config)))
}

enum Verifier {
    Unasked,
    Nobody,
    Of(Arc<dyn ClientCertVerifier>),
}

fn verifier(
    settings: &TlsSettings,
    provider: Arc<CryptoProvider>,
) -> Result<Verifier, rustls::Error> {
    let optional = match settings.client_authentication {
        ClientAuthentication::None => return Ok(Verifier::Unasked),
        ClientAuthentication::Optional => true,
        ClientAuthentication::Required => false,
    };
    if settings.client_authorities.is_empty() {
        return Ok(if optional {
            Verifier::Unasked
        } else {
            Verifier::Nobody
        });
    }
    let mut roots = RootCertStore::empty();
    for authority in &settings.client_authorities {
        roots.add(authority.clone())?;
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    let builder = if optional {
        builder.allow_unauthenticated()
    } else {
        builder
    };
    let verifier = builder.build();
    let verifier = verifier.map_err(|e| rustls::Error::General(e.to_string()))?;
    Ok(Verifier::Of(verifier))
}

/// Picks the certificate by the name that a client asks for.
#[derive(Debug)]
struct Resolver(Vec<Named>);

#[derive(Debug)]
struct Named {
    /// In lower case; a wildcard as it stands in the certificate.
    names: Vec<String>,
    key: Arc<CertifiedKey>,
}

impl Resolver {
    fn new(
        certificates: &[ServerCertificate],
        provider: &CryptoProvider,
    ) -> Result<Self, rustls::Error> {
        if certificates.is_empty() {
            return Err(rustls::Error::NoCertificatesPresented);
        }
        let named = certificates.iter().map(|certificate| {
            let (chain, key) = (certificate.chain.clone(), certificate.key.clone_key());
            let key = CertifiedKey::from_der(chain, key, provider)?;
            let names = dns_names(certificate.chain.first());
            let key = Arc::new(key);
            Ok(Named { names, key })
        });
        named.collect::<Result<_, _>>().map(Self)
    }
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name().unwrap_or_default().to_ascii_lowercase();
        let fits = |named: &&Named| named.names.iter().any(|pattern| covers(pattern, &name));
        // A client that names nobody, or a name that no certificate has, gets the first.
        let chosen = self.0.iter().find(fits).or_else(|| self.0.first());
        chosen.map(|named| Arc::clone(&named.key))
    }
}

/// A wildcard stands for one label (RFC 9525, 6.3).
fn covers(pattern: &str, name: &str) -> bool {
    let below = |domain: &str| name.split_once('.').is_some_and(|(_, rest)| rest == domain);
    match pattern.strip_prefix("*.") {
        Some(domain) => below(domain),
        None => pattern == name,
    }
}

fn dns_names(certificate: Option<&CertificateDer<'_>>) -> Vec<String> {
    let parsed = certificate.and_then(|der| X509Certificate::from_der(der).ok());
    let Some((_, certificate)) = parsed else {
        return Vec::new();
    };
    let names = certificate.subject_alternative_name().ok().flatten();
    let names = names.iter().flat_map(|names| &names.value.general_names);
    let dns = names.filter_map(|name| match name {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
        _ => None,
    });
    dns.collect()
}

#[cfg(test)]
mod tests {
    use super::covers;

    #[test]
    fn a_wildcard_stands_for_one_label() {
        let check = |pattern, name, expect| assert_eq!(covers(pattern, name), expect, "{name}");
        check("mq.example", "mq.example", true);
        check("mq.example", "x.mq.example", false);
        check("*.example", "mq.example", true);
        check("*.example", "a.mq.example", false);
        check("*.example", "example", false);
        check("*.example", "", false);
    }
}
