//! Who signs: the CA of the profile, or the certificate's own key.

use super::*;

#[test]
fn a_profile_for_self_signed_certificates_takes_no_csr() {
    let self_signed = |applicant| {
        let mut rules = rules(PolicyRules::default());
        rules.profile.issuer = ProfileIssuer::SelfSigned;
        Submit { rules: Arc::new(rules), issuer: None, ..submit(applicant, PolicyRules::default()) }
    };
    given::<CertificateRequest>([]).when(self_signed(shop()), NOON).refused(Refusal::SelfSignedWithCsr);
    let problem = Problem::from(Refusal::SelfSignedWithCsr);
    assert_eq!(problem.detail, "Self-signed certificates are not supported for CSR signing");
    accepted(self_signed(managed(named("shop.example.com"), &[])));
}

#[test]
fn a_ca_that_may_not_sign_now_refuses() {
    let by =
        |issuer: Issuer| Submit { issuer: Some(Arc::new(issuer)), ..submit(shop(), PolicyRules::default()) };
    let refused = |issuer: Issuer, state| {
        given::<CertificateRequest>([])
            .when(by(issuer), NOON)
            .refused(Refusal::Issuer { name: "micro-ca".into(), state });
    };
    refused(micro_ca().with_status(CaStatus::Suspended), "is suspended: resume it first");
    let before = NOON.plus(time::Duration::seconds(-1));
    refused(Issuer { not_after: before, ..micro_ca() }, "has expired: choose another one in the profile");
    let after = NOON.plus(time::Duration::seconds(1));
    refused(Issuer { not_before: after, ..micro_ca() }, "is not valid yet");
    accepted(by(Issuer { not_after: NOON, ..micro_ca() }));
}
