use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::ExposeSecret;

use super::*;
use crate::observable::TypeCase;

pub(super) static MODULE: Module = Module {
    name: "acme",
    package: "relay-acme",
    version: "1.2.3",
    title: "Acme",
    summary: "A relay of tests",
    user_agent: None,
    observables: &[],
    type_case: TypeCase::Exact,
    claims: &[],
    settings: &[
        Setting::new("provider.api_url", "https://api.acme.example/v1/", "base URL of the API"),
        Setting::new("provider.details", "true", "ask for details"),
        Setting::new("provider.window", "30", "days to look back"),
        Setting::new("provider.cloud", "public", "`public` or `government`"),
        Setting::new("provider.ui_url", "", "base URL of the portal, or `off`"),
    ],
};

pub(super) fn load(variables: &[(&str, &str)]) -> Result<Loaded, SettingsError> {
    Settings::load(&MODULE, Environment::of(variables.iter().copied()))
}

pub(super) fn good(variables: &[(&str, &str)]) -> Settings {
    let loaded = load(variables).unwrap_or_else(|error| panic!("{variables:?}: {error}"));
    assert_eq!(loaded.warnings, Vec::<String>::new(), "{variables:?}");
    loaded.settings
}

pub(super) fn problem(variables: &[(&str, &str)]) -> String {
    load(variables).expect_err("a value that cannot be used").to_string()
}

/// A settings file that is deleted when the test ends.
struct TestFile(PathBuf);

impl TestFile {
    fn new(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("relay-core-{}-{name}", std::process::id()));
        std::fs::write(&path, text).expect("a file in the folder for temporary ones");
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("a path that is text")
    }
}

impl Drop for TestFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn the_table_of_settings_changes_only_on_purpose() {
    let rows: BTreeMap<String, (&str, &str)> =
        SETTINGS.iter().map(|row| (row.variable(), (row.default, row.help))).collect();
    assert_eq!(rows.len(), SETTINGS.len(), "a setting stands there twice");
    insta::assert_json_snapshot!(rows);
}

#[test]
fn without_anything_set_the_documented_defaults_hold() {
    let settings = good(&[]);
    assert_eq!(settings.listen.to_string(), "0.0.0.0:9090");
    assert_eq!(settings.admin_listen.map(|address| address.to_string()).as_deref(), Some("0.0.0.0:9091"));
    assert_eq!(Some(settings.workers), std::thread::available_parallelism().ok().map(usize::from));
    assert!(!settings.trust_proxy);
    assert_eq!(settings.max_body, 1_048_576);
    assert_eq!(settings.answer_memory, 128 << 20);
    assert_eq!(settings.entities_limit, 100);
    assert_eq!(settings.deadline, Duration::from_secs(25));
    assert!(settings.auth.secret_key.is_none());
    assert_eq!(
        settings.auth.jwks_hosts,
        ["visibility.amp.cisco.com", "visibility.eu.amp.cisco.com", "visibility.apjc.amp.cisco.com"]
    );
    assert_eq!(settings.auth.audience, Vec::<String>::new());
    assert_eq!(settings.cache_ttl, Duration::from_secs(60));
    assert_eq!(settings.cache_entries, 10_000);
    assert_eq!((settings.log.as_str(), settings.log_format), ("info", LogFormat::Text));
    let provider = settings.provider;
    assert_eq!(provider.connect_timeout, Duration::from_secs(5));
    assert_eq!(provider.read_timeout, Duration::from_secs(15));
    assert_eq!((provider.max_concurrency, provider.retries, provider.max_answer), (16, 2, 8 << 20));
    assert_eq!(provider.ca_file, None);
    assert_eq!(provider.url("api_url").expect("a URL").as_str(), "https://api.acme.example/v1");
    assert_eq!(provider.optional_url("ui_url").expect("no URL"), None);
    assert!(!provider.is_given("api_url"));
}

