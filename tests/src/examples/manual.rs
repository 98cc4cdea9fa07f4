//! Examples of requests for a CA outside.

use contracts::signer::CertificateRequestEvent as Event;

use super::*;

/// Kind, schema version and payload of each event.
pub(super) fn log_events(all: &mut Vec<(&'static str, i16, Value)>) {
    let of = s::RequestIdentity {
        profile_id: ProfileId(uuid(8)),
        certificate_id: CertificateId(uuid(11)),
        belongs: belongs(),
    };
    push(
        all,
        Event::from(s::CsrIntended {
            of,
            key_id: KeyId(uuid(5)),
            signature_algorithm: SignatureAlgorithm::EcdsaSha256,
            info: "MIGDAgEAMCExHzAdBgNVBAMM".into(),
        }),
    );
    push(all, Event::from(s::CsrMade { of, csr: "MIHcMIGDAgEAMCExHzAdBgNVBAMM".into() }));
    let message = Some("contract 4711".to_owned());
    push(all, Event::from(s::CsrMailWanted { of, to: "orders@ca.example".into(), message }));
    push(
        all,
        Event::from(s::CertificateReceived {
            of,
            certificate: "MIIBsDCCAVagAwIBAgI".into(),
            others: vec!["MIIBsDCCAVagAwIBAgJ".into()],
            missing: s::MissingIssuer {
                subject: "CN=Example Issuing CA 1".into(),
                key_identifier: Some("4e1243bd22c66e76".into()),
                issued: "CN=shop.example.com".into(),
            },
        }),
    );
    push(
        all,
        Event::from(s::CertificateRequestCompleted {
            of,
            certificate: "MIIBsDCCAVagAwIBAgI".into(),
            fingerprint_sha256: "55".repeat(32),
            chain: vec!["MIIBsDCCAVagAwIBAgJ".into()],
            root_trusted: false,
            key_id: Some(KeyId(uuid(5))),
            common_name: Some("shop.example.com".into()),
            sans: sans(),
            not_before: time(),
            not_after: time().plus(Lifetime::days(90).duration()),
            labels: labels(),
            note: Some("CHG-1042".into()),
        }),
    );
}
