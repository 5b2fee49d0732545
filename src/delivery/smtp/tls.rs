//! TLS for mail: which certificate of a server is good.
//!
//! A certificate is good if an authority that the machine trusts has signed it, or if it stands
//! among the trusted ones itself, as `openssl req -x509` makes them: such a certificate says of
//! itself that it is an authority, which rustls takes for no server's. Its names and its time are looked at
//! nevertheless. `set mailtls_fingerprint` names the only one that is good.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};

use crate::config::{Fingerprint, MailSettings, MailTls};

/// The rules of a handshake under these settings.
///
/// # Errors
/// No certificate of an authority could be read; the text says why.
pub(super) fn client_config(settings: &MailSettings) -> Result<Arc<ClientConfig>, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let trust = match (settings.tls, settings.fingerprint) {
        // Against listeners only: whoever can change the traffic could also hide STARTTLS.
        (MailTls::May, _) => Trust::Anybody,
        (_, Some(fingerprint)) => Trust::Fingerprint(fingerprint),
        _ => Trust::trusted(&provider)?,
    };
    let verifier = Verifier {
        trust,
        provider: Arc::clone(&provider),
    };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?;
    let config = builder
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// The certificates that are good.
#[derive(Debug)]
enum Trust {
    Anybody,
    Fingerprint(Fingerprint),
    Authorities {
        verifier: Arc<WebPkiServerVerifier>,
        /// The trusted certificates as they are.
        trusted: Vec<CertificateDer<'static>>,
    },
}

impl Trust {
    /// The machine's certificates, or the ones of `$SSL_CERT_FILE` and `$SSL_CERT_DIR`.
    fn trusted(provider: &Arc<CryptoProvider>) -> Result<Self, String> {
        let found = rustls_native_certs::load_native_certs();
        Self::of(found.certs, provider).map_err(|fault| match found.errors.first() {
            Some(error) => format!("{fault} ({error})"),
            None => fault,
        })
    }

    fn of(
        trusted: Vec<CertificateDer<'static>>,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        // One that cannot be read as an authority's may yet be a server's own.
        roots.add_parsable_certificates(trusted.iter().cloned());
        if roots.is_empty() {
            return Err(
                "no certificate of an authority could be read: install ca-certificates, or \
                        name a file by SSL_CERT_FILE"
                    .to_owned(),
            );
        }
        let verifier =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
                .build()
                .map_err(|e| e.to_string())?;
        Ok(Self::Authorities { verifier, trusted })
    }
}

