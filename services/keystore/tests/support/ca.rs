//! The signer's part: intents in the log, certificates from signatures.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use contracts::{
    CaId, CertificateId, CertificateRequestId, Lifetime, OrganizationId, ProfileId, Timestamp,
    keystore::{KeyView, SignCaCertificate, SignCertificate, SignSelfSigned, SignatureView},
    signer::{
        CaCreated, CaEvent, CaIntended, CaKind, CaSuspended, IssuanceEvent, IssuanceIntended, issuance_stream,
    },
    x509::{CertificateType, SubjectAltName},
};
use pki::{
    builder::{self, Addresses, CaTemplate, Issuer, LeafTemplate},
    certificate::Certificate,
    serial::Serial,
};
use runtime::clock::Clock as _;
use uuid::Uuid;

use super::Stage;

/// A CA with its certificate.
pub struct Ca {
    pub id: CaId,
    pub key: KeyView,
    pub certificate: Certificate,
    pub version: i32,
}

/// An intent in the log.
pub struct Issuance {
    pub stream: Uuid,
    pub tbs: Vec<u8>,
    pub key: KeyView,
}

pub fn spki(key: &KeyView) -> Vec<u8> {
    let base64: String = key.public_key.lines().filter(|line| !line.starts_with('-')).collect();
    STANDARD.decode(base64).unwrap()
}

/// A Name with one common name, DER.
pub fn name(common_name: &str) -> Vec<u8> {
    let value = common_name.as_bytes();
    let attribute = [&[0x06, 3, 0x55, 4, 3, 0x0c, value.len() as u8], value].concat();
    let attribute = [&[0x30, attribute.len() as u8], &attribute[..]].concat();
    let set = [&[0x31, attribute.len() as u8], &attribute[..]].concat();
    [&[0x30, set.len() as u8], &set[..]].concat()
}

fn serial(stage: &Stage) -> Serial {
    Serial::new(stage.signer.ids.serial_number())
}

impl Stage {
    /// Records the intent of a CA with this key; self-signed unless it has a parent.
    pub async fn intend_ca(&self, kind: CaKind, key: &KeyView, parent: Option<&Ca>) -> (CaId, Vec<u8>) {
        let subject = name("Test CA");
        let (spki, addresses) = (spki(key), Addresses::default());
        let template = CaTemplate {
            serial: serial(self),
            subject: &subject,
            spki: &spki,
            not_before: self.clock.now(),
            // Made a second later, it still ends before its parent.
            ttl: Lifetime::days(if parent.is_some() { 50 } else { 100 }),
            path_length: None,
            digital_signature: false,
            addresses: &addresses,
        };
        let signing = parent.map_or(key, |parent| &parent.key);
        let signature = signing.algorithm.default_signature();
        let tbs = match parent {
            None => builder::build_root_tbs(&template, signature),
            Some(parent) => {
                let issuer = Issuer::from_certificate(&parent.certificate).unwrap();
                builder::build_subordinate_tbs(&template, &issuer, signature)
            }
        };
        let tbs = tbs.unwrap();
        let id = self.signer.ids.id::<CaId>();
        let intended = CaIntended {
            approval_id: None,
            id,
            name: "test".into(),
            kind,
            parent_id: parent.map(|parent| parent.id),
            key_id: key.id,
            signing_key_id: signing.id,
            key_algorithm: key.algorithm,
            signature_algorithm: signature,
            tbs: STANDARD.encode(&tbs),
            max_ttl: None,
        };
        self.append(&self.signer, id.uuid(), 0, CaEvent::from(intended)).await;
        (id, tbs)
    }

    /// A CA that may issue.
    pub async fn ca(&self, kind: CaKind, key: KeyView, parent: Option<&Ca>) -> Ca {
        let (id, tbs) = self.intend_ca(kind, &key, parent).await;
        let signature = bytes(&self.send(&SignCaCertificate { ca: id }).await.unwrap().result);
        let signing = parent.map_or(&key, |parent| &parent.key);
        let certificate = assembled(&tbs, signing, &signature);
        let created = CaCreated {
            certificate: STANDARD.encode(certificate.der()),
            fingerprint_sha256: certificate.sha256(),
            common_name: "Test CA".into(),
            not_before: Timestamp::from_unix(0),
            not_after: certificate.not_after(),
        };
        self.append(&self.signer, id.uuid(), 1, CaEvent::from(created)).await;
        Ca { id, key, certificate, version: 2 }
    }

