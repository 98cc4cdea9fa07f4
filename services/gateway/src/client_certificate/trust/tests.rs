use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber,
};
use time::{Duration, OffsetDateTime, macros::datetime};

use super::*;

const NOON: OffsetDateTime = datetime!(2026-11-21 12:00 UTC);
const DAY: Duration = Duration::DAY;

type Ca = CertifiedIssuer<'static, KeyPair>;

fn ca(name: &str) -> Ca {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    (params.not_before, params.not_after) = (NOON - DAY, NOON + 100 * DAY);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn client() -> CertificateParams {
    client_for(vec![ExtendedKeyUsagePurpose::ClientAuth])
}

fn client_for(usages: Vec<ExtendedKeyUsagePurpose>) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "alice");
    params.serial_number = Some(SerialNumber::from(7_u64));
    params.extended_key_usages = usages;
    (params.not_before, params.not_after) = (NOON - DAY, NOON + 10 * DAY);
    params
}

fn signed(params: CertificateParams, ca: &Ca) -> PeerChain {
    let certificate = params.signed_by(&KeyPair::generate().unwrap(), ca).unwrap();
    PeerChain::new(vec![certificate.der().clone()]).unwrap()
}

fn crl(ca: &Ca, revoked: &[u64], next: OffsetDateTime) -> CertificateRevocationListDer<'static> {
    let entry = |serial: &u64| RevokedCertParams {
        serial_number: SerialNumber::from(*serial),
        revocation_time: NOON - DAY,
        reason_code: None,
        invalidity_date: None,
    };
    let params = CertificateRevocationListParams {
        this_update: NOON - DAY,
        next_update: next,
        crl_number: SerialNumber::from(1_u64),
        issuing_distribution_point: None,
        revoked_certs: revoked.iter().map(entry).collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    params.signed_by(ca).unwrap().into()
}

fn trust(ca: &Ca, crls: Option<Vec<CertificateRevocationListDer<'static>>>) -> Trust {
    Trust::new(Trust::read_authorities(ca.pem().as_bytes()).unwrap(), crls).unwrap()
}

fn judged(trust: &Trust, chain: &PeerChain, at: OffsetDateTime) -> String {
    match trust.judge(chain, Timestamp(at)) {
        Ok(_) => "counts".to_owned(),
        Err(refused) => runtime::error::words(&refused),
    }
}

#[test]
fn a_certificate_counts_only_if_it_leads_to_a_chosen_ca_and_is_for_clients_now() {
    let (chosen, other) = (ca("Corporate CA"), ca("Corporate CA"));
    let trust = trust(&chosen, None);
    let good = signed(client(), &chosen);
    assert_eq!(judged(&trust, &good, NOON), "counts");
    let server = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let self_signed = client().self_signed(&KeyPair::generate().unwrap()).unwrap();
    for (what, chain, at, reason) in [
        ("a CA of the same name", signed(client(), &other), NOON, "BadSignature"),
        ("self-signed", PeerChain::new(vec![self_signed.der().clone()]).unwrap(), NOON, "UnknownIssuer"),
        ("the CA itself", PeerChain::new(vec![chosen.der().clone()]).unwrap(), NOON, "CaUsedAsEndEntity"),
        ("over", good.clone(), NOON + 11 * DAY, "expired"),
        ("not yet", good, NOON - 2 * DAY, "not valid yet"),
        ("for servers", signed(client_for(server), &chosen), NOON, "extended key usage"),
        ("for everything", signed(client_for(vec![]), &chosen), NOON, "clientAuth"),
    ] {
        let found = judged(&trust, &chain, at);
        assert!(found.contains(reason), "{what}: {found}");
    }
}

#[test]
fn where_there_are_crls_a_certificate_counts_only_if_a_current_one_does_not_name_it() {
    let (chosen, other) = (ca("Corporate CA"), ca("Another CA"));
    let chain = signed(client(), &chosen);
    let later = NOON + 2 * DAY;
    for (what, crl, reason) in [
        ("another one is revoked", crl(&chosen, &[8], later), "counts"),
        ("it is revoked", crl(&chosen, &[7], later), "Revoked"),
        ("the CRL is over", crl(&chosen, &[8], NOON - Duration::HOUR), "revocation"),
        ("the CRL is another CA's", crl(&other, &[8], later), "UnknownRevocationStatus"),
    ] {
        let found = judged(&trust(&chosen, Some(vec![crl])), &chain, NOON);
        assert!(found.contains(reason), "{what}: {found}");
    }
}

#[test]
fn files_without_what_they_are_for_are_refused() {
    assert!(matches!(Trust::read_authorities(b""), Err(TrustError::Empty)));
    assert!(matches!(Trust::read_crls(b"no PEM"), Err(TrustError::Empty)));
    let nonsense = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert!(matches!(Trust::read_authorities(nonsense), Err(TrustError::Certificate(_))));
    let authorities = Trust::read_authorities(ca("Corporate CA").pem().as_bytes()).unwrap();
    let nonsense = Some(vec![CertificateRevocationListDer::from(vec![0])]);
    assert!(matches!(Trust::new(authorities, nonsense), Err(TrustError::Crl(_))));
}
