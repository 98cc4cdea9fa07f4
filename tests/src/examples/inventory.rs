//! Examples of what inventory decides.

use contracts::{DocumentId, SavedViewId, TrustSetId};

use super::*;

/// A certificate that can be read: what subscribers are told of it is read from it.
const CERTIFICATE: &str = "MIIBqDCCAU6gAwIBAgIUTRweIcfGS5R3bO6WNUBYe5JqH4owCgYIKoZIzj0EAwIwGzEZMBcGA1UEAwwQc2hvcC5leGFtcGxlLmNv\
    bTAeFw0yNjExMjIwNzQwMzhaFw0zNjExMTkwNzQwMzhaMBsxGTAXBgNVBAMMEHNob3AuZXhhbXBsZS5jb20wWTATBgcqhkjOPQIB\
    BggqhkjOPQMBBwNCAARRZFhwaUsmtxf/i1Zu1vRvyHzZjjcglFTyEd0iXyhNXDIFt6q+fYCZtLE73C1sI51uAp7KykSUDKmR8RHD\
    W6eOo3AwbjAdBgNVHQ4EFgQUJ3bW5LUtNqZCSfQJomRlKbiG/DYwHwYDVR0jBBgwFoAUJ3bW5LUtNqZCSfQJomRlKbiG/DYwDwYD\
    VR0TAQH/BAUwAwEB/zAbBgNVHREEFDASghBzaG9wLmV4YW1wbGUuY29tMAoGCCqGSM49BAMCA0gAMEUCIA2EL90GGV0G8QXJk/CX\
    I/DXdfG6cmdkDV+eu4B7avURAiEA895amTxINHLQVPipGuaQresE4R34E6fv2+qlP9rNFtU=";

/// Kind, schema version and payload of each event.
pub(super) fn log_events(all: &mut Vec<(&'static str, i16, Value)>) {
    push(
        all,
        i::CertificateEvent::from(i::CertificateAnnotated {
            labels: labels(),
            owner: Some("web@example.com".into()),
            note: None,
            belongs: belongs(),
        }),
    );
    let reason = || Some("the server is gone".to_owned());
    let archived = i::CertificateArchived { reason: reason(), belongs: belongs() };
    push(all, i::CertificateEvent::from(archived));
    let restored = i::CertificateRestored { reason: reason(), belongs: belongs() };
    push(all, i::CertificateEvent::from(restored));
    kept(all);
    push(
        all,
        i::CertificateEvent::from(i::CertificateImported {
            certificate: CERTIFICATE.into(),
            file: Some("shop.pem".into()),
            mode: i::OperationMode::Monitored,
            labels: labels(),
            owner: Some("web@example.com".into()),
            note: None,
            belongs: belongs(),
        }),
    );
    push(all, i::InventoryNameEvent::from(name("trust_set", "private", uuid(20))));
    trust_set(all);
}

fn kept(all: &mut Vec<(&'static str, i16, Value)>) {
    let attached = i::DocumentAttached {
        id: DocumentId(uuid(21)),
        certificate_id: CertificateId(uuid(11)),
        name: "contract.pdf".into(),
        size: 5_242_880,
        sha256: "9b".repeat(32),
    };
    push(all, i::DocumentEvent::from(attached));
    push(all, i::DocumentEvent::from(i::DocumentRemoved {}));
    let contents = || i::ViewContents {
        name: "Expiring in production".into(),
        filter: BTreeMap::from([("labels.env".to_owned(), "prod".to_owned())]),
        sort: Some("notAfter".into()),
        columns: vec!["commonName".into(), "notAfter".into()],
        shared: true,
    };
    let created = i::SavedViewCreated {
        id: SavedViewId(uuid(22)),
        organization_id: OrganizationId(uuid(1)),
        owner_id: AdministratorId(uuid(3)),
        of: i::ViewOf::Certificates,
        contents: contents(),
    };
    push(all, i::SavedViewEvent::from(created));
    push(all, i::SavedViewEvent::from(i::SavedViewUpdated { contents: contents() }));
    push(all, i::SavedViewEvent::from(i::SavedViewRemoved {}));
}

fn trust_set(all: &mut Vec<(&'static str, i16, Value)>) {
    let source = || i::TrustSource {
        name: "Mozilla Root Program".into(),
        url: "https://www.ccadb.org/resources".into(),
        version: "webpki-root-certs 1.0.11".into(),
        date: "2026-11-21".into(),
        license: "CDLA-Permissive-2.0".into(),
    };
    let fingerprint = "9b".repeat(32);
    let events: [i::TrustSetEvent; 8] = [
        i::TrustSetCreated {
            id: TrustSetId(uuid(20)),
            organization_id: Some(OrganizationId(uuid(1))),
            name: "private".into(),
            description: Some("what our own servers show".into()),
            source: Some(source()),
        }
        .into(),
        i::TrustSetUpdated { name: "internal".into(), description: None }.into(),
        i::TrustSetEdited { source: source() }.into(),
        i::TrustSetCertificatesAdded {
            certificates: vec![i::TrustedCertificate {
                fingerprint_sha256: fingerprint.clone(),
                certificate: "MIIB".into(),
            }],
        }
        .into(),
        i::TrustSetCertificatesRemoved { fingerprints: vec![fingerprint] }.into(),
        i::TrustSetMadeDefault {}.into(),
        i::TrustSetDefaultEnded {}.into(),
        i::TrustSetArchived {}.into(),
    ];
    for event in events {
        push(all, event);
    }
}
