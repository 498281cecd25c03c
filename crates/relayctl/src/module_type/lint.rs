//! Checks a module type against the platform's API, and against what the relay serves.

use std::collections::BTreeSet;

use relay_core::module::ENTITIES_LIMIT;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::PLACEHOLDER;
use crate::relays::Known;

/// The keys and types that the platform's API accepts.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    title: String,
    default_name: String,
    short_description: String,
    description: String,
    tips: String,
    logo: String,
    logo_dark: Option<String>,
    external_references: Vec<Reference>,
    configuration_spec: Vec<Field>,
    capabilities: Vec<Capability>,
    properties: Properties,
    #[serde(rename = "flags")]
    _flags: Option<Vec<String>>,
    #[serde(rename = "enabled")]
    _enabled: Option<bool>,
    #[serde(rename = "max_nb_instances")]
    _max_nb_instances: Option<u32>,
    product_categories: Vec<Category>,
    app_link: Option<String>,
    #[serde(rename = "ocsf-product-uid")]
    _ocsf_product_uid: Option<String>,
    #[serde(rename = "former_title")]
    _former_title: Option<String>,
}

/// What kind of product the provider is.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Category {
    id: CategoryId,
    description: String,
}

/// The platform's words for kinds of products.
#[derive(PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum CategoryId {
    Siem,
    ThreatIntel,
    EmailSecurity,
    Ndr,
    RfSecurity,
    CloudFirewall,
    Itsm,
    Edr,
    CloudSecurity,
    Firewall,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reference {
    label: String,
    link: String,
}

