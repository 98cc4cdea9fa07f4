//! PKCS #7 and CMS: the certificates of a SignedData (RFC 5652 §5). Who signed what is not looked at.

use super::{Contents, FileError, Note, error::At};
use crate::asn1::{Reader, tag};

const PLACE: &str = "the PKCS #7 file";

/// Reads a ContentInfo with SignedData. Certificates that are none are kept as problems with their number.
pub(super) fn read(der: &[u8], contents: &mut Contents) -> Result<(), FileError> {
    let mut content_info = Reader::new(der).sequence().at(PLACE)?;
    content_info.expect(tag::OID).at(PLACE)?;
    let mut signed_data = content_info.enter(tag::constructed(0)).at(PLACE)?.sequence().at(PLACE)?;
    signed_data.small().at(PLACE)?;
    signed_data.expect(tag::SET).at(PLACE)?; // digest algorithms
    signed_data.expect(tag::SEQUENCE).at(PLACE)?; // what was signed
    let certificates = signed_data.optional(tag::constructed(0)).at(PLACE)?;
    let crls = signed_data.optional(tag::constructed(1)).at(PLACE)?;
    let mut certificates = Reader::new(certificates.map_or(&[], |set| set.value));
    let mut number = 0;
    while !certificates.is_empty() {
        let element = certificates.element().at(PLACE)?;
        number += 1;
        if element.tag == tag::SEQUENCE {
            let added = contents.add_certificate(element.der, None, false);
            contents.keep(|| format!("certificate {number}"), added);
        } else {
            contents.note(Note::Ignored { what: "an attribute certificate".to_owned() });
        }
    }
    let mut crls = Reader::new(crls.map_or(&[], |set| set.value));
    while !crls.is_empty() {
        crls.element().at(PLACE)?;
        contents.add_crl();
    }
    Ok(())
}
