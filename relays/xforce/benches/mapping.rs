//! CPU time of reading and mapping the answers about one domain, and of verifying a token: `cargo bench`.

#![expect(clippy::unwrap_used, reason = "a benchmark panics where it cannot go on")]

use criterion::{Criterion, criterion_group, criterion_main};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use provider_sim::{Keys, fixtures};
use relay_core::observable::{Observable, ObservableType};
use relay_xforce::links::Links;
use relay_xforce::mapping::{Answers, Mapping};
use relay_xforce::model::{Report, UrlReport};
use relay_xforce::settings::Options;
use serde_json::{Map, Value, json};
use url::Url;

fn mapping(criterion: &mut Criterion) {
    let cases = fixtures::cases("xforce").unwrap();
    let case = cases.iter().find(|case| case.name == "domain-worked-example").unwrap();
    let answer = |part: &str| {
        let answer = case.answers.iter().find(|answer| answer.path.contains(part)).unwrap();
        answer.json.clone().unwrap().to_string()
    };
    let (report, resolve, linkage) = (answer("/url/login"), answer("/resolve/"), answer("/linkage/"));
    let links = Links(Url::parse("https://exchange.xforce.ibmcloud.com").unwrap());
    let options = Options {
        resolve_enabled: true,
        linkage_enabled: true,
        report_first: false,
        collections: 20,
        skip_private: true,
        malware_details: true,
    };
    let about = Observable::new(ObservableType::Domain, "login-verify.example").unwrap();
    let now = "2026-03-02T09:00:00Z".parse().unwrap();
    criterion.bench_function("xforce/read and map a domain", |bench| {
        bench.iter(|| {
            let answers = Answers {
                report: Some(Report::Url(serde_json::from_str::<UrlReport>(&report).unwrap())),
                resolve: Some(serde_json::from_str(&resolve).unwrap()),
                linkage: Some(serde_json::from_str(&linkage).unwrap()),
            };
            let mapping = Mapping::new(&about, &links, now, 100, &options);
            serde_json::to_vec(&mapping.observe(&answers)).unwrap()
        });
    });
}

fn token(criterion: &mut Criterion) {
    let keys = Keys::generate().unwrap();
    let token = keys.sign(&json!({"key": "k", "password": "p", "aud": "http://relay.example"}));
    let key = DecodingKey::from_rsa_pem(keys.public_pem().as_bytes()).unwrap();
    let mut validation = Validation::new(Algorithm::RS256);
    validation.required_spec_claims.clear();
    validation.validate_aud = false;
    criterion.bench_function("core/verify an RS256 token", |bench| {
        bench.iter(|| jsonwebtoken::decode::<Map<String, Value>>(&token, &key, &validation).unwrap());
    });
}

criterion_group!(benches, mapping, token);
criterion_main!(benches);