/// A field of the form that a user fills.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Field {
    key: String,
    #[serde(rename = "type")]
    kind: Kind,
    label: String,
    #[serde(default)]
    required: bool,
    tooltip: Option<String>,
    #[serde(rename = "group")]
    _group: Option<String>,
    #[serde(rename = "subtype")]
    _subtype: Option<String>,
    options: Option<Vec<Choice>>,
    #[serde(rename = "strict-options")]
    _strict_options: Option<bool>,
    #[serde(rename = "default_value")]
    _default_value: Option<IgnoredAny>,
    #[serde(rename = "beta")]
    _beta: Option<bool>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    String,
    Password,
    ApiKey,
    Integer,
    Boolean,
    Options,
    Device,
    File,
    Remote,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Choice {
    #[serde(rename = "value")]
    _value: String,
    #[serde(rename = "label")]
    _label: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Capability {
    id: String,
    description: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Properties {
    url: String,
    supported_apis: Vec<String>,
    auth_type: AuthType,
    configuration_token_alg: Option<Algorithm>,
    configuration_token_audience: Option<String>,
    #[serde(rename = "custom_jwks_host")]
    jwks_host: Option<String>,
}

#[derive(PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum AuthType {
    ConfigurationToken,
    AuthorizationHeader,
    Basic,
    Bearer,
}

#[derive(PartialEq, Eq, Deserialize)]
enum Algorithm {
    #[serde(rename = "RS256")]
    Rs256,
    #[serde(rename = "HS256")]
    Hs256,
}

/// The problems of a relay's module type, one line each.
pub(super) fn problems(known: &Known) -> Vec<String> {
    match serde_json::from_str::<File>(known.module_type) {
        Err(error) => vec![format!("not accepted by the platform: {error}")],
        Ok(file) => {
            let mut problems = Vec::new();
            texts(&file, &mut problems);
            properties(known.module_type, &file.properties, &mut problems);
            form(known, &file.configuration_spec, &mut problems);
            served(known, &file, &mut problems);
            problems
        }
    }
}

fn texts(file: &File, problems: &mut Vec<String>) {
    let mut texts = vec![
        ("title", &file.title),
        ("default_name", &file.default_name),
        ("short_description", &file.short_description),
        ("description", &file.description),
        ("tips", &file.tips),
    ];
    texts.extend(file.capabilities.iter().map(|one| ("description of a capability", &one.description)));
    texts.extend(
        file.product_categories.iter().map(|one| ("description of a product category", &one.description)),
    );
    texts.extend(file.external_references.iter().map(|one| ("label of a reference", &one.label)));
    texts.extend(file.configuration_spec.iter().map(|one| ("label of a field", &one.label)));
    texts.extend(file.configuration_spec.iter().filter_map(|one| Some(("tooltip", one.tooltip.as_ref()?))));
    for (name, _) in texts.iter().filter(|(_, text)| text.trim().is_empty()) {
        problems.push(format!("{name} is blank"));
    }
    if file.product_categories.is_empty() {
        problems.push("product_categories is empty".to_owned());
    }
    for (position, one) in file.product_categories.iter().enumerate() {
        if file.product_categories.iter().take(position).any(|other| other.id == one.id) {
            problems.push("product_categories has one more than once".to_owned());
        }
    }
    for logo in [Some(&file.logo), file.logo_dark.as_ref()].into_iter().flatten() {
        if !logo.starts_with("data:image/") {
            problems.push("a logo is not a data URI of an image".to_owned());
        }
    }
    let links = file.external_references.iter().map(|one| &one.link).chain(&file.app_link);
    for link in links.filter(|link| !link.starts_with("https://")) {
        problems.push(format!("`{link}` is not an https link"));
    }
}

fn properties(text: &str, properties: &Properties, problems: &mut Vec<String>) {
    if properties.url != PLACEHOLDER || text.matches(&format!("\"{PLACEHOLDER}\"")).count() != 1 {
        problems.push(format!("properties.url, and nothing else, must be the placeholder {PLACEHOLDER}"));
    }
    if properties.auth_type != AuthType::ConfigurationToken {
        problems
            .push("properties.auth-type: must be configuration-token, which is what relays read".to_owned());
    }
    match properties.configuration_token_alg {
        None => problems.push("properties.configuration-token-alg is missing".to_owned()),
        Some(Algorithm::Rs256) if properties.jwks_host.is_none() => {
            problems.push(
                "properties.custom_jwks_host is missing: RS256 tokens name the host of their key".to_owned(),
            );
        }
        Some(_) => {}
    }
    if properties.configuration_token_audience.is_some() {
        problems.push("properties.configuration-token-audience: the audience is properties.url".to_owned());
    }
}

/// The form asks for the claims that the relay reads.
fn form(known: &Known, fields: &[Field], problems: &mut Vec<String>) {
    let claims = known.module().claims;
    for claim in claims {
        let key = format!("custom_{}", claim.name);
        let fields: Vec<&Field> = fields.iter().filter(|field| field.key == key).collect();
        match fields.as_slice() {
            // Every relay reads the limit, but not every provider needs it.
            [] if claim.name == ENTITIES_LIMIT.name => {}
            [] => problems.push(format!("configuration_spec lacks {key}, a claim that the relay reads")),
            [field] => {
                if field.required != claim.required {
                    problems.push(format!(
                        "{key}: required is {}, but {} in the relay",
                        field.required, claim.required
                    ));
                }
                if matches!(field.kind, Kind::Password | Kind::ApiKey) != claim.secret {
                    problems.push(format!("{key}: its type and the relay disagree on whether it is secret"));
                }
                if (field.kind == Kind::Options) != field.options.is_some() {
                    problems.push(format!("{key}: options belong to the type `options`"));
                }
            }
            _ => problems.push(format!("configuration_spec has {key} more than once")),
        }
    }
    let read = |field: &&Field| {
        field.key.strip_prefix("custom_").is_some_and(|name| claims.iter().any(|claim| claim.name == name))
    };
    for field in fields.iter().filter(|field| !read(field)) {
        problems.push(format!("configuration_spec has {}, which the relay does not read", field.key));
    }
}

/// The file advertises what the relay serves.
fn served(known: &Known, file: &File, problems: &mut Vec<String>) {
    let relay = (known.relay)();
    // An endpoint without a capability is served for old registrations, and not advertised.
    let advertised =
        || relay.endpoints().iter().filter_map(|endpoint| Some((endpoint.capability?, endpoint.path)));
    let apis: Vec<&str> = advertised().map(|(_, path)| path.trim_start_matches('/')).collect();
    let capabilities: Vec<&str> = advertised().map(|(capability, _)| capability).collect();
    let ids: Vec<&str> = file.capabilities.iter().map(|one| one.id.as_str()).collect();
    let supported: Vec<&str> = file.properties.supported_apis.iter().map(String::as_str).collect();
    same("capabilities", &ids, &capabilities, problems);
    same("properties.supported-apis", &supported, &apis, problems);
}

/// In any order, each once.
fn same(what: &str, said: &[&str], served: &[&str], problems: &mut Vec<String>) {
    let (set, expected): (BTreeSet<_>, BTreeSet<_>) = (said.iter().collect(), served.iter().collect());
    if set != expected || said.len() != set.len() {
        problems.push(format!("{what} is {}, but the relay serves {}", said.join(", "), served.join(", ")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relays::RELAYS;

    #[test]
    fn every_module_type_says_what_its_relay_serves() {
        for known in RELAYS {
            assert_eq!(problems(known), Vec::<String>::new(), "{}", known.module().name);
        }
    }

    #[test]
    fn every_kind_of_mistake_is_found() {
        let known = RELAYS.iter().find(|known| known.module().name == "xforce").unwrap();
        for (right, wrong, expected) in [
            ("\"title\"", "\"tittle\"", "unknown field `tittle`"),
            ("\"type\": \"integer\"", "\"type\": \"number\"", "unknown variant `number`"),
            ("\"required\": true", "\"required\": \"yes\"", "invalid type"),
            (
                "\"required\": true",
                "\"required\": false",
                "custom_key: required is false, but true in the relay",
            ),
            ("\"type\": \"password\"", "\"type\": \"string\"", "custom_password: its type"),
            ("\"custom_password\"", "\"custom_pass\"", "lacks custom_password"),
            ("\"custom_password\"", "\"custom_pass\"", "has custom_pass, which"),
            ("\"custom_password\"", "\"custom_key\"", "custom_key more than once"),
            ("\"https://relay.example\"", "\"https://xdr.example\"", "must be the placeholder"),
            ("\"configuration-token\"", "\"basic\"", "auth-type"),
            ("\"configuration-token\"", "\"cookie\"", "unknown variant `cookie`"),
            ("\"RS256\"", "\"none\"", "unknown variant `none`"),
            (
                "\"default_name\": \"IBM X-Force Exchange\"",
                "\"default_name\": \" \"",
                "default_name is blank",
            ),
            ("data:image/svg+xml", "https://logo.example/", "data URI"),
            ("\"https://ibm.com", "\"http://ibm.com", "not an https link"),
            ("\"threat-intel\"", "\"threat_intel\"", "unknown variant `threat_intel`"),
            ("\"product_categories\": [", "\"product_categories\": [\"siem\", ", "invalid type"),
            ("\"product_categories\"", "\"disable_automatic_health_check\"", "unknown field"),
            ("\"tiles/tile\"", "\"tiles/tiles\"", "properties.supported-apis is"),
            ("\"refer/observables\"", "\"respond/observables\"", "properties.supported-apis is"),
            ("\"id\": \"refer\"", "\"id\": \"observe\"", "capabilities is"),
        ] {
            let text = known.module_type.replacen(right, wrong, 1);
            assert_ne!(text, known.module_type, "{right} occurs");
            let changed = Known { module_type: Box::leak(text.into_boxed_str()), ..*known };
            let problems = problems(&changed);
            assert!(problems.iter().any(|problem| problem.contains(expected)), "{expected}: {problems:?}");
        }
    }
}
