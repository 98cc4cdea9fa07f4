//! Certificates-only PKCS #7, `.p7b` (RFC 5652 §5, RFC 8551 §3.8): SignedData without signatures.

use crate::{
    asn1::{Writer, tag},
    certificate::Certificate,
    oid,
};

/// DER that holds these certificates. The set is sorted, as DER asks; readers put the chain in order themselves.
#[must_use]
pub fn write(certificates: &[&Certificate]) -> Vec<u8> {
    let mut sorted: Vec<&[u8]> = certificates.iter().map(|certificate| certificate.der()).collect();
    sorted.sort_unstable();
    sorted.dedup();
    let mut writer = Writer::default();
    writer.sequence(|content_info| {
        content_info.oid(oid::SIGNED_DATA);
        content_info.nest(tag::constructed(0), |explicit| {
            explicit.sequence(|signed_data| {
                signed_data.put(tag::INTEGER, &[1]);
                signed_data.put(tag::SET, &[]); // digest algorithms
                signed_data.sequence(|content| {
                    content.oid(oid::DATA);
                });
                signed_data.nest(tag::constructed(0), |set| {
                    for certificate in &sorted {
                        set.raw(certificate);
                    }
                });
                signed_data.put(tag::SET, &[]); // signer infos
            });
        });
    });
    writer.finish()
}
