//! What all sessions of a node have in common.

use std::fmt;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{
    AlwaysResolvesClientRawPublicKeys, ClientConfig, ClientConnection, Resumption,
};
use rustls::crypto::ring::cipher_suite::{
    TLS13_AES_128_GCM_SHA256, TLS13_AES_256_GCM_SHA384, TLS13_CHACHA20_POLY1305_SHA256,
};
use rustls::crypto::ring::kx_group::X25519;
use rustls::crypto::ring::{default_provider, sign::any_eddsa_type};
use rustls::crypto::{CryptoProvider, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{
    CertificateDer, PrivatePkcs8KeyDer, ServerName, SubjectPublicKeyInfoDer, UnixTime,
};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{
    AlwaysResolvesServerRawPublicKeys, NoServerSessionStorage, ServerConfig, ServerConnection,
};
use rustls::sign::CertifiedKey;
use rustls::time_provider::TimeProvider;
use rustls::version::TLS13;
use rustls::{
    CertificateError, Connection, DigitallySignedStruct, DistinguishedName, Error, PeerMisbehaved,
    SignatureScheme,
};

use super::TlsSession;
use crate::identity::{Identity, IdentityError, PublicKey};

/// What stands before the protocol's id in the name that both ends must agree on (RFC 7301).
const ALPN_HEAD: &str = "rs2p/1 ";

/// Makes the sessions of one node: its key, and the protocol that it speaks.
#[derive(Clone)]
pub struct TlsContext {
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
}

impl TlsContext {
    /// The context of a node with this identity, in the mesh with this protocol id.
    ///
    /// # Errors
    ///
    /// [`IdentityError`] where TLS does not take the key, for which no cause is known.
    pub fn new(identity: &Identity, protocol_id: &str) -> Result<Self, IdentityError> {
        let shown = identity.public_key();
        Self::build(identity, &shown, protocol_id).map_err(|_| IdentityError::Damaged)
    }

    /// The context of somebody who shows a key that is not theirs.
    #[cfg(test)]
    pub(crate) fn forged(identity: &Identity, shown: &PublicKey, protocol_id: &str) -> Self {
        Self::build(identity, shown, protocol_id).unwrap()
    }

    fn build(identity: &Identity, shown: &PublicKey, protocol_id: &str) -> Result<Self, Error> {
        let provider = Arc::new(CryptoProvider {
            cipher_suites: vec![
                TLS13_AES_128_GCM_SHA256,
                TLS13_AES_256_GCM_SHA384,
                TLS13_CHACHA20_POLY1305_SHA256,
            ],
            kx_groups: vec![X25519],
            ..default_provider()
        });
        let key = any_eddsa_type(&PrivatePkcs8KeyDer::from(identity.pkcs8()))?;
        let public = CertificateDer::from(shown.to_spki());
        let certified = Arc::new(CertifiedKey::new(vec![public], key));
        let verifier = Arc::new(AnyKey { provider: Arc::clone(&provider) });
        let alpn = vec![format!("{ALPN_HEAD}{protocol_id}").into_bytes()];

        let mut client =
            ClientConfig::builder_with_details(Arc::clone(&provider), Arc::new(NoTime))
                .with_protocol_versions(&[&TLS13])?
                .dangerous()
                .with_custom_certificate_verifier(Arc::clone(&verifier) as _)
                .with_client_cert_resolver(Arc::new(AlwaysResolvesClientRawPublicKeys::new(
                    Arc::clone(&certified),
                )));
        client.alpn_protocols.clone_from(&alpn);
        client.resumption = Resumption::disabled();
        client.enable_sni = false;

        let mut server = ServerConfig::builder_with_details(provider, Arc::new(NoTime))
            .with_protocol_versions(&[&TLS13])?
            .with_client_cert_verifier(verifier)
            .with_cert_resolver(Arc::new(AlwaysResolvesServerRawPublicKeys::new(certified)));
        server.alpn_protocols = alpn;
        server.session_storage = Arc::new(NoServerSessionStorage {});
        server.send_tls13_tickets = 0;
        server.max_early_data_size = 0;
        Ok(Self { client: Arc::new(client), server: Arc::new(server) })
    }

    /// Begins a session on a connection that this node has dialled; `None` where there is no
    /// entropy to begin it with.
    pub fn dial(&self) -> Option<TlsSession> {
        // Peers have keys, not names: this one is never sent.
        let name = ServerName::try_from("mesh").ok()?;
        let connection = ClientConnection::new(Arc::clone(&self.client), name).ok()?;
        Some(TlsSession::new(Connection::Client(connection)))
    }

    /// Begins a session on a connection that somebody has opened to this node.
    pub fn accept(&self) -> Option<TlsSession> {
        let connection = ServerConnection::new(Arc::clone(&self.server)).ok()?;
        Some(TlsSession::new(Connection::Server(connection)))
    }
}

impl fmt::Debug for TlsContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsContext")
    }
}

/// Nothing here expires, so nobody asks what time it is.
#[derive(Debug)]
struct NoTime;

impl TimeProvider for NoTime {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(std::time::Duration::ZERO))
    }
}

/// Takes every Ed25519 key that its holder proves to have. Whose it is, the node judges.
#[derive(Debug)]
struct AnyKey {
    provider: Arc<CryptoProvider>,
}

impl AnyKey {
    fn check(key: &CertificateDer<'_>) -> Result<(), Error> {
        let key = PublicKey::from_spki(key);
        key.map(|_| ()).ok_or(Error::InvalidCertificate(CertificateError::BadEncoding))
    }

    fn verify(
        &self,
        message: &[u8],
        key: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let key = SubjectPublicKeyInfoDer::from(key.as_ref());
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature_with_raw_key(message, &key, signature, algorithms)
    }
}

const SCHEMES: [SignatureScheme; 1] = [SignatureScheme::ED25519];

/// TLS 1.2 is not spoken here.
const NO_TLS12: Error =
    Error::PeerMisbehaved(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme);

impl ServerCertVerifier for AnyKey {
    fn verify_server_cert(
        &self,
        key: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Self::check(key).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(NO_TLS12)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        key: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verify(message, key, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        SCHEMES.to_vec()
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

impl ClientCertVerifier for AnyKey {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        key: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Self::check(key).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(NO_TLS12)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        key: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verify(message, key, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        SCHEMES.to_vec()
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}
