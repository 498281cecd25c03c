use serde_json::Value;

use super::directory::{ALERTS_ONLY, EXPIRED_SECRET, FULL, SECRET, UNCONSENTED};
use super::*;

const GRAPH: &str = "https://graph.microsoft.com/.default";

fn call(method: &str, path: &str, fields: &[(&str, &str)]) -> Request {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    Request::new(method, "/login", path)
        .with_header("Content-Type", "application/x-www-form-urlencoded")
        .with_body(body)
}

fn fields<'a>(client: &'a str, secret: &'a str, scope: &'a str) -> [(&'a str, &'a str); 4] {
    [("client_id", client), ("client_secret", secret), ("grant_type", "client_credentials"), ("scope", scope)]
}

/// The form with an assertion that is none, instead of the secret.
fn asserted<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut fields = fields(FULL.id, SECRET, GRAPH).to_vec();
    fields.retain(|(name, _)| *name != "client_secret");
    fields.push(("client_assertion", "no token"));
    fields.extend(more);
    fields
}

fn ask(request: &Request) -> (u16, Value) {
    ask_at(&Login::default(), request)
}

fn ask_at(login: &Login, request: &Request) -> (u16, Value) {
    let reply = login.authorize(request).map_or_else(|refusal| refusal, |()| login.answer(request));
    (reply.status, serde_json::from_slice(&reply.body).unwrap_or_default())
}

fn token(client: &str, scope: &str) -> Grant {
    let request = call("POST", "/corp.example/oauth2/v2.0/token", &fields(client, SECRET, scope));
    let (status, body) = ask(&request);
    assert_eq!(status, 200, "{body}");
    Grant::read(body["access_token"].as_str().unwrap()).unwrap()
}

#[test]
fn a_token_says_whose_it_is_and_what_was_consented_to() {
    let grant = token(FULL.id, GRAPH);
    assert_eq!(grant.tenant().map(|tenant| tenant.domain), Some("corp.example"));
    assert_eq!((grant.appid.as_str(), grant.aud.as_str()), (FULL.id, "https://graph.microsoft.com"));
    assert!(grant.has_any(&["ThreatHunting.Read.All"]));
    assert_eq!(token(ALERTS_ONLY.id, GRAPH).roles, ["SecurityAlert.Read.All"]);
    let defender = "https://api.securitycenter.microsoft.com/.default";
    assert_eq!(token(ALERTS_ONLY.id, defender).roles, ["Alert.Read.All"]);
    assert!(token(UNCONSENTED.id, GRAPH).roles.is_empty(), "a token is issued without any consent");
}

#[test]
fn each_fault_has_its_code() {
    let path = "/corp.example/oauth2/v2.0/token";
    let good = fields(FULL.id, SECRET, GRAPH);
    let table = [
        (call("GET", path, &good), 400, "invalid_request", 900_561),
        (call("POST", path, &good[..3]), 400, "invalid_request", 900_144),
        (call("POST", path, &[]), 400, "invalid_request", 900_144),
        (call("POST", path, &[&good[..], &good[..1]].concat()), 400, "invalid_request", 9_000_411),
        (call("POST", "/tenant/oauth2/v2.0/token", &good), 400, "invalid_request", 900_023),
        (call("POST", "/a%2Fb.example/oauth2/v2.0/token", &good), 400, "invalid_request", 900_023),
        (call("POST", "/nobody.example/oauth2/v2.0/token", &good), 400, "invalid_request", 90_002),
        (call("POST", path, &fields("nobody", SECRET, GRAPH)), 400, "unauthorized_client", 700_016),
        (call("POST", path, &fields(FULL.id, "", GRAPH)), 401, "invalid_client", 7_000_218),
        (call("POST", path, &fields(FULL.id, "guess", GRAPH)), 401, "invalid_client", 7_000_215),
        (call("POST", path, &fields(FULL.id, EXPIRED_SECRET, GRAPH)), 401, "invalid_client", 7_000_222),
        (call("POST", path, &fields(FULL.id, SECRET, "a b")), 400, "invalid_scope", 70_011),
        (
            call("POST", path, &[&good[..], &[("client_assertion", "a.b.c")]].concat()),
            400,
            "invalid_request",
            90_013,
        ),
        (call("POST", path, &asserted(&[])), 400, "invalid_request", 900_144),
        (call("POST", path, &asserted(&[("client_assertion_type", "saml")])), 401, "invalid_client", 70_002),
        (
            call("POST", path, &asserted(&[("client_assertion_type", ASSERTION_TYPE)])),
            401,
            "invalid_client",
            50_027,
        ),
        (
            call("POST", path, &fields(FULL.id, SECRET, "https://graph.microsoft.com/User.Read")),
            400,
            "invalid_scope",
            1_002_012,
        ),
        (
            call("POST", path, &fields(FULL.id, SECRET, "https://unknown.example/.default")),
            400,
            "invalid_resource",
            500_011,
        ),
    ];
    for (request, status, error, code) in table {
        let (got, body) = ask(&request);
        assert_eq!(
            (got, body["error"].as_str(), body["error_codes"][0].as_u64()),
            (status, Some(error), Some(code))
        );
        let description = body["error_description"].as_str().unwrap();
        assert!(description.starts_with(&format!("AADSTS{code}: ")), "{description}");
        assert!(description.contains("\r\nTrace ID: "), "{description}");
    }
}

#[test]
fn a_body_that_is_no_form_holds_nothing() {
    let request = Request::new("POST", "/login", "/corp.example/oauth2/v2.0/token")
        .with_header("Content-Type", "application/json")
        .with_body("grant_type=client_credentials");
    assert_eq!(ask(&request).1["error_codes"][0], 900_144);
}

#[test]
fn an_unknown_path_is_answered_with_a_page() {
    assert_eq!(ask(&call("POST", "/corp.example/oauth2/token", &[])), (404, Value::Null));
}

#[test]
fn a_call_is_judged_by_its_token() {
    let good = token(FULL.id, GRAPH);
    let with = |token: &str| {
        Request::new("GET", "/graph", "/").with_header("Authorization", &format!("Bearer {token}"))
    };
    let judged = |request: &Request| request.grant(Resource::Graph);
    assert_eq!(judged(&with(&good.sign())), Ok(good.clone()));
    assert_eq!(judged(&Request::new("GET", "/graph", "/")), Err(TokenError::Missing));
    assert_eq!(judged(&with("e30.e30.AAAA")), Err(TokenError::Malformed));
    assert_eq!(judged(&with(&good.sign().replace('.', ".A"))), Err(TokenError::Malformed));
    assert_eq!(with(&good.sign()).grant(Resource::Defender), Err(TokenError::WrongAudience));
    assert_eq!(judged(&with(&Grant { exp: 1, ..good.clone() }.sign())), Err(TokenError::Expired));
    let mut refused = with(&good.sign());
    refused.tokens_expired = true;
    assert_eq!(judged(&refused), Err(TokenError::Expired));
}

#[test]
fn the_fault_of_expired_tokens_issues_them() {
    let mut request = call("POST", "/corp.example/oauth2/v2.0/token", &fields(FULL.id, SECRET, GRAPH));
    request.tokens_expired = true;
    let grant = Grant::read(ask(&request).1["access_token"].as_str().unwrap()).unwrap();
    assert!(grant.exp < Timestamp::now().as_second());
}
