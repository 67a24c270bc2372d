//! Certificates as they are written in files: read, and found to be good, before anything listens with them.

use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

/// Why nobody can be served with a certificate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadCertificate {
    /// No certificate is in the file.
    #[error("holds no certificate")]
    NoCertificate,
    /// No private key is in the file.
    #[error("holds no private key")]
    NoKey,
    /// The two do not belong together, or are of a kind that cannot be used.
    #[error("cannot be used with the certificate: {0}")]
    Unusable(String),
}

/// The certificate (with those that lead to its authority) and its key, from PEM texts.
///
/// # Errors
/// What is wrong, to be read after the name of the file: of `chain` for [`BadCertificate::NoCertificate`], else of `key`.
pub fn certified_key(chain: &[u8], key: &[u8]) -> Result<CertifiedKey, BadCertificate> {
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(chain)
        .collect::<Result<_, _>>()
        .map_err(|_| BadCertificate::NoCertificate)?;
    if chain.is_empty() {
        return Err(BadCertificate::NoCertificate);
    }
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| BadCertificate::NoKey)?;
    let unusable = |error: rustls::Error| BadCertificate::Unusable(error.to_string());
    let provider = Arc::new(ring::default_provider());
    // This compares the key with the certificate too.
    CertifiedKey::from_der(chain, key, &provider).map_err(unusable)
}
