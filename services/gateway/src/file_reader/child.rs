//! The side that reads: one file, and an end.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use pki::{
    file::{self, Contents, FileError, Passphrases},
    spki,
};
use runtime::sealed::{self, Purpose};
use serde::Deserialize;

use super::{Fault, Found, FoundKey, Member, SealTo};

#[derive(Deserialize)]
struct Asked {
    passphrases: Vec<String>,
    length: usize,
    seal_to: Option<SealTo>,
}

/// What the process answers to what it was given; nothing where that was cut off.
#[must_use]
pub fn answer(input: &[u8]) -> Vec<u8> {
    let Some(end) = input.iter().position(|byte| *byte == b'\n') else { return vec![] };
    let (asked, file) = (serde_json::from_slice::<Asked>(&input[..end]), &input[end + 1..]);
    let Some(asked) = asked.ok().filter(|asked| asked.length == file.len()) else { return vec![] };
    let read = file::read(file, &Passphrases::new(asked.passphrases));
    serde_json::to_vec(&found(read, asked.seal_to.as_ref())).unwrap_or_default()
}

fn found(result: Result<Contents, FileError>, seal_to: Option<&SealTo>) -> Result<Found, Fault> {
    let contents = result.map_err(|error| Fault::of(&error, None))?;
    let mut notes: Vec<String> = contents.notes.iter().map(ToString::to_string).collect();
    notes.extend(missing_issuers(&contents));
    let faults = contents.problems.iter().map(|problem| Fault::of(&problem.error, Some(&problem.place)));
    let members = contents.members.into_iter();
    Ok(Found {
        format: contents.format,
        certificates: contents
            .certificates
            .iter()
            .map(|one| STANDARD.encode(one.certificate.der()))
            .collect(),
        keys: contents.keys.iter().map(|key| FoundKey::of(key, seal_to)).collect(),
        requests: contents.requests.len(),
        notes,
        faults: faults.collect(),
        members: members
            .map(|member| Member { name: member.name, found: found(member.result, seal_to) })
            .collect(),
    })
}

/// Whose certificates would be needed above those that the file has.
fn missing_issuers(contents: &Contents) -> Vec<String> {
    let all = || contents.certificates.iter().map(|found| &found.certificate);
    let missing = all().filter(|certificate| {
        !certificate.is_ca()
            && !certificate.is_self_issued()
            && !all().any(|one| one.subject_der() == certificate.issuer_der())
    });
    missing.map(|one| format!("the issuer's certificate '{}' is not in the file", one.issuer())).collect()
}

impl FoundKey {
    fn of(found: &file::FoundKey, seal_to: Option<&SealTo>) -> Self {
        let sealed = seal_to.and_then(|to| {
            sealed::seal_for(Purpose::Upload, &to.public_key, to.organization, to.id, found.key.pkcs8()).ok()
        });
        Self {
            algorithm: found.key.describe().0,
            spki_sha256: hex::encode(spki::spki_sha256(found.key.spki())),
            alias: found.alias.clone(),
            sealed,
        }
    }
}

#[cfg(test)]
mod tests {
    use rcgen::PublicKeyData as _;
    use runtime::sealed::OneTimeKey;
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    fn asked(file: &[u8], length: usize) -> Vec<u8> {
        [format!("{{\"passphrases\":[],\"length\":{length}}}\n").as_bytes(), file].concat()
    }

    #[test]
    fn what_is_read_is_answered_and_what_is_cut_off_is_not() {
        let answered: Result<Found, Fault> = serde_json::from_slice(&answer(&asked(b"hello", 5))).unwrap();
        assert_eq!(answered.unwrap_err().code, "file_unrecognized");
        assert_eq!(answer(&asked(b"hell", 5)), b"");
        assert_eq!(answer(b"{}"), b"");
    }

    #[test]
    fn a_private_key_comes_back_sealed_or_not_at_all() {
        let pair = rcgen::KeyPair::generate().unwrap();
        let (pem, one_time) = (pair.serialize_pem(), OneTimeKey::draw().unwrap());
        let (organization, id) = (contracts::OrganizationId(Uuid::from_u128(1)), Uuid::from_u128(2));
        let read = |seal_to: serde_json::Value| {
            let line = json!({"passphrases": [], "length": pem.len(), "seal_to": seal_to}).to_string();
            let answered = answer(&[line.as_bytes(), b"\n", pem.as_bytes()].concat());
            serde_json::from_slice::<Result<Found, Fault>>(&answered).unwrap().unwrap().keys.remove(0)
        };
        assert!(read(json!(null)).sealed.is_none());
        let to = SealTo { public_key: one_time.public(), organization, id };
        let sealed = read(json!(to)).sealed.unwrap();
        let opened = one_time.open_for(Purpose::Upload, organization, id, &sealed).unwrap();
        let opened = file::PrivateKeyDer::read(&opened).unwrap();
        assert_eq!(opened.spki(), pair.subject_public_key_info());
    }
}