    pub async fn suspend(&self, ca: &mut Ca) {
        let suspended = CaSuspended { reason: "test".into() };
        self.append(&self.signer, ca.id.uuid(), ca.version, CaEvent::from(suspended)).await;
        ca.version += 1;
    }

    /// Records the intent of a certificate by this CA, or of a self-signed one, for this key.
    pub async fn intend(&self, ca: Option<&Ca>, key: &KeyView) -> Issuance {
        let (subject, sans) = (name("www.example.com"), [SubjectAltName::Dns("www.example.com".into())]);
        let (spki, addresses, serial) = (spki(key), Addresses::default(), serial(self));
        let template = LeafTemplate {
            serial,
            subject: &subject,
            sans: &sans,
            spki: &spki,
            not_before: self.clock.now(),
            ttl: Lifetime::days(10),
            certificate_type: CertificateType::Server,
            key_usages: None,
            extended_key_usages: None,
            addresses: &addresses,
        };
        let signing = ca.map_or(key, |ca| &ca.key);
        let signature = signing.algorithm.default_signature();
        let tbs = match ca {
            None => builder::build_self_signed_tbs(&template, signature),
            Some(ca) => {
                builder::build_tbs(&template, &Issuer::from_certificate(&ca.certificate).unwrap(), signature)
            }
        };
        let tbs = tbs.unwrap();
        let serial = serial.to_string();
        let stream = issuance_stream(ca.map_or(key.id.uuid(), |ca| ca.id.uuid()), &serial);
        let intended = IssuanceIntended {
            approval_id: None,
            rules_sha256: None,
            subject_changes: vec![],
            ca_id: ca.map(|ca| ca.id),
            signing_key_id: signing.id,
            signature_algorithm: signature,
            serial,
            tbs: STANDARD.encode(&tbs),
            spki_sha256: key.spki_sha256.clone(),
            request_id: CertificateRequestId(Uuid::nil()),
            certificate_id: CertificateId(Uuid::nil()),
            profile_id: ProfileId(Uuid::nil()),
            key_id: ca.is_none().then_some(key.id),
            belongs: Default::default(),
            labels: Default::default(),
            note: None,
        };
        self.append(&self.signer, stream, 0, IssuanceEvent::from(intended)).await;
        Issuance { stream, tbs, key: key.clone() }
    }

    pub async fn sign(&self, issuance: &Issuance) -> Result<Vec<u8>, contracts::Problem> {
        self.send(&SignCertificate { issuance: issuance.stream }).await.map(|reply| bytes(&reply.result))
    }

    pub async fn sign_self(&self, issuance: &Issuance) -> Result<Vec<u8>, contracts::Problem> {
        self.send(&SignSelfSigned { issuance: issuance.stream }).await.map(|reply| bytes(&reply.result))
    }

    pub async fn sign_in(
        &self,
        organization: OrganizationId,
        issuance: &Issuance,
    ) -> Result<Vec<u8>, contracts::Problem> {
        let (context, command) =
            (self.command_in(organization), SignCertificate { issuance: issuance.stream });
        self.signer.bus.call(&context, &command).await.map(|reply| bytes(&reply.result))
    }
}

pub fn bytes(signature: &SignatureView) -> Vec<u8> {
    STANDARD.decode(&signature.signature).unwrap()
}

/// The certificate; its signature is checked against the key that should have made it.
pub fn assembled(tbs: &[u8], signing: &KeyView, signature: &[u8]) -> Certificate {
    let der = builder::assemble(tbs, signing.algorithm.default_signature(), signature);
    let certificate = Certificate::read_der(&der).unwrap();
    assert!(certificate.is_signed_by(&spki(signing)), "{}", signing.algorithm);
    certificate
}
