//! T4: unknown key, wrong type, unreadable file: file, line, key, nearest name; secrets masked.

use std::fs;

use super::*;

fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chancery.toml");
    fs::write(&path, text).unwrap();
    (folder, path)
}

fn from_file(text: &str) -> Result<Config, String> {
    let (_folder, path) = file(text);
    let environment = [("HOME", "/home/alice")].into();
    let shown = path.display().to_string();
    Config::load(&Sources { file: Some(path), environment, ..Sources::default() })
        .map(|(config, _)| config)
        .map_err(|error| error.to_string().replace(&shown, "chancery.toml"))
}

fn from_environment<const N: usize>(variables: [(&str, &str); N]) -> Result<Config, String> {
    let mut sources = Sources { environment: variables.into(), ..Sources::default() };
    sources.flags.push(("--data-dir".into(), "server.data_dir".into(), "/srv/chancery".into()));
    Config::load(&sources).map(|(config, _)| config).map_err(|error| error.to_string())
}

#[test]
fn an_empty_file_is_a_working_configuration() {
    let config = from_file("").unwrap();
    assert_eq!(config.server.public_url, "https://localhost:8443");
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8443");
    assert_eq!(config.limits.body_bytes, 1_048_576);
    assert_eq!(config.server.secrets_dir, config.server.data_dir.join("secrets"));
    assert!(config.database.url.is_none());
}

#[test]
fn the_public_address_has_the_port_that_is_listened_on() {
    let config = from_file("[server]\nlisten = \"127.0.0.1:9443\"").unwrap();
    assert_eq!(config.server.public_url, "https://localhost:9443");
    let config =
        from_file("[server]\nlisten = \"127.0.0.1:9443\"\npublic_url = \"https://pki.example.com\"").unwrap();
    assert_eq!(config.server.public_url, "https://pki.example.com");
}

#[test]
fn telemetry_goes_to_a_collector_by_http_or_https() {
    let endpoint = |address| from_environment([("CHANCERY_TELEMETRY__OTLP_ENDPOINT", address)]);
    for address in ["http://127.0.0.1:4318", "https://otlp.example.com"] {
        assert_eq!(endpoint(address).unwrap().telemetry.otlp_endpoint.as_deref(), Some(address));
    }
    for address in ["grpc://127.0.0.1:4317", "127.0.0.1:4318"] {
        assert!(
            endpoint(address)
                .unwrap_err()
                .contains("telemetry.otlp_endpoint: expected the address of a collector")
        );
    }
}

