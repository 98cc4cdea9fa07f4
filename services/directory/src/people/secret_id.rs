//! The word by which a person is recognized later: kept as argon2id, so that who reads the table learns nothing.

use argon2::{Algorithm, Argon2, Params, Version};
use contracts::{Problem, SecretText};
use runtime::entropy::{self, Entropy};

/// 19 MiB, twice: what OWASP names as the least for argon2id.
const COST: (u32, u32, u32) = (19 * 1024, 2, 1);
const SALT: usize = 16;

/// The kept form of a word: salt and hash, hexadecimal.
pub fn hashed(word: &SecretText, entropy: &dyn Entropy) -> Result<String, Problem> {
    let salt = entropy::bytes::<SALT>(entropy);
    hash(word, &salt).map(|hash| format!("{}:{}", hex::encode(salt), hex::encode(hash))).map_err(|error| {
        tracing::error!(%error, "a secret id cannot be hashed");
        Problem::internal()
    })
}

fn hash(word: &SecretText, salt: &[u8]) -> Result<[u8; 32], argon2::Error> {
    let mut hash = [0; 32];
    let (memory, passes, lanes) = COST;
    let params = Params::new(memory, passes, lanes, Some(hash.len()))?;
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password_into(
        word.reveal().as_bytes(),
        salt,
        &mut hash,
    )?;
    Ok(hash)
}

#[cfg(test)]
mod tests {
    use runtime::entropy::SystemEntropy;

    use super::*;

    #[test]
    fn the_same_word_is_kept_in_another_form_each_time() {
        let word = SecretText::new("employee 4711".into());
        let (one, other) = (hashed(&word, &SystemEntropy).unwrap(), hashed(&word, &SystemEntropy).unwrap());
        assert_ne!(one, other);
        assert!(!one.contains("4711"));
        let (salt, kept) = one.split_once(':').unwrap();
        assert_eq!(hex::encode(hash(&word, &hex::decode(salt).unwrap()).unwrap()), kept);
    }
}