#[test]
fn every_setting_is_read_by_its_documented_name() {
    let settings = good(&[
        ("RELAY_LISTEN", "127.0.0.1:1"),
        ("RELAY_ADMIN_LISTEN", "[::1]:2"),
        ("RELAY_WORKERS", "3"),
        ("RELAY_TRUST_PROXY", "true"),
        ("RELAY_MAX_BODY", "4"),
        ("RELAY_ANSWER_MEMORY", "65536"),
        ("RELAY_ENTITIES_LIMIT", "5"),
        ("RELAY_DEADLINE", "6s"),
        ("RELAY_AUTH__SECRET_KEY", "hush"),
        ("RELAY_AUTH__JWKS_HOSTS", "a.example, http://127.0.0.1:7000"),
        ("RELAY_AUTH__AUDIENCE", "https://relay.example,https://old.example"),
        ("RELAY_PROVIDER__CONNECT_TIMEOUT", "7s"),
        ("RELAY_PROVIDER__READ_TIMEOUT", "250ms"),
        ("RELAY_PROVIDER__MAX_CONCURRENCY", "8"),
        ("RELAY_PROVIDER__RETRIES", "0"),
        ("RELAY_PROVIDER__MAX_ANSWER", "2048"),
        ("RELAY_PROVIDER__CA_FILE", "/etc/ca.pem"),
        ("RELAY_PROVIDER__API_URL", "http://127.0.0.1:9/acme/"),
        ("RELAY_PROVIDER__UI_URL", "off"),
        ("RELAY_PROVIDER__DETAILS", "off"),
        ("RELAY_PROVIDER__WINDOW", "7"),
        ("RELAY_PROVIDER__CLOUD", "government"),
        ("RELAY_CACHE__TTL", "0s"),
        ("RELAY_CACHE__ENTRIES", "10"),
        ("RELAY_LOG", "debug,hyper=info"),
        ("RELAY_LOG_FORMAT", "json"),
    ]);
    assert_eq!(settings.listen.to_string(), "127.0.0.1:1");
    assert_eq!(settings.admin_listen.map(|address| address.to_string()).as_deref(), Some("[::1]:2"));
    assert_eq!((settings.workers, settings.trust_proxy), (3, true));
    assert_eq!((settings.max_body, settings.entities_limit), (4, 5));
    assert_eq!(settings.deadline, Duration::from_secs(6));
    assert_eq!(settings.auth.secret_key.as_ref().map(ExposeSecret::expose_secret), Some("hush"));
    assert_eq!(settings.auth.jwks_hosts, ["a.example", "http://127.0.0.1:7000"]);
    assert_eq!(settings.auth.audience, ["https://relay.example", "https://old.example"]);
    assert_eq!((settings.cache_ttl, settings.cache_entries), (Duration::ZERO, 10));
    assert_eq!((settings.log.as_str(), settings.log_format), ("debug,hyper=info", LogFormat::Json));
    let provider = settings.provider;
    assert_eq!(provider.connect_timeout, Duration::from_secs(7));
    assert_eq!(provider.read_timeout, Duration::from_millis(250));
    assert_eq!((provider.max_concurrency, provider.retries, provider.max_answer), (8, 0, 2048));
    assert_eq!(provider.ca_file, Some("/etc/ca.pem".into()));
    assert_eq!(provider.url("api_url").expect("a URL").as_str(), "http://127.0.0.1:9/acme");
    assert!(provider.is_given("api_url"));
    assert_eq!(provider.optional_url("ui_url").expect("no URL"), None);
    assert!(!provider.flag("details").expect("a switch"));
    assert_eq!(provider.integer("window", 1, 90).expect("a number"), 7);
    let choices = [("public", 1), ("government", 2)];
    assert_eq!(provider.choice("cloud", &choices).expect("a choice"), 2);
}

#[test]
fn the_environment_wins_over_the_file_and_the_file_over_the_defaults() {
    let file = TestFile::new(
        "layers.toml",
        "deadline = \"9s\"\nworkers = 2\ntrust_proxy = true\n[auth]\njwks_hosts = [\"a.example\", \"b.example\"]\n\
         [provider]\nretries = 5\napi_url = \"https://file.example\"\n[cache]\nttl = \"1m\"\n",
    );
    let settings = good(&[("RELAY_CONFIG", file.path()), ("RELAY_PROVIDER__RETRIES", "1")]);
    assert_eq!(settings.deadline, Duration::from_secs(9));
    assert_eq!((settings.workers, settings.trust_proxy), (2, true));
    assert_eq!(settings.auth.jwks_hosts, ["a.example", "b.example"]);
    assert_eq!(settings.provider.retries, 1);
    assert_eq!(settings.provider.url("api_url").expect("a URL").as_str(), "https://file.example/");
    assert_eq!(settings.cache_ttl, Duration::from_secs(60));
    assert_eq!(settings.max_body, 1_048_576);
}

