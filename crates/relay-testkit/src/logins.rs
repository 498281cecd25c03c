//! Logins without a secret, as every relay of Microsoft's APIs must make them. Each function is a test of a relay, which
//! calls it with its setup (the claim `tenant_id` is the id of the demonstration's tenant) and the name of the claim that
//! holds the application id.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use provider_sim::login::Registration;
use provider_sim::login::directory::{FULL, SECRET};
use provider_sim::{Fault, Keys, Options, Sim, What};
use serde_json::{Value, json};

use crate::identity::{Folder, certificate, rsa_key};
use crate::{Setup, Stage, errors, log_lines};

const TENANT: &str = "11111111-2222-4333-8444-555555555555";
const OTHER_TENANT: &str = "11111111-2222-4333-8444-555555555556";
const THIRD_TENANT: &str = "11111111-2222-4333-8444-000000000014";
const ISSUER: &str = "https://cluster.example/";
const SUBJECT: &str = "system:serviceaccount:relays:relay";
const AUDIENCE: &str = "api://AzureADTokenExchange";

/// The setup with the operator's certificate in two files, for two tenants.
fn with_certificate(setup: Setup, folder: &Folder, pem: &str) -> Setup {
    setup
        .claim("tenant_id", TENANT)
        .setting("RELAY_PROVIDER__CREDENTIAL", "certificate")
        .setting("RELAY_PROVIDER__CERTIFICATE_FILE", &folder.write("tls.crt", pem))
        .setting("RELAY_PROVIDER__KEY_FILE", &folder.write("tls.key", rsa_key(0)))
        .setting("RELAY_PROVIDER__ALLOWED_APPLICATIONS", &allowed())
}

fn allowed() -> String {
    format!("{TENANT}/{id}, {OTHER_TENANT}/{id},{THIRD_TENANT}/{id}", id = FULL.id)
}

/// The setup with the operator's federated token in a file.
fn with_token(setup: Setup, folder: &Folder, token: &str) -> Setup {
    setup
        .claim("tenant_id", TENANT)
        .setting("RELAY_PROVIDER__CREDENTIAL", "federated")
        // The name that Kubernetes gives it.
        .setting("AZURE_FEDERATED_TOKEN_FILE", &folder.write("token", token))
        .setting("RELAY_PROVIDER__ALLOWED_APPLICATIONS", &allowed())
}

async fn sim(registrations: impl IntoIterator<Item = Registration>) -> Sim {
    let sim = Sim::start(Options::default()).await.unwrap();
    registrations.into_iter().for_each(|one| sim.register(one));
    sim
}

fn registered(pem: &str) -> Registration {
    Registration::certificate(FULL.id, pem).unwrap()
}

/// The forms that the login service received.
fn forms(stage: &Stage) -> Vec<HashMap<String, String>> {
    let calls = stage.sim.calls_to("login");
    calls.iter().map(|call| url::form_urlencoded::parse(&call.body).into_owned().collect()).collect()
}

/// Nothing of what was sent as proof, nor the key, is in an answer or a line of any log.
fn assert_quiet(stage: &Stage, answers: &[&Value]) {
    let forms = forms(stage);
    let sent = forms.iter().filter_map(|form| form.get("client_assertion"));
    let signatures = sent.filter_map(|assertion| assertion.rsplit('.').next()).filter(|part| part.len() > 20);
    let key = rsa_key(0).lines().nth(3).unwrap();
    for secret in signatures.chain([key, SECRET]) {
        assert_eq!(log_lines(secret), Vec::<String>::new());
        for answer in answers {
            assert!(!answer.to_string().contains(secret), "{answer}");
        }
    }
}

fn message(answer: &Value) -> &str {
    assert_eq!(errors(answer), [("fatal", "authorization error")], "{answer}");
    answer["errors"][0]["message"].as_str().unwrap()
}

