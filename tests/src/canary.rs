//! The private halves of keys as a thief would look for them, and the search for them.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test that cannot look fails

use std::{
    collections::{BTreeSet, HashMap},
    process::Command,
};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use contracts::{OrganizationId, keystore::KeyGenerated};
use keystore::{SecretBytes, master_key::MasterKey, vault, wrapping::Wrapped};
use regex::bytes::{Regex, RegexBuilder};
use testkit::Installation;
use uuid::Uuid;

use crate::{observed::admin, tool::run};

/// As much of a number as is searched for at a time: a line of PEM may break it in one place only.
const PIECE: usize = 16;

/// A key, and the numbers it is made of.
#[derive(Clone, Debug)]
pub struct Canary {
    /// Which key it is.
    pub name: String,
    /// The numbers that nobody may learn.
    pub private: Vec<Vec<u8>>,
    /// The numbers that everybody may.
    pub public: Vec<Vec<u8>>,
}

impl Canary {
    /// The numbers in a private key (PKCS #8), as OpenSSL reads it.
    #[must_use]
    pub fn of(name: &str, pkcs8: &[u8]) -> Self {
        let mut command = Command::new("openssl");
        command.args(["pkey", "-inform", "DER", "-noout", "-text"]);
        let text = run(command, pkcs8).done();
        let mut canary = Self { name: name.to_owned(), private: vec![], public: vec![] };
        let mut numbers: Vec<(&str, String)> = vec![];
        for line in text.lines() {
            match (line.strip_prefix("    "), numbers.last_mut()) {
                (Some(digits), Some((_, number))) => number.push_str(&digits.replace(':', "")),
                _ => numbers.push((line.trim_end_matches(':'), String::new())),
            }
        }
        for (heading, digits) in numbers {
            // An EC point begins with its form, 04; a positive number may begin with 00.
            let number = hex::decode(digits).unwrap_or_default();
            let number = number.iter().copied().skip_while(|byte| *byte == 0).collect();
            match heading {
                "priv" | "privateExponent" | "prime1" | "prime2" => canary.private.push(number),
                "pub" | "modulus" => canary.public.push(number),
                _ => {}
            }
        }
        assert!(!canary.private.is_empty() && !canary.public.is_empty(), "OpenSSL reads {name}");
        canary
    }
}

/// Every key of the keystore, opened with the installation's master key.
pub async fn of_keystore(installation: &Installation) -> Vec<Canary> {
    let admin = admin(installation).await;
    let digits = std::fs::read_to_string(installation.secrets().master_key_file()).unwrap();
    let master = MasterKey::new(SecretBytes::new(hex::decode(digits.trim()).unwrap())).unwrap();
    let sql = "select e.tenant, e.payload::text, k.organization_key, k.data_key, k.private_key, o.wrapped \
               from log.event e join keystore.wrapped_key k on k.key_id = e.stream \
               join keystore.organization_key o on o.organization = e.tenant and o.version = k.organization_key \
               where e.type = 'key.generated'";
    let open = |row: &tokio_postgres::Row| {
        let organization = OrganizationId(row.get::<_, Uuid>(0));
        let key: KeyGenerated = serde_json::from_str(row.get(1)).unwrap();
        let wrapped = Wrapped { organization_key: row.get(2), data_key: row.get(3), secret: row.get(4) };
        let wrapping = master.wrapping().open_organization_key(organization, row.get(2), row.get(5)).unwrap();
        let pkcs8 = wrapping.unwrap(&vault::binding(organization, &key), &wrapped).unwrap();
        Canary::of(&format!("{} ({})", key.id, key.algorithm.as_str()), pkcs8.expose())
    };
    admin.query(sql, &[]).await.unwrap().iter().map(open).collect()
}

/// Finds numbers in whatever form they are written: raw in either order, hexadecimal, base64.
#[derive(Debug)]
pub struct Search {
    pattern: Regex,
    names: HashMap<Vec<u8>, String>,
}

impl Search {
    /// For these numbers.
    pub fn new<'a>(wanted: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Self {
        let mut names = HashMap::new();
        for (name, number) in wanted {
            for form in pieces(number).into_iter().flat_map(forms) {
                names.insert(form, name.to_owned());
            }
        }
        let escaped = |form: &Vec<u8>| form.iter().map(|byte| format!("\\x{byte:02x}")).collect::<String>();
        let pattern = names.keys().map(escaped).collect::<Vec<_>>().join("|");
        let limit = 1 << 28;
        let pattern =
            RegexBuilder::new(&pattern).unicode(false).size_limit(limit).dfa_size_limit(limit).build();
        Self { pattern: pattern.unwrap(), names }
    }

    /// For the private numbers of keys.
    #[must_use]
    pub fn private(canaries: &[Canary]) -> Self {
        let numbers = |canary: &'_ Canary| canary.private.clone();
        Self::numbers(canaries, numbers)
    }

    /// For the public numbers of keys.
    #[must_use]
    pub fn public(canaries: &[Canary]) -> Self {
        Self::numbers(canaries, |canary| canary.public.clone())
    }

    fn numbers(canaries: &[Canary], of: impl Fn(&Canary) -> Vec<Vec<u8>>) -> Self {
        let wanted: Vec<(&str, Vec<u8>)> = canaries
            .iter()
            .flat_map(|canary| of(canary).into_iter().map(|number| (canary.name.as_str(), number)))
            .collect();
        Self::new(wanted.iter().map(|(name, number)| (*name, number.as_slice())))
    }

    /// The names of what is found.
    #[must_use]
    pub fn found(&self, content: &[u8]) -> BTreeSet<&str> {
        self.pattern.find_iter(content).map(|found| self.names[found.as_bytes()].as_str()).collect()
    }
}

/// The beginning, the end, and what lies a third from either.
fn pieces(number: &[u8]) -> Vec<&[u8]> {
    let last = number.len().saturating_sub(PIECE);
    let begins = BTreeSet::from([0, last / 3, last - last / 3, last]);
    begins.into_iter().map(|begin| &number[begin..(begin + PIECE).min(number.len())]).collect()
}

fn forms(piece: &[u8]) -> Vec<Vec<u8>> {
    let hex = hex::encode(piece);
    let reversed = piece.iter().rev().copied().collect();
    let mut forms = vec![piece.to_vec(), reversed, hex.to_uppercase().into_bytes(), hex.into_bytes()];
    for before in 0..3 {
        // Whatever stands before and behind it, these characters do not change.
        let shifted = [&[0; 2][..before.min(2)], piece].concat();
        let (begin, end) = ((before * 8).div_ceil(6), shifted.len() * 8 / 6);
        for text in [STANDARD_NO_PAD.encode(&shifted), URL_SAFE_NO_PAD.encode(&shifted)] {
            forms.push(text.as_bytes()[begin..end].to_vec());
        }
    }
    forms
}