#[test]
fn the_names_of_the_original_relays_count_where_ours_are_not_set() {
    let secret =
        |settings: &Settings| settings.auth.secret_key.as_ref().map(|key| key.expose_secret().to_owned());
    let settings = good(&[("SECRET_KEY", "old"), ("CTR_ENTITIES_LIMIT", "7")]);
    assert_eq!((secret(&settings).as_deref(), settings.entities_limit), (Some("old"), 7));
    let settings = good(&[
        ("SECRET_KEY", "old"),
        ("RELAY_AUTH__SECRET_KEY", "new"),
        ("CTR_ENTITIES_LIMIT", "7"),
        ("RELAY_ENTITIES_LIMIT", "8"),
    ]);
    assert_eq!((secret(&settings).as_deref(), settings.entities_limit), (Some("new"), 8));
    // White space is part of a secret: the tokens were signed with it.
    let settings = good(&[("SECRET_KEY", " old\n")]);
    assert_eq!(secret(&settings).as_deref(), Some(" old\n"));
    let settings = good(&[("SECRET_KEY", ""), ("CTR_ENTITIES_LIMIT", " ")]);
    assert_eq!((secret(&settings), settings.entities_limit), (None, 100));
}

#[test]
fn a_secret_may_come_from_a_file() {
    let file = TestFile::new("secret", "from a file\r\n");
    let settings = good(&[("RELAY_AUTH__SECRET_KEY_FILE", file.path()), ("SECRET_KEY", "old")]);
    assert_eq!(settings.auth.secret_key.expect("a secret").expose_secret(), "from a file");
    let empty = TestFile::new("empty-secret", "\n");
    for path in [empty.path(), "/no/such/file"] {
        let problem = problem(&[("RELAY_AUTH__SECRET_KEY_FILE", path)]);
        assert!(problem.starts_with("RELAY_AUTH__SECRET_KEY_FILE: ") && problem.contains(path), "{problem}");
    }
}

#[test]
fn off_and_empty_lists_are_told_apart() {
    assert_eq!(good(&[("RELAY_ADMIN_LISTEN", "off")]).admin_listen, None);
    assert_eq!(good(&[("RELAY_AUTH__JWKS_HOSTS", "off")]).auth.jwks_hosts, Vec::<String>::new());
    assert_eq!(good(&[("RELAY_AUTH__JWKS_HOSTS", " a.example ,, b.example,")]).auth.jwks_hosts.len(), 2);
    // A variable without a value, as templates leave it, is as good as none.
    for blank in ["", " ", "\t"] {
        let settings = good(&[
            ("RELAY_AUTH__JWKS_HOSTS", blank),
            ("RELAY_ADMIN_LISTEN", blank),
            ("RELAY_DEADLINE", blank),
            ("RELAY_PROVIDER__API_URL", blank),
            ("RELAY_AUTH__SECRET_KEY", blank),
        ]);
        assert_eq!(settings.auth.jwks_hosts.len(), 3, "{blank:?}");
        assert!(settings.admin_listen.is_some() && settings.auth.secret_key.is_none());
        assert_eq!(settings.deadline, Duration::from_secs(25));
        assert!(!settings.provider.is_given("api_url"));
    }
}

