//! Settings whose texts have a form of their own: log filters, audiences.

use url::Url;

use super::SettingsError;
use super::load::Values;

/// Programs that write log lines within a relay's process; a filter may name one without a level.
const CRATES: [&str; 20] = [
    "actix_http",
    "actix_rt",
    "actix_server",
    "actix_web",
    "audit",
    "config",
    "h2",
    "hyper",
    "hyper_util",
    "mio",
    "moka",
    "redis",
    "relay",
    "relay_core",
    "reqwest",
    "rustls",
    "rustls_platform_verifier",
    "tokio",
    "tokio_util",
    "tracing",
];
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// A filter that `env_logger` would not read is refused: it would be left out, with only a note on it. So is a word that
/// is neither level nor program: it would be read as the name of a program, and everything else would not be logged.
pub(super) fn log_filter(values: &Values) -> Result<String, SettingsError> {
    let filter = values.text("log").unwrap_or("info");
    let example = "a log filter such as `info` or `info,hyper=warn`";
    if env_filter::Builder::new().try_parse(filter).is_err() {
        return Err(SettingsError::value("log", format!("`{filter}` is not {example}")));
    }
    let directives = filter.split('/').next().unwrap_or_default();
    let is_known = |word: &str| {
        let program = word.split("::").next().unwrap_or_default();
        LEVELS.iter().any(|level| level.eq_ignore_ascii_case(word))
            || CRATES.contains(&program)
            || program.starts_with("relay_")
    };
    let word = directives
        .split(',')
        .map(str::trim)
        .find(|word| !word.is_empty() && !word.contains('=') && !is_known(word));
    match word {
        None => Ok(filter.to_owned()),
        Some(word) => {
            let problem =
                format!("`{word}` is neither a level ({}) nor part of a relay; {example}", LEVELS.join(", "));
            Err(SettingsError::value("log", problem))
        }
    }
}

/// Scheme and host of the relay, as tokens name it.
pub(super) fn audience(values: &Values) -> Result<Vec<String>, SettingsError> {
    let origins = values.list("auth.audience");
    match origins.iter().find_map(|origin| no_origin(origin)) {
        Some(problem) => Err(SettingsError::value("auth.audience", problem)),
        None => Ok(origins),
    }
}

/// What keeps a text from being an origin. One that holds a password is not repeated.
fn no_origin(text: &str) -> Option<String> {
    const EXAMPLE: &str = "an audience is scheme and host of this relay, such as https://relay.example.com";
    if text.contains('@') {
        return Some(format!("a URL with credentials in it is not accepted; {EXAMPLE}"));
    }
    let problem = |what: &str| Some(format!("`{text}` {what}; {EXAMPLE}"));
    if text.contains(['"', '\'', '`']) {
        return problem("has quotes in it, which are taken as part of the value");
    }
    if !text.contains("://") {
        return problem("has no scheme");
    }
    let Ok(url) = Url::parse(text) else { return problem("is not a URL") };
    match url.scheme() {
        "http" | "https" => {}
        _ => return problem("is not an http or https URL"),
    }
    if url.query().is_some() || url.fragment().is_some() {
        return problem("has a query or fragment");
    }
    (url.path() != "/").then(|| problem("has a path")).flatten()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{good, problem};

    #[test]
    fn a_log_filter_that_would_silence_everything_is_refused() {
        for good_one in [
            "info",
            "WARN",
            "info,hyper=warn",
            "relay_core=debug",
            "audit",
            "off,audit=info",
            "relay_core::server",
            "h2,info",
            "debug/call",
            "made_up=info",
        ] {
            assert_eq!(good(&[("RELAY_LOG", good_one)]).log, good_one);
        }
        for wrong in ["inof", "verbose", "info,loud", "info;warn"] {
            let problem = problem(&[("RELAY_LOG", wrong)]);
            assert!(problem.starts_with("RELAY_LOG: `") && problem.contains("level"), "{problem}");
        }
    }

    #[test]
    fn an_audience_is_an_origin() {
        for origin in [
            "https://relay.example",
            "https://relay.example:8443/",
            "http://127.0.0.1:9101",
            "http://[::1]:1",
        ] {
            assert_eq!(good(&[("RELAY_AUTH__AUDIENCE", origin)]).auth.audience, [origin]);
        }
        assert!(good(&[("RELAY_AUTH__AUDIENCE", "off")]).auth.audience.is_empty());
        for (text, words) in [
            ("\"https://relay.example\"", "has quotes in it"),
            ("'https://relay.example'", "has quotes in it"),
            ("https://relay.example/graph", "has a path"),
            ("https://relay.example/?x", "has a query or fragment"),
            ("relay.example", "has no scheme"),
            ("relay.example:443", "has no scheme"),
            ("ftp://relay.example", "is not an http or https URL"),
            ("https://", "is not a URL"),
            ("https://relay.example,relay.example", "has no scheme"),
        ] {
            let problem = problem(&[("RELAY_AUTH__AUDIENCE", text)]);
            assert!(problem.starts_with("RELAY_AUTH__AUDIENCE: `") && problem.contains(words), "{problem}");
        }
        let problem = problem(&[("RELAY_AUTH__AUDIENCE", "https://user:s3cr3t@relay.example")]);
        assert!(problem.contains("credentials") && !problem.contains("s3cr3t"), "{problem}");
    }
}