#[derive(Debug)]
struct Verifier {
    trust: Trust,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let good = Ok(ServerCertVerified::assertion());
        let (verifier, trusted) = match &self.trust {
            Trust::Anybody => return good,
            Trust::Fingerprint(wanted) => {
                let found = Fingerprint::of(end_entity);
                let other = || {
                    Error::General(format!(
                        "the certificate has the fingerprint {found}, not the one of `set \
                         mailtls_fingerprint`"
                    ))
                };
                return if found == *wanted { good } else { Err(other()) };
            }
            Trust::Authorities { verifier, trusted } => (verifier, trusted),
        };
        let verified =
            verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match verified {
            Err(Error::InvalidCertificate(fault))
                if trusted.contains(end_entity) && is_about_signer(&fault) =>
            {
                check_name(end_entity, server_name)?;
                good
            }
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// Whether a fault says nothing but that nobody known has signed the certificate, or that it is an
/// authority's. webpki looks at a certificate's time before either (`check_issuer_independent_properties`).
fn is_about_signer(fault: &CertificateError) -> bool {
    match fault {
        CertificateError::UnknownIssuer => true,
        CertificateError::Other(other) => matches!(
            other.0.downcast_ref::<webpki::Error>(),
            Some(webpki::Error::CaUsedAsEndEntity)
        ),
        _ => false,
    }
}

/// Whether a certificate that is trusted itself is for this server: by its alternative names, or,
/// where it has none, by its subject's common name, as openssl has it.
fn check_name(certificate: &CertificateDer<'_>, name: &ServerName<'_>) -> Result<(), Error> {
    let parsed = ParsedCertificate::try_from(certificate)?;
    let Err(fault) = verify_server_name(&parsed, name) else {
        return Ok(());
    };
    let nameless = matches!(
        &fault,
        Error::InvalidCertificate(CertificateError::NotValidForNameContext { presented, .. })
            if presented.is_empty()
    );
    let common = common_name(certificate).filter(|_| nameless);
    match common {
        Some(common) if common.eq_ignore_ascii_case(&name.to_str()) => Ok(()),
        _ => Err(fault),
    }
}

/// The last common name of a certificate's subject.
fn common_name(certificate: &CertificateDer<'_>) -> Option<String> {
    /// The object identifier 2.5.4.3, with its tag and length (X.520).
    const COMMON_NAME: &[u8] = &[0x06, 0x03, 0x55, 0x04, 0x03];
    let anchor = webpki::anchor_from_trusted_cert(certificate).ok()?;
    let subject: &[u8] = anchor.subject.as_ref();
    let at = memchr::memmem::rfind(subject, COMMON_NAME)?;
    // A string's tag, its length (below 128: a host's name), its bytes.
    let (_, value) = subject.get(at + COMMON_NAME.len()..)?.split_first()?;
    let (&length, value) = value.split_first()?;
    let value = value.get(..usize::from(length))?;
    std::str::from_utf8(value).ok().map(str::to_owned)
}

/// The fault of the server's certificate, with advice; `None` for any other fault of a handshake.
pub(super) fn trouble(error: &std::io::Error) -> Option<String> {
    let fault = error.get_ref()?.downcast_ref::<Error>()?;
    let advice = match fault {
        Error::General(words) => return Some(words.clone()),
        Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::Other(_)) => {
            "; put its authority, or itself, among the trusted certificates \
             (update-ca-certificates, SSL_CERT_FILE), or name it by `set mailtls_fingerprint`"
        }
        Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => "; name the server in `set mailserver` as its certificate does",
        Error::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        ) => "; renew it, and look at this machine's clock",
        Error::InvalidCertificate(_) => "",
        _ => return None,
    };
    Some(format!("{fault}{advice}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::pki_types::pem::PemObject;
    use std::path::Path;
    use std::process::Command;
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    /// A certificate made by `openssl req -x509` with these words, and its bytes.
    fn certificate(dir: &Path, words: &str) -> CertificateDer<'static> {
        let made = Command::new("openssl")
            .args([
                "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
            ])
            .args(["-keyout", "key", "-out", "cert"])
            .args(words.split(' '))
            .current_dir(dir)
            .output()
            .expect("the Debian package openssl");
        let told = String::from_utf8_lossy(&made.stderr).into_owned();
        assert!(made.status.success(), "{told}");
        CertificateDer::from_pem_file(dir.join("cert")).unwrap()
    }

    fn verify(
        trusted: &[&CertificateDer<'static>],
        server: &CertificateDer<'_>,
        name: &str,
        later: Duration,
    ) -> Result<(), Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let trusted = trusted.iter().map(|&c| c.clone()).collect();
        let verifier = Verifier {
            trust: Trust::of(trusted, &provider).unwrap(),
            provider,
        };
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + later;
        let now = UnixTime::since_unix_epoch(now);
        let verified = verifier.verify_server_cert(server, &[], &name, &[], now);
        verified.map(drop)
    }

    const NOW: Duration = Duration::ZERO;

    #[test]
    fn a_certificate_that_is_trusted_itself_is_taken_for_its_names_in_its_time() {
        let dir = tempfile::tempdir().unwrap();
        let make = |words: &str| certificate(dir.path(), words);
        let alternative = "-subj /CN=other -addext subjectAltName=DNS:mail.test,IP:127.0.0.1";
        // As openssl makes it: CA:TRUE.
        let authority = make(alternative);
        let leaf = make(&format!(
            "{alternative} -addext basicConstraints=critical,CA:FALSE"
        ));
        let nameless = make("-subj /O=x/CN=Mail.test");
        let stranger = make(alternative);
        for own in [&authority, &leaf] {
            for name in ["mail.test", "127.0.0.1"] {
                verify(&[own], own, name, NOW).unwrap();
                verify(&[&stranger, own], own, name, NOW).unwrap();
            }
            for name in ["other", "x.mail.test", "127.0.0.2"] {
                let fault = verify(&[own], own, name, NOW).unwrap_err().to_string();
                assert!(fault.contains("not valid for name"), "{fault}");
            }
            let days = Duration::from_secs(3 * 24 * 3600);
            let fault = verify(&[own], own, "mail.test", days).unwrap_err();
            assert!(fault.to_string().contains("expired"), "{fault}");
            let fault = verify(&[&stranger], own, "mail.test", NOW).unwrap_err();
            assert!(matches!(fault, Error::InvalidCertificate(_)), "{fault}");
        }
        // No alternative names: the common name, as openssl has it.
        verify(&[&nameless], &nameless, "mail.test", NOW).unwrap();
        assert!(verify(&[&nameless], &nameless, "mail.test2", NOW).is_err());
        assert!(verify(&[&nameless], &nameless, "x", NOW).is_err());
        assert_eq!(common_name(&authority).as_deref(), Some("other"));
    }

    #[test]
    fn a_fingerprint_names_the_only_certificate_that_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        let own = certificate(dir.path(), "-subj /CN=x");
        let shown = Command::new("openssl")
            .args(["x509", "-noout", "-fingerprint", "-sha256", "-in", "cert"])
            .current_dir(dir.path())
            .output()
            .unwrap();
        let shown = String::from_utf8(shown.stdout).unwrap();
        let digits = shown.trim().split('=').next_back().unwrap();
        let fingerprint = Fingerprint::parse(digits).unwrap();
        assert_eq!(Fingerprint::of(&own), fingerprint);
        let other = certificate(dir.path(), "-subj /CN=x");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let trust = Trust::Fingerprint(fingerprint);
        let verifier = Verifier { trust, provider };
        let name = ServerName::try_from("any.name").unwrap();
        let verify = |server| verifier.verify_server_cert(server, &[], &name, &[], UnixTime::now());
        verify(&own).unwrap();
        let fault = verify(&other).unwrap_err().to_string();
        let found = Fingerprint::of(&other).to_string();
        assert!(
            fault.contains(&found) && fault.contains("mailtls_fingerprint"),
            "{fault}"
        );
    }
}