#[test]
fn a_bad_value_is_told_in_one_line_that_names_its_setting() {
    let table = [
        ("RELAY_LISTEN", "9090", "`9090` is not an address with a port"),
        ("RELAY_ADMIN_LISTEN", "nowhere", "`nowhere` is not an address with a port"),
        ("RELAY_WORKERS", "0", "`0` is not a whole number from 1 to 1024"),
        ("RELAY_WORKERS", "many", "`many` is not a whole number"),
        ("RELAY_TRUST_PROXY", "perhaps", "`perhaps` is not `true` or `false`"),
        ("RELAY_MAX_BODY", "-1", "`-1` is not a whole number"),
        ("RELAY_ENTITIES_LIMIT", "1001", "`1001` is not a whole number from 1 to 1000"),
        ("RELAY_DEADLINE", "25", "`25` is not a time"),
        ("RELAY_DEADLINE", "-5s", "`-5s` is not a time"),
        ("RELAY_DEADLINE", "2d", "`2d` is not a time"),
        ("RELAY_DEADLINE", "0s", "no time at all"),
        ("RELAY_PROVIDER__CONNECT_TIMEOUT", "0s", "no time at all"),
        ("RELAY_PROVIDER__READ_TIMEOUT", "0ms", "no time at all"),
        ("RELAY_LOG", "loud=very", "`loud=very` is not a log filter"),
        ("RELAY_LOG", "info,hyper=x=y", "`info,hyper=x=y` is not a log filter"),
        ("RELAY_PROVIDER__READ_TIMEOUT", "soon", "`soon` is not a time"),
        ("RELAY_PROVIDER__MAX_CONCURRENCY", "0", "`0` is not a whole number from 1 to 1024"),
        ("RELAY_PROVIDER__RETRIES", "11", "`11` is not a whole number from 0 to 10"),
        ("RELAY_ANSWER_MEMORY", "1", "`1` is not a whole number from 65536"),
        ("RELAY_PROVIDER__MAX_ANSWER", "1", "`1` is not a whole number from 1024"),
        ("RELAY_CACHE__TTL", "x", "`x` is not a time"),
        ("RELAY_CACHE__ENTRIES", "1.5", "`1.5` is not a whole number"),
        ("RELAY_LOG_FORMAT", "xml", "`xml` is neither `text` nor `json`"),
        ("CTR_ENTITIES_LIMIT", "abc", "`abc` is not a whole number from 1 to 1000"),
    ];
    for (variable, value, expected) in table {
        let problem = problem(&[(variable, value)]);
        let name = if variable == "CTR_ENTITIES_LIMIT" { "RELAY_ENTITIES_LIMIT" } else { variable };
        assert!(problem.starts_with(&format!("{name}: {expected}")), "{problem}");
        assert!(!problem.contains('\n'), "{problem}");
    }
}

#[test]
fn a_relays_own_setting_is_checked_by_its_kind() {
    let provider = |name: &str, value: &str| good(&[(name, value)]).provider;
    let table = [
        ("not a url", "is not a URL: "),
        ("ftp://acme.example", "is not an http or https URL"),
        ("https://acme.example?x=1", "must have neither query nor fragment"),
        ("https://acme.example/#x", "must have neither query nor fragment"),
    ];
    for (value, expected) in table {
        let problem =
            provider("RELAY_PROVIDER__API_URL", value).url("api_url").expect_err("no URL").to_string();
        assert!(problem.starts_with(&format!("RELAY_PROVIDER__API_URL: `{value}` {expected}")), "{problem}");
    }
    for value in ["https://user:hush@acme.example", "https://hush@acme.example", "https://user:hush@ acme"] {
        let problem =
            provider("RELAY_PROVIDER__API_URL", value).url("api_url").expect_err("no URL").to_string();
        assert!(problem.starts_with("RELAY_PROVIDER__API_URL: ") && !problem.contains("hush"), "{problem}");
    }
    let settings = provider("RELAY_PROVIDER__DETAILS", "2");
    let problem = settings.flag("details").expect_err("no switch").to_string();
    assert_eq!(problem, "RELAY_PROVIDER__DETAILS: `2` is not `true` or `false`");
    let settings = provider("RELAY_PROVIDER__CLOUD", "mine");
    let problem =
        settings.choice("cloud", &[("public", 1), ("government", 2)]).expect_err("no choice").to_string();
    assert_eq!(problem, "RELAY_PROVIDER__CLOUD: `mine` is not one of `public`, `government`");
}

