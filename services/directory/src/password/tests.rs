use runtime::entropy::SeededEntropy;

use super::*;

fn passwords() -> Passwords {
    let config = deadpool_postgres::Config::new();
    let manager =
        deadpool_postgres::Manager::new(config.get_pg_config().unwrap_or_default(), tokio_postgres::NoTls);
    let pool = Pool::builder(manager).build().unwrap();
    Passwords::new(pool, Arc::new(SeededEntropy::new(1)), None).unwrap()
}

fn secret(text: &str) -> SecretText {
    SecretText::new(text.to_owned())
}

/// The test vector of argon2id in RFC 9106, section 5.3, has a key and associated data, which we do not use; this one is
/// from the reference implementation: `echo -n password | argon2 somesalt -id -t 2 -k 65536 -p 1 -r`.
#[test]
fn argon2id_is_that_of_the_reference_implementation() {
    let cost = Cost { memory: 65_536, passes: 2, lanes: 1 };
    let hash = argon2id(b"password", b"somesalt", cost).unwrap();
    assert_eq!(hex::encode(hash), "09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7");
}

#[tokio::test]
async fn a_password_is_known_again_and_another_is_not() {
    let passwords = passwords();
    let kept =
        passwords.hash(passwords.slot().await.unwrap(), &secret("correct horse battery")).await.unwrap();
    for (typed, expected) in [
        ("correct horse battery", true),
        // The same letters, written wide (UAX #15).
        ("ｃｏｒｒｅｃｔ horse battery", true),
        ("correct horse batterz", false),
        ("", false),
    ] {
        let slot = passwords.slot().await.unwrap();
        assert_eq!(passwords.is(slot, Some(kept.clone()), &secret(typed)).await, Ok(expected), "{typed}");
    }
    let slot = passwords.slot().await.unwrap();
    assert_eq!(passwords.is(slot, None, &secret("anything at all")).await, Ok(false));
}

#[tokio::test]
async fn a_fifth_at_once_is_told_to_come_again() {
    let passwords = passwords();
    let mut taken = vec![];
    for _ in 0..AT_ONCE {
        taken.push(passwords.slot().await.unwrap());
    }
    assert_eq!(passwords.slot().await.err().map(|problem| problem.code), Some(Code::ServiceUnavailable));
    taken.pop();
    assert!(passwords.slot().await.is_ok());
}

#[test]
fn what_is_tried_first_cannot_be_chosen() {
    let passwords = passwords();
    let judged = |text: &str| {
        let refused = passwords.judge("#/password", &secret(text), "alice").err()?;
        refused.errors.first().map(|violation| violation.code.clone())
    };
    for (text, expected) in [
        ("elevenchars", Some("password_too_short")),
        ("Password1234", Some("password_breached")),
        ("123456789012", Some("password_breached")),
        ("aaaaaaaaaaaaaaaa", Some("password_breached")),
        ("Alice in wonderland", Some("password_contains_name")),
        ("plum tractor sails north", None),
        ("zwölf Zeichen", None),
    ] {
        assert_eq!(judged(text).as_deref(), expected, "{text}");
    }
}
