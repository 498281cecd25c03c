//! What a refused login means to the person who configured it, by
//! [the service's codes](https://learn.microsoft.com/en-us/entra/identity-platform/reference-error-codes).

use super::super::client_assertion::Proof;
use super::super::oauth::LoginRejection;

const UNKNOWN_TENANT: &str = "The tenant is unknown. Compare the tenant id in the module's settings with \"Directory (tenant) ID\" \
     of the app registration, and RELAY_PROVIDER__LOGIN_URL with the login service of the tenant's cloud";

/// What the codes of the login service mean, and what to do.
const ADVICE: &[(&[u32], &str)] = &[
    (
        &[7_000_215],
        "The client secret is wrong. Enter in the module's settings the secret's value, not its id, as \"Certificates & \
         secrets\" of the app registration shows it when the secret is made",
    ),
    (
        &[7_000_222],
        "The client secret has expired. Make a new one under \"Certificates & secrets\" of the app registration and enter \
         its value in the module's settings",
    ),
    (&[90_002, 900_023], UNKNOWN_TENANT),
    (
        &[700_016],
        "The application is unknown in this tenant. Compare application id and tenant id in the module's settings with \
         those on the overview page of the app registration",
    ),
    (
        &[7_000_112],
        "The application is disabled in this tenant. An administrator has to enable it under \"Enterprise applications\" \
         of the Entra admin center",
    ),
    (
        &[65_001, 650_051, 650_052, 7_000_229],
        "Nobody has consented to the application in this tenant. An administrator has to grant admin consent \
         under \"API permissions\"",
    ),
    (
        &[70_011, 1_002_012],
        "The scope is wrong. Set RELAY_PROVIDER__SCOPE to the API of the tenant's cloud, followed by `/.default`",
    ),
    (
        &[500_011],
        "The tenant does not know the API that the scope names. Set RELAY_PROVIDER__SCOPE to the API of the tenant's \
         cloud, followed by `/.default`; if it is right, the tenant has no subscription of the product",
    ),
    (
        &[500_014],
        "The API is disabled in this tenant. Renew the subscription of the product if it has lapsed, or enable the \
         enterprise application of the API in the Entra admin center",
    ),
    (
        &[900_382, 900_432],
        "The tenant is in another cloud. Set RELAY_PROVIDER__LOGIN_URL, RELAY_PROVIDER__API_URL and \
         RELAY_PROVIDER__SCOPE to those of the tenant's cloud",
    ),
    (
        &[700_027],
        "The certificate is not registered with the application, or is not the one that is there. Upload it under \
         \"Certificates & secrets\" of the app registration, or set RELAY_PROVIDER__CERTIFICATE_FILE to the one that is \
         there",
    ),
    (
        &[700_024],
        "The proof of identity is outside its time. Set the clock of the relay's host, and check that the file of a \
         federated token (RELAY_PROVIDER__FEDERATED_TOKEN_FILE) is renewed",
    ),
    (&NO_FEDERATED_CREDENTIAL, "No federated credential of the application fits the relay's token"),
    (
        &[53_003],
        "A conditional access policy of the tenant forbids the login. In the Entra admin center, under \"Conditional \
         Access\", exclude the application from the policy or add the relay's address to a named location that it allows",
    ),
];

/// No match of issuer, audience, subject.
const NO_FEDERATED_CREDENTIAL: [u32; 3] = [700_211, 700_212, 700_213];

/// What a refused login means and what to do about it, where that is known.
pub(super) fn advice(rejection: &LoginRejection, proof: &Proof) -> Option<String> {
    let code = rejection.description.as_deref().and_then(code);
    let known = ADVICE.iter().find(|(codes, _)| code.is_some_and(|code| codes.contains(&code)));
    match (known, rejection.status) {
        (Some((codes, advice)), _) if codes.contains(&NO_FEDERATED_CREDENTIAL[0]) => {
            let token = match proof {
                Proof::Federated(file) => format!(", which {}", file.identity()),
                _ => String::new(),
            };
            Some(format!(
                "{advice}{token}. Add one with exactly these under \"Certificates & secrets\", \"Federated credentials\" of the \
                 app registration, or set RELAY_PROVIDER__FEDERATED_TOKEN_FILE to the token that fits"
            ))
        }
        (Some((_, advice)), _) => Some((*advice).to_owned()),
        // A path without a tenant behind it.
        (None, 404) => Some(UNKNOWN_TENANT.to_owned()),
        (None, _) => None,
    }
}