#[test]
fn an_unknown_name_is_a_warning_and_never_ends_the_start() {
    let loaded = load(&[
        ("RELAY_DEADLIN", "9s"),
        ("RELAY_PROVIDER__API_ULR", "x"),
        ("RELAY_PROVIDER_RETRIES", "5"),
        ("RELAY_READ_TIMEOUT", "5s"),
        ("RELAY_CONFIG", ""),
        ("RELAYS", "x"),
        ("OTHER", "x"),
    ])
    .expect("settings");
    assert_eq!(
        loaded.warnings,
        [
            "RELAY_DEADLIN is not a setting of relay-acme and is ignored; did you mean RELAY_DEADLINE?",
            "RELAY_PROVIDER_RETRIES is not a setting of relay-acme and is ignored; did you mean \
             RELAY_PROVIDER__RETRIES?",
            "RELAY_PROVIDER__API_ULR is not a setting of relay-acme and is ignored; did you mean \
             RELAY_PROVIDER__API_URL?",
            "RELAY_READ_TIMEOUT is not a setting of relay-acme and is ignored; did you mean \
             RELAY_PROVIDER__READ_TIMEOUT?",
        ]
    );
    // Names that other programs choose, such as those that Kubernetes makes of a service called `relay-acme`.
    for odd in [
        "RELAY_",
        "RELAY___",
        "RELAY__X",
        "RELAY_A-B",
        "RELAY_A.B",
        "RELAY_A[0]",
        "RELAY_X__",
        "RELAY_Ä",
        "RELAY_ACME_PORT_9090_TCP",
        "RELAY_PROVIDER",
        "RELAY_AUTH",
        "RELAY_LISTEN__X",
        "RELAY_PROVIDER__RETRIES__X",
    ] {
        let loaded = load(&[(odd, "x"), ("RELAY_PROVIDER__RETRIES", "7"), ("RELAY_LISTEN", "127.0.0.1:1")]);
        let loaded = loaded.unwrap_or_else(|error| panic!("{odd}: {error}"));
        assert_eq!(loaded.settings.provider.retries, 7, "{odd}");
        assert_eq!(loaded.settings.listen.port(), 1, "{odd}");
        assert_eq!(loaded.warnings, [format!("{odd} is not a setting of relay-acme and is ignored")]);
    }
}

#[test]
fn an_unknown_name_in_the_file_is_a_warning_too() {
    let file = TestFile::new("unknown.toml", "deadlin = \"9s\"\nColour = 1\n[provider]\nretrys = 1\n");
    let loaded = load(&[("RELAY_CONFIG", file.path())]).expect("settings");
    let expected = [
        ("Colour", ""),
        ("deadlin", "; did you mean deadline?"),
        ("provider.retrys", "; did you mean provider.retries?"),
    ]
    .map(|(key, meant)| {
        format!("`{key}` in {} is not a setting of relay-acme and is ignored{meant}", file.path())
    });
    assert_eq!(loaded.warnings, expected);
}

#[test]
fn a_file_that_cannot_be_read_is_told_in_one_line_without_its_secrets() {
    let broken = TestFile::new("broken.toml", "[auth]\nsecret_key = \"hush-hush\nlisten = 1\n");
    let twice =
        TestFile::new("twice.toml", "[auth]\nsecret_key = \"hush-hush\"\nsecret_key = \"hush-hush\"\n");
    for (path, reason) in [
        (broken.path(), "line 2, column 24: invalid basic string"),
        (twice.path(), "line 3, column 1: duplicate key"),
        ("/no/such/file.toml", "not found"),
    ] {
        let problem = problem(&[("RELAY_CONFIG", path)]);
        assert!(problem.contains(reason), "{problem}");
        assert!(problem.starts_with("RELAY_CONFIG: ") && problem.contains(path), "{problem}");
        assert!(!problem.contains('\n') && !problem.contains("hush"), "{problem}");
    }
}

#[test]
fn no_secret_is_in_what_is_printed_of_settings() {
    let file = TestFile::new("hush.toml", "[auth]\nsecret_key = \"hush-hush\"\n");
    let loaded = load(&[("RELAY_CONFIG", file.path()), ("SECRET_KEY", "hush-too")]).expect("settings");
    let printed = format!("{loaded:?} {:?}", loaded.settings.provider);
    assert!(!printed.contains("hush-"), "{printed}");
    // A secret where another kind of value belongs is repeated only by the settings that are no secrets.
    let error = SettingsError::value("auth.secret_key", "is too short");
    assert_eq!(error.to_string(), "RELAY_AUTH__SECRET_KEY: is too short");
}