/// The relay logs in by its certificate, keeps the token, and sends no secret even where one comes.
pub async fn by_certificate(setup: Setup) {
    log_lines("");
    let folder = Folder::default();
    let pem = certificate(rsa_key(0), 365);
    for secret in [json!(SECRET), json!("wrong"), Value::Null] {
        let setup = with_certificate(setup.clone(), &folder, &pem).claim("client_secret", secret);
        let stage = setup.before(sim([registered(&pem)]).await);
        for _ in 0..2 {
            assert_eq!(stage.health().await, json!({"data": {"status": "ok"}}));
        }
        let [form] = forms(&stage).try_into().expect("one login for both");
        assert!(!form.contains_key("client_secret"), "{form:?}");
        assert_eq!(form["client_assertion_type"], "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
        for path in ["/", "/openapi.json"] {
            let said = stage.http.get(format!("{}{path}", stage.relay.url)).send().await.expect("an answer");
            let said = said.text().await.expect("text");
            assert!(said.contains("tenant_id") && !said.contains("client_secret"), "{said}");
        }
        let metrics = stage.metrics().await;
        let gauge =
            metrics.lines().find(|line| line.starts_with("relay_certificate_expires_timestamp_seconds"));
        let expires: i64 = gauge.and_then(|line| line.rsplit(' ').next()?.parse().ok()).expect("a gauge");
        let days = (expires - Timestamp::now().as_second()) / (24 * 3600);
        assert!((363..=365).contains(&days), "{metrics}");
        assert_quiet(&stage, &[]);
    }

    // An answer that was lost: the assertion has served, so the next try has another.
    let stage = with_certificate(setup, &folder, &pem).before(sim([registered(&pem)]).await);
    stage.sim.faults().add(Fault::new(What::ResetLate).on("login").next(1));
    assert_eq!(stage.health().await, json!({"data": {"status": "ok"}}));
    let [first, second] = forms(&stage).try_into().expect("two tries");
    assert_ne!(first["client_assertion"], second["client_assertion"]);
}

/// The relay logs in by the token in a file, which it reads anew for each login.
pub async fn by_federated_token(setup: Setup) {
    log_lines("");
    let (folder, keys) = (Folder::default(), Keys::shared().unwrap());
    let claims = |subject: &str| {
        let now = Timestamp::now().as_second();
        json!({"iss": ISSUER, "sub": subject, "aud": [AUDIENCE], "iat": now, "exp": now + 3600, "jti": subject})
    };
    let trusted =
        || Registration::federated(FULL.id, [ISSUER, SUBJECT, AUDIENCE], &keys.public_pem()).unwrap();
    let first = keys.sign(&claims(SUBJECT));
    let setup = with_token(setup, &folder, &format!("{first}\n")).claim("client_secret", "unused-secret");
    let stage = setup.clone().before(sim([trusted()]).await);
    assert_eq!(stage.health().await, json!({"data": {"status": "ok"}}));

    // Another tenant needs another login; the token was renewed meanwhile.
    let second =
        keys.sign(&json!({"iss": ISSUER, "sub": SUBJECT, "aud": AUDIENCE, "exp": 4_000_000_000_u64}));
    folder.write("token", &second);
    let token = stage.token_with(&json!({"tenant_id": OTHER_TENANT}));
    assert_eq!(stage.ask("/health", Some(&token), &Value::Null).await, json!({"data": {"status": "ok"}}));
    let sent: Vec<String> = forms(&stage).iter().map(|form| form["client_assertion"].clone()).collect();
    assert_eq!(sent, [first, second]);
    assert!(forms(&stage).iter().all(|form| !form.contains_key("client_secret")));
    assert_quiet(&stage, &[]);

    // Issuer, subject or audience do not fit, and the user reads what the token has.
    for (claim, code) in [("iss", 700_211), ("sub", 700_213), ("aud", 700_212)] {
        let mut other = claims(SUBJECT);
        other[claim] = json!("not-the-one");
        folder.write("token", &keys.sign(&other));
        let stage = setup.clone().before(sim([trusted()]).await);
        let answer = stage.health().await;
        let said = message(&answer);
        assert!(said.contains(&format!("AADSTS{code}")), "{said}");
        for part in ["issuer `", "subject `", "audience `", "`not-the-one`", "\"Federated credentials\""] {
            assert!(said.contains(part), "{said}");
        }
        assert_quiet(&stage, &[&answer]);
    }

    // Without the file nothing is sent.
    let stage = setup.before(sim([trusted()]).await);
    folder.write("token", " \n");
    let answer = stage.health().await;
    assert!(message(&answer).contains("RELAY_PROVIDER__FEDERATED_TOKEN_FILE"), "{answer}");
    assert_eq!(stage.sim.calls().len(), 1, "the key set of the platform alone");
}

/// What the login service does not accept, and what the relay does not send.
pub async fn refused_certificates(setup: Setup) {
    log_lines("");
    let folder = Folder::default();
    let pem = certificate(rsa_key(0), 365);
    let hour = SignedDuration::from_hours(1);
    let at = |time: Timestamp| time.to_string();
    let now = Timestamp::now();
    let table = [
        // Another key, another certificate of the same key, none.
        (Some(certificate(rsa_key(1), 365)), None, "AADSTS700027", 1),
        (Some(certificate(rsa_key(0), 364)), None, "AADSTS700027", 1),
        (None, None, "AADSTS700027", 1),
        (Some(pem.clone()), Some(at(now - hour)), "clock of the relay's host", 1),
        (Some(pem.clone()), Some(at(now + hour)), "AADSTS700024", 1),
        (Some(pem.clone()), Some(at(now + hour * 24 * 366)), "its certificate expired on", 0),
    ];
    for (known, time, expected, logins) in table {
        let mut setup = with_certificate(setup.clone(), &folder, &pem);
        if let Some(time) = &time {
            setup = setup.at(time);
        }
        let stage = setup.before(sim(known.as_deref().map(registered)).await);
        let answer = stage.health().await;
        assert!(message(&answer).contains(expected), "{expected} {time:?}: {answer}");
        assert_eq!((forms(&stage).len(), stage.sim.calls().len()), (logins, logins + 1), "{expected}");
        assert_quiet(&stage, &[&answer]);
    }
}

/// The operator's credential is lent to nobody who is not on the list, and nothing is fetched for a stranger.
pub async fn strangers(setup: Setup, id_claim: &str) {
    let folder = Folder::default();
    let pem = certificate(rsa_key(0), 365);
    let stage = with_certificate(setup, &folder, &pem).before(sim([registered(&pem)]).await);
    let other = "22222222-3333-4444-8555-000000000001";
    for (changes, expected) in [
        (
            json!({"tenant_id": "11111111-2222-4333-8444-000000000001"}),
            "RELAY_PROVIDER__ALLOWED_APPLICATIONS",
        ),
        (json!({id_claim: other}), id_claim),
        (json!({"tenant_id": "corp.example"}), "domain name"),
        (json!({"tenant_id": "common"}), "not allowed this pair"),
    ] {
        let token = stage.token_with(&changes);
        for path in ["/health", "/observe/observables", "/respond/observables"] {
            let answer =
                stage.ask(path, Some(&token), &json!([{"type": "ip", "value": "203.0.113.9"}])).await;
            let said = message(&answer);
            assert!(said.contains(expected) && !said.contains(other), "{said}");
        }
    }
    assert_eq!(stage.sim.calls_to("login").len(), 0);
    assert_eq!(stage.sim.calls().len(), 1, "the key set of the platform alone");

    // The same tenant in capitals is no stranger, and shares the access token.
    assert_eq!(stage.health().await, json!({"data": {"status": "ok"}}));
    let token =
        stage.token_with(&json!({id_claim: FULL.id.to_uppercase(), "tenant_id": TENANT.to_uppercase()}));
    assert_eq!(stage.ask("/health", Some(&token), &Value::Null).await, json!({"data": {"status": "ok"}}));
    assert_eq!(forms(&stage).len(), 1);
}

/// A renewed certificate is used without a restart; while only one of its files is renewed, the old pair is.
pub async fn renewed_certificates(setup: Setup) {
    log_lines("");
    let folder = Folder::default();
    let [old, new] = [certificate(rsa_key(0), 20), certificate(rsa_key(1), 365)];
    let stage =
        with_certificate(setup, &folder, &old).before(sim([registered(&old), registered(&new)]).await);
    let warned = log_lines("of RELAY_PROVIDER__CERTIFICATE_FILE expires in ");
    assert!(
        warned.iter().any(|line| line.contains("in 19 days") || line.contains("in 20 days")),
        "{warned:?}"
    );

    // Each tenant needs a login of its own.
    for (tenant, renewed) in [
        (TENANT, None),
        (OTHER_TENANT, Some(("tls.crt", new.as_str()))),
        (THIRD_TENANT, Some(("tls.key", rsa_key(1)))),
    ] {
        if let Some((name, text)) = renewed {
            folder.write(name, text);
        }
        let token = stage.token_with(&json!({"tenant_id": tenant}));
        let answer = stage.ask("/health", Some(&token), &Value::Null).await;
        assert_eq!(answer, json!({"data": {"status": "ok"}}), "{tenant}");
    }
    let header =
        |form: &HashMap<String, String>| form["client_assertion"].split('.').next().map(str::to_owned);
    let [first, second, third] =
        forms(&stage).iter().map(header).collect::<Vec<_>>().try_into().expect("three logins");
    assert_eq!(first, second, "the key is still that of the old certificate");
    assert_ne!(second, third);
    assert_eq!(log_lines("the certificate read before stays in use").len(), 1);
    assert_quiet(&stage, &[]);
}

/// The relay does not start without what it needs, and says which setting lacks what.
pub fn bad_starts(setup: &Setup) {
    let folder = Folder::default();
    let pem = certificate(rsa_key(0), 365);
    let good = || with_certificate(setup.clone(), &folder, &pem);
    let expired = folder.write("expired.crt", &certificate(rsa_key(0), -1));
    let other = folder.write("other.key", rsa_key(1));
    let (certificate, key, list) = (
        "RELAY_PROVIDER__CERTIFICATE_FILE",
        "RELAY_PROVIDER__KEY_FILE",
        "RELAY_PROVIDER__ALLOWED_APPLICATIONS",
    );
    for (name, value, expected) in [
        (list, "", "is needed, since otherwise the relay would log in for everybody"),
        (list, TENANT, "is not tenant_id/application_id"),
        (certificate, "", "is needed for RELAY_PROVIDER__CREDENTIAL=certificate"),
        (certificate, "/nowhere/tls.crt", "cannot read /nowhere/tls.crt"),
        (certificate, &expired, "the certificate expired on"),
        (key, &other, "does not belong to the certificate"),
    ] {
        let problem = good().setting(name, value).refused();
        assert!(problem.starts_with(&format!("{name}: ")) && problem.contains(expected), "{problem}");
    }
    let token = "RELAY_PROVIDER__FEDERATED_TOKEN_FILE";
    let federated = good().setting("RELAY_PROVIDER__CREDENTIAL", "federated");
    let problem = federated.clone().refused();
    assert!(
        problem.starts_with(&format!("{token}: is needed for RELAY_PROVIDER__CREDENTIAL=federated")),
        "{problem}"
    );
    let problem = federated.setting(token, "/nowhere/token").refused();
    assert!(problem.starts_with(&format!("{token}: cannot read /nowhere/token")), "{problem}");
}
