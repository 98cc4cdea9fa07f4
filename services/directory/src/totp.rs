//! One-time passwords by time (RFC 6238 with SHA-1, 6 digits, 30 s), as authenticators make them, and recovery codes.

use aws_lc_rs::hmac;
use contracts::Timestamp;

/// Length of a step.
const STEP: i64 = 30;
/// Clocks may differ by so many steps.
const DRIFT: i64 = 1;
/// Bytes of a seed: as long as SHA-1's output (RFC 4226, section 4, R6).
pub const SEED: usize = 20;
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// Bytes of a recovery code.
pub const RECOVERY: usize = 10;

/// The step of a code, if it is that of one near now and after the one that was used last.
pub fn step_of(seed: &[u8], code: &str, last: i64, now: Timestamp) -> Option<i64> {
    let typed: u32 = Some(code)
        .filter(|code| code.len() == 6 && code.bytes().all(|b| b.is_ascii_digit()))?
        .parse()
        .ok()?;
    let current = now.unix().div_euclid(STEP);
    (current - DRIFT..=current + DRIFT).find(|step| *step > last && hotp(seed, *step) % 1_000_000 == typed)
}

/// The number that a counter gives (RFC 4226, section 5.3), before it is cut to digits.
fn hotp(seed: &[u8], counter: i64) -> u32 {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, seed);
    let tag = hmac::sign(&key, &counter.to_be_bytes());
    let tag = tag.as_ref();
    let offset = usize::from(tag[tag.len() - 1] & 0x0f);
    let mut word = [0; 4];
    word.copy_from_slice(&tag[offset..offset + 4]);
    u32::from_be_bytes(word) & 0x7fff_ffff
}

/// The link that authenticators read. `issuer` and `account` stand there percent-encoded.
pub fn link(issuer: &str, account: &str, secret: &str) -> String {
    let (issuer, account) = (encoded(issuer), encoded(account));
    format!(
        "otpauth://totp/{issuer}:{account}?secret={secret}&issuer={issuer}&algorithm=SHA1&digits=6&period=30"
    )
}

fn encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(byte).collect()
}

/// A recovery code as it is shown: four groups of four base32 characters.
pub fn recovery_code(random: &[u8; RECOVERY]) -> String {
    let text = base32(random).to_lowercase();
    let groups: Vec<&str> = (0..4).filter_map(|at| text.get(at * 4..at * 4 + 4)).collect();
    groups.join("-")
}

/// A recovery code as it is compared; `None` for what is none.
pub fn typed_recovery_code(text: &str) -> Option<String> {
    let plain: String =
        text.chars().filter(|c| !c.is_whitespace() && *c != '-').collect::<String>().to_lowercase();
    let fits = |c: char| c.is_ascii_lowercase() || ('2'..='7').contains(&c);
    (plain.len() == 16 && plain.chars().all(fits)).then_some(plain)
}

/// RFC 4648 base32 without padding.
pub fn base32(bytes: &[u8]) -> String {
    let bit = |at: usize| bytes.get(at / 8).map_or(0, |byte| byte >> (7 - at % 8) & 1);
    let digits = (bytes.len() * 8).div_ceil(5);
    let digit = |at: usize| (0..5).fold(0_u8, |value, further| value << 1 | bit(at * 5 + further));
    (0..digits).map(|at| char::from(ALPHABET[usize::from(digit(at))])).collect()
}

/// The bytes of what [`base32`] wrote; `None` for what it did not.
pub fn from_base32(text: &str) -> Option<Vec<u8>> {
    let (mut bytes, mut rest, mut bits) = (Vec::with_capacity(SEED), 0_u32, 0);
    for digit in text.bytes() {
        let value = ALPHABET.iter().position(|known| *known == digit)?;
        rest = rest << 5 | u32::try_from(value).ok()?;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(rest >> bits & 0xff).ok()?);
            rest &= (1 << bits) - 1;
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEED_OF_RFC: &[u8] = b"12345678901234567890";

    /// RFC 6238, appendix B, the rows of SHA-1: eight digits there, of which we take the last six.
    #[test]
    fn codes_are_those_of_rfc_6238() {
        for (time, code) in [
            (59, 94_287_082),
            (1_111_111_109, 7_081_804),
            (1_111_111_111, 14_050_471),
            (1_234_567_890, 89_005_924),
            (2_000_000_000, 69_279_037),
            (20_000_000_000, 65_353_130),
        ] {
            let now = Timestamp::from_unix(time);
            assert_eq!(hotp(SEED_OF_RFC, time / STEP) % 100_000_000, code);
            let typed = format!("{:06}", code % 1_000_000);
            assert_eq!(step_of(SEED_OF_RFC, &typed, 0, now), Some(time / STEP), "{typed}");
        }
    }

    /// RFC 4226, appendix D.
    #[test]
    fn numbers_are_those_of_rfc_4226() {
        for (counter, number) in [(0, 1_284_755_224), (1, 1_094_287_082), (2, 137_359_152), (9, 645_520_489)]
        {
            assert_eq!(hotp(SEED_OF_RFC, counter), number);
        }
    }

    #[test]
    fn a_code_counts_one_step_before_and_after_and_once() {
        let code = "287082"; // step 1
        for (time, expected) in [(0, Some(1)), (59, Some(1)), (89, Some(1)), (90, None)] {
            assert_eq!(step_of(SEED_OF_RFC, code, 0, Timestamp::from_unix(time)), expected, "{time}");
        }
        assert_eq!(step_of(SEED_OF_RFC, code, 1, Timestamp::from_unix(59)), None, "used");
        for wrong in ["", "28708", "2870822", "28708a", "+87082", "287083"] {
            assert_eq!(step_of(SEED_OF_RFC, wrong, 0, Timestamp::from_unix(59)), None, "{wrong}");
        }
    }

    /// RFC 4648, section 10, without padding.
    #[test]
    fn base32_is_that_of_rfc_4648() {
        for (bytes, text) in [
            (&b""[..], ""),
            (b"f", "MY"),
            (b"fo", "MZXQ"),
            (b"foo", "MZXW6"),
            (b"foob", "MZXW6YQ"),
            (b"fooba", "MZXW6YTB"),
            (b"foobar", "MZXW6YTBOI"),
        ] {
            assert_eq!(base32(bytes), text);
            assert_eq!(from_base32(text).as_deref(), Some(bytes));
        }
    }

    #[test]
    fn a_recovery_code_is_read_as_it_was_shown_or_without_its_hyphens() {
        let shown = recovery_code(&[0xa5; RECOVERY]);
        assert_eq!(shown.len(), 19);
        let plain = typed_recovery_code(&shown).unwrap();
        assert_eq!(typed_recovery_code(&plain.to_uppercase()), Some(plain));
        for wrong in ["123456", "", "abcd-efgh-ijkl-mno1"] {
            assert_eq!(typed_recovery_code(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_link_says_whose_it_is() {
        assert_eq!(
            link("Chancery (pki)", "alice@example.com", "MZXW6"),
            "otpauth://totp/Chancery%20%28pki%29:alice%40example.com?secret=MZXW6&issuer=Chancery%20%28pki%29&algorithm=SHA1&digits=6&period=30"
        );
    }
}