/// The number in `AADSTS7000215: Invalid client secret provided. …`.
fn code(description: &str) -> Option<u32> {
    let (_, rest) = description.split_once("AADSTS")?;
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..digits].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn advice(rejection: &LoginRejection) -> Option<String> {
        super::advice(rejection, &Proof::Secret("s3cret".into()))
    }

    fn rejection(status: u16, description: Option<&str>) -> LoginRejection {
        LoginRejection { status, error: None, description: description.map(str::to_owned), advice: None }
    }

    #[test]
    fn each_known_fault_has_its_advice() {
        let table = [
            ("AADSTS7000215: Invalid client secret provided.", "secret is wrong"),
            ("AADSTS7000222: The provided client secret keys are expired.", "secret has expired"),
            ("AADSTS90002: Tenant 'x' not found.", "tenant is unknown"),
            ("AADSTS700016: Application with identifier 'x' was not found.", "application is unknown"),
            ("AADSTS65001: The user or administrator has not consented.", "admin consent"),
            ("AADSTS70011: The provided value for 'scope' is not valid.", "scope is wrong"),
            ("AADSTS500011: The resource principal was not found.", "no subscription"),
            (
                "AADSTS500014: The service principal is disabled.",
                "subscription of the product if it has lapsed",
            ),
            ("AADSTS900382: Confidential Client is not supported in Cross Cloud request.", "another cloud"),
            (
                "AADSTS900432: Confidential Client is not supported in Cross Cloud request.",
                "RELAY_PROVIDER__LOGIN_URL",
            ),
            ("AADSTS700027: The certificate is not registered.", "certificate is not registered"),
            (
                "AADSTS700024: Client assertion is not within its valid time range.",
                "clock of the relay's host",
            ),
            ("AADSTS53003: Access has been blocked by Conditional Access policies.", "conditional access"),
            ("invalid_client: AADSTS7000112: Application is disabled.", "is disabled"),
        ];
        for (description, expected) in table {
            let advice = advice(&rejection(400, Some(description))).expect("advice");
            assert!(advice.contains(expected), "{description}: {advice}");
        }
        let blocked = advice(&rejection(400, Some("AADSTS53003: Access has been blocked."))).expect("advice");
        assert!(!blocked.contains("Federated credentials"), "{blocked}");
        assert_eq!(advice(&rejection(400, Some("AADSTS1: Never heard of it."))), None);
        assert_eq!(advice(&rejection(401, Some("AADSTS: no number"))), None);
        assert_eq!(advice(&rejection(401, None)), None);
        assert!(advice(&rejection(404, None)).expect("advice").contains("tenant is unknown"));
    }

    /// Each code that a customer meets has a sentence of its own, which says where to go.
    #[test]
    fn the_codes_of_logins_without_a_secret_are_told_apart() {
        let said = |code: u32| advice(&rejection(400, Some(&format!("AADSTS{code}: No.")))).expect("advice");
        let codes = [
            700_027, 700_024, 700_211, 7_000_222, 7_000_215, 700_016, 90_002, 900_382, 500_011, 500_014,
            53_003,
        ];
        let mut all: Vec<String> = codes.map(said).into();
        for sentence in &all {
            let place = ["RELAY_PROVIDER__", "app registration", "Entra admin center"];
            assert!(place.iter().any(|place| sentence.contains(place)), "{sentence}");
        }
        all.sort();
        all.dedup();
        assert_eq!(all.len(), codes.len());
        assert_eq!([700_212, 700_213].map(said), [said(700_211), said(700_211)]);
        assert_eq!(said(900_432), said(900_382));
    }
}