#[test]
fn a_mistake_names_file_line_key_and_what_was_meant() {
    let cases = [
        (
            "[server]\nlistn = \"127.0.0.1:1\"",
            "chancery.toml:2: server.listn: unknown key; did you mean 'server.listen'?",
        ),
        ("\n\n[databse]\nurl = \"\"", "chancery.toml:3: databse: unknown key; did you mean 'database'?"),
        (
            "[bus]\nwombat_county = 1",
            "chancery.toml:2: bus.wombat_county: unknown key; `chancery config print` lists the known ones",
        ),
        (
            "[server]\nproduction = \"yes\"",
            "chancery.toml:2: server.production: expected true or false, found 'yes'",
        ),
        (
            "[server]\nlisten = 8443",
            "chancery.toml:2: server.listen: expected an IP address and port such as '127.0.0.1:8443' or '[::]:8443', found the number 8443",
        ),
        (
            "[database]\npool_size = 0",
            "chancery.toml:2: database.pool_size: expected a whole number from 1 to 1000, found the number 0",
        ),
        (
            "[server]\npublic_url = \"http://x\"",
            "chancery.toml:2: server.public_url: expected an address such as 'https://pki.example.com:8443', found 'http://x'",
        ),
        (
            "[telemetry]\nlog_format = \"xml\"",
            "chancery.toml:2: telemetry.log_format: expected one of auto, text, json, found 'xml'",
        ),
        (
            "[keystore]\npassphrase = 12",
            "chancery.toml:2: keystore.passphrase: expected text, found a value of another type",
        ),
        (
            "[keystore]\npasphrase_file = \"x\"",
            "chancery.toml:2: keystore.pasphrase_file: unknown key; did you mean 'keystore.passphrase_file'?",
        ),
        (
            "[keystore]\npassphrase_file = \"/nowhere\"",
            "chancery.toml:2: keystore.passphrase_file: /nowhere cannot be read: No such file or directory (os error 2)",
        ),
        (
            "[database]\nurl = \"postgresql://u:secret@h/chancery\"",
            "chancery.toml:2: database.url: names a user or password; each role's password is in server.secrets_dir",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(from_file(text).unwrap_err(), expected);
    }
    let broken = from_file("[server]\nlisten = ").unwrap_err();
    assert!(broken.starts_with("chancery.toml:2: "), "{broken}");
}

#[test]
fn an_inline_section_is_the_same_as_a_table() {
    let config = from_file("server = { listen = \"[::]:443\", production = true }").unwrap();
    assert_eq!((config.server.listen.port(), config.server.production), (443, true));
}

#[test]
fn every_mistake_is_told_at_once() {
    let all = from_file("[server]\nlistn = 1\nproduction = 2\n[bus]\nurll = 3").unwrap_err();
    assert_eq!(all.lines().count(), 3, "{all}");
}

#[test]
fn an_unreadable_file_is_an_error() {
    let sources = Sources { file: Some("/nowhere/chancery.toml".into()), ..Sources::default() };
    let error = Config::load(&sources).unwrap_err().to_string();
    assert_eq!(error, "/nowhere/chancery.toml: cannot be read: No such file or directory (os error 2)");
}

#[test]
fn flag_beats_environment_beats_file() {
    let (_folder, path) = file("[database]\npool_size = 1\n[server]\nlisten = \"127.0.0.1:1\"");
    let sources = Sources {
        flags: vec![("--listen".into(), "server.listen".into(), "127.0.0.1:3".into())],
        environment: [
            ("CHANCERY_SERVER__LISTEN", "127.0.0.1:2"),
            ("CHANCERY_DATABASE__POOL_SIZE", "2"),
            ("HOME", "/h"),
        ]
        .into(),
        file: Some(path),
    };
    let (config, settings) = Config::load(&sources).unwrap();
    assert_eq!(config.server.listen.port(), 3);
    assert_eq!(config.database.pool_size, 2);
    let printed = settings.to_string();
    assert!(
        printed.contains("# --listen") && printed.contains("# CHANCERY_DATABASE__POOL_SIZE"),
        "{printed}"
    );
}

#[test]
fn an_environment_variable_is_checked_like_a_line_of_the_file() {
    let error = from_environment([("CHANCERY_SERVER__LISTN", "x")]).unwrap_err();
    assert_eq!(error, "CHANCERY_SERVER__LISTN: server.listn: unknown key; did you mean 'server.listen'?");
    let error = from_environment([("CHANCERY_SERVER__PRODUCTION", "maybe")]).unwrap_err();
    assert_eq!(
        error,
        "CHANCERY_SERVER__PRODUCTION: server.production: expected true or false, found 'maybe'"
    );
    // Not configuration: the command line's own.
    assert!(from_environment([("CHANCERY_TOKEN", "x"), ("CHANCERY_CONTEXT", "y")]).is_ok());
}

#[test]
fn secrets_are_masked_when_printed_and_refused_as_flags() {
    let environment: Environment = [
        ("CHANCERY_KEYSTORE__PROVIDER", "passphrase"),
        ("CHANCERY_KEYSTORE__PASSPHRASE", "correct horse"),
        ("HOME", "/h"),
    ]
    .into();
    let (config, settings) =
        Config::load(&Sources { environment: environment.clone(), ..Sources::default() }).unwrap();
    let shown = format!("{settings}{settings:?}{config:?}{environment:?}");
    assert!(shown.contains("[redacted]") && !shown.contains("correct horse"), "{shown}");

    let flags = vec![("--set".into(), "keystore.passphrase".into(), "correct horse".into())];
    let error = Config::load(&Sources { flags, environment: [("HOME", "/h")].into(), file: None })
        .unwrap_err()
        .to_string();
    assert_eq!(error, "--set: keystore.passphrase: a secret cannot be a flag; give keystore.passphrase_file");
}

#[test]
fn a_secret_may_be_given_as_a_file_without_its_last_line_end() {
    let (_folder, path) = file("correct horse\n");
    let config = from_environment([
        ("CHANCERY_KEYSTORE__PROVIDER", "passphrase"),
        ("CHANCERY_KEYSTORE__PASSPHRASE_FILE", path.to_str().unwrap()),
    ]);
    match config.unwrap().keystore.provider {
        MasterKeyProvider::Passphrase(Some(secret)) => assert_eq!(secret.reveal(), "correct horse"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_strict_profile_refuses_a_weak_master_key() {
    let strict = [
        ("CHANCERY_SERVER__PRODUCTION", "true"),
        ("CHANCERY_KEYSTORE__PROVIDER", "environment"),
        ("CHANCERY_KEYSTORE__MASTER_KEY", "00"),
    ];
    assert!(from_environment(strict).unwrap_err().contains("the strict profile"));
    let [production, provider, key] = strict;
    let allowed = [production, provider, key, ("CHANCERY_KEYSTORE__ALLOW_WEAK_MASTER_KEY", "true")];
    assert!(from_environment(allowed).is_ok());
}

#[test]
fn every_key_has_a_default_that_its_kind_accepts() {
    let (_, settings) =
        Config::load(&Sources { environment: [("HOME", "/h")].into(), ..Sources::default() }).unwrap();
    for key in KEYS.iter().filter(|key| !key.is_secret()) {
        assert!(settings.value(key.path).is_some(), "{}", key.path);
    }
}

#[test]
fn networks_are_a_list_in_a_file_and_separated_by_commas_elsewhere() {
    let (_folder, path) = file("[server]\ntrusted_proxies = [\"198.51.100.7\", \"2001:db8::/32\"]\n");
    let sources = Sources {
        environment: [("HOME", "/h"), ("CHANCERY_SERVER__ALWAYS_ALLOWED", "127.0.0.1, ::1")].into(),
        file: Some(path),
        flags: vec![],
    };
    let (config, settings) = Config::load(&sources).unwrap();
    let texts =
        |networks: &[contracts::Network]| networks.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(texts(&config.server.trusted_proxies), ["198.51.100.7", "2001:db8::/32"]);
    assert_eq!(texts(&config.server.always_allowed), ["127.0.0.1", "::1"]);
    assert!(settings.to_string().contains(r#"server.trusted_proxies = ["198.51.100.7", "2001:db8::/32"]"#));
    for wrong in ["10.0.0.1/8", "localhost", "10.0.0.0/8 10.1.0.0/16"] {
        let refused = from_environment([("CHANCERY_SERVER__TRUSTED_PROXIES", wrong)]).unwrap_err();
        assert!(refused.contains("expected addresses and networks such as"), "{refused}");
    }
}

#[test]
fn connections_to_names_outside_reach_what_is_allowed_within_the_profile() {
    let resolver = |text: &str| {
        from_environment([("CHANCERY_OUTBOUND__RESOLVER", text)])
            .map(|config| config.outbound.resolver.map(|address| address.to_string()))
    };
    assert_eq!(resolver(""), Ok(None));
    assert_eq!(resolver("192.0.2.53"), Ok(Some("192.0.2.53:53".into())));
    assert_eq!(resolver("[2001:db8::53]:5353"), Ok(Some("[2001:db8::53]:5353".into())));
    assert!(resolver("dns.example.com").unwrap_err().contains("expected an IP address such as '192.0.2.53'"));

    let allow = |networks, production| {
        from_environment([
            ("CHANCERY_OUTBOUND__ALLOW", networks),
            ("CHANCERY_SERVER__PRODUCTION", production),
        ])
    };
    assert_eq!(allow("127.0.0.1,10.0.0.0/8", "false").unwrap().outbound.allow.len(), 2);
    assert_eq!(allow("10.0.0.0/8", "true").unwrap().outbound.allow.len(), 1);
    let refused = allow("10.0.0.0/8, 127.0.0.1", "true").unwrap_err();
    assert!(refused.contains("never connects to '127.0.0.1': some of it is loopback"), "{refused}");
}

#[test]
fn a_token_s_pin_is_in_a_file_and_nowhere_in_what_is_printed() {
    let (_folder, path) = file(
        "[keystore]\ntokens = [\"hsm=pkcs11:token=ca?module-path=/m.so\", \
         \"spare=pkcs11:serial=7?module-path=/m.so&pin-source=file:/etc/spare.pin\"]\n",
    );
    let environment = [("HOME", "/h"), ("CHANCERY_SERVER__SECRETS_DIR", "/secrets")].into();
    let (config, settings) = Config::load(&Sources { environment, file: Some(path), flags: vec![] }).unwrap();
    let files: Vec<_> =
        config.keystore.tokens.iter().map(|token| token.pin_file.display().to_string()).collect();
    assert_eq!(files, ["/secrets/token-hsm.pin", "/etc/spare.pin"]);
    assert!(settings.to_string().contains("keystore.tokens = [\"hsm=pkcs11:token=ca?module-path=/m.so\", "));

    let two = "a=pkcs11:token=x?module-path=/m.so b=pkcs11:token=y?module-path=/m.so";
    assert_eq!(from_environment([("CHANCERY_KEYSTORE__TOKENS", two)]).unwrap().keystore.tokens.len(), 2);
    let twice = two.replace("b=", "a=");
    let refused = from_environment([("CHANCERY_KEYSTORE__TOKENS", &*twice)]).unwrap_err();
    assert!(refused.contains("two tokens are named 'a'"), "{refused}");
    let open = "a=pkcs11:token=x?module-path=/m.so&pin-value=geheim";
    let refused = from_environment([("CHANCERY_KEYSTORE__TOKENS", open)]).unwrap_err();
    assert!(refused.contains("put it into a file") && !refused.contains("geheim"), "{refused}");
}
