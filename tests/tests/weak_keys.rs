//! C-6, B11: weak keys are refused, those that badkeys, a checker of others, finds, and no sound one.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

use std::path::Path;

use chancery_tests::{
    in_both_modes,
    tool::{python, run_with},
    world::World,
};
use pki::spki::PublicKey;
use serde_json::{Value, json};

in_both_modes!(a_weak_key_is_refused_in_a_csr);

/// What each of the keys is refused for; those that are missing are sound.
const REFUSED: [(&str, &str); 11] = [
    ("close", "rsa_close_factors"),
    ("square", "rsa_close_factors"),
    ("roca", "rsa_roca"),
    ("roca_published", "rsa_roca"),
    ("shared", "rsa_shared_factor"),
    ("small_factor", "rsa_small_factor"),
    ("factor_of_five_digits", "rsa_shared_factor"),
    ("exponent_1", "rsa_exponent_unsupported"),
    ("exponent_2", "rsa_exponent_unsupported"),
    ("exponent_3", "rsa_exponent_unsupported"),
    ("exponent_even", "rsa_exponent_unsupported"),
];

/// What we are stricter about than badkeys, which only warns.
const STRICTER: [&str; 2] = ["exponent_3", "exponent_even"];

/// The keys of `weak_keys.py`, with what badkeys says.
async fn keys() -> Vec<Value> {
    let mut program = python();
    program.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("weak_keys.py"));
    let keys = run_with(program, b"").await.done();
    keys.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn refused_for(name: &str) -> Option<&'static str> {
    REFUSED.iter().find(|(known, _)| *known == name).map(|(_, code)| *code)
}

#[tokio::test]
async fn we_refuse_what_badkeys_finds_and_nothing_sound() {
    let keys = keys().await;
    for key in &keys {
        let name = key["name"].as_str().unwrap();
        let spki = hex::decode(key["spki"].as_str().unwrap()).unwrap();
        let code = PublicKey::read(&spki).err().map(|error| error.code());
        assert_eq!(code, refused_for(name), "{name}");
        let found = !key["found"].as_array().unwrap().is_empty();
        assert_eq!(found, code.is_some() && !STRICTER.contains(&name), "{key}");
    }
    assert_eq!(keys.len(), REFUSED.len() + 3);
}

async fn a_weak_key_is_refused_in_a_csr(world: &mut World) {
    for key in keys().await {
        let Some(code) = refused_for(key["name"].as_str().unwrap()) else { continue };
        let refused = world.api().post("/api/v1/certificate-requests", &json!({"csr": key["csr"]})).await;
        let refused = refused.expect(422).json();
        assert_eq!((&refused["code"], &refused["errors"][0]["code"]), (&"csr_invalid".into(), &code.into()));
    }
}
