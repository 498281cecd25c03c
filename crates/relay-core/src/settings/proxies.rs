//! The proxy that outgoing calls go through, from the variables that other programs read too: `HTTPS_PROXY`,
//! `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`, also in lower case.
//!
//! An HTTP client would read them itself, and would silently call without a proxy where one cannot be used.

use std::collections::BTreeMap;
use std::fmt;

use hyper_util::client::proxy::matcher::Matcher;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::SettingsError;
use super::environment::Environment;

/// The variables, each with its other spelling; the first one that is set counts.
const VARIABLES: [[&str; 2]; 4] = [
    ["HTTPS_PROXY", "https_proxy"],
    ["HTTP_PROXY", "http_proxy"],
    ["ALL_PROXY", "all_proxy"],
    ["NO_PROXY", "no_proxy"],
];

/// The variables that are set, by name.
pub(super) type Variables = BTreeMap<&'static str, String>;

/// Those of an environment.
pub(super) fn variables(environment: &Environment) -> Variables {
    let set = |name: &&'static str| Some((*name, environment.get(name)?.trim().to_owned()));
    VARIABLES.iter().filter_map(|names| names.iter().find_map(set)).collect()
}

impl Environment {
    /// The same variables, and those of the process that name proxies.
    #[must_use]
    pub fn with_proxies_of_process(self) -> Self {
        self.with(variables(&Self::of_process()))
    }
}

/// A proxy.
#[derive(Clone)]
pub(crate) struct Proxy {
    /// The variable that names it.
    variable: &'static str,
    /// With the password, where there is one.
    url: SecretString,
    /// Scheme, host and port.
    place: String,
}

/// Which calls go through which proxy.
#[derive(Clone, Default)]
pub struct ProxySettings {
    /// For `https` addresses.
    pub(crate) https: Option<Proxy>,
    /// For `http` addresses.
    pub(crate) http: Option<Proxy>,
    /// The hosts that are called without one, as `NO_PROXY` lists them.
    pub(crate) except: Option<String>,
}

impl Proxy {
    /// Its address, with a password where there is one.
    pub(crate) fn url(&self) -> &str {
        self.url.expose_secret()
    }

    /// No message repeats the text, which may hold a password.
    fn read(variable: &'static str, text: &str) -> Result<Self, SettingsError> {
        let problem = |what: &str| {
            let problem = format!("{what}; a proxy is named as in http://proxy.example:3128");
            Err(SettingsError::Value { name: variable.to_owned(), problem })
        };
        let text = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let url = match Url::parse(&text) {
            Ok(url) => url,
            Err(error) => return problem(&format!("is not a URL ({error})")),
        };
        let Some(host) = url.host_str().filter(|host| !host.is_empty()) else {
            return problem("is a URL without a host");
        };
        if !matches!(url.scheme(), "http" | "https") {
            return problem(&format!("names a proxy of the kind `{}`, which is not supported", url.scheme()));
        }
        let port = url.port_or_known_default().unwrap_or(80);
        let place = format!("{}://{host}:{port}", url.scheme());
        Ok(Self { variable, url: SecretString::from(text), place })
    }
}

impl ProxySettings {
    pub(super) fn read(variables: &Variables) -> Result<Self, SettingsError> {
        let given = |names: [&str; 2]| variables.iter().find(|(name, _)| names.contains(*name));
        let [https, http, all, except] = VARIABLES;
        let read = |names| given(names).map(|(name, text)| Proxy::read(name, text)).transpose();
        let all = read(all)?;
        Ok(Self {
            https: read(https)?.or_else(|| all.clone()),
            http: read(http)?.or(all),
            except: given(except).map(|(_, text)| text.clone()),
        })
    }

    /// The proxy that a call to this address goes through.
    pub(crate) fn of(&self, url: &Url) -> Option<&str> {
        let uri: http::Uri = url.as_str().parse().ok()?;
        let proxy = if url.scheme() == "https" { &self.https } else { &self.http }.as_ref()?;
        // The same rules for `NO_PROXY` as the HTTP client has: these are its own.
        let matcher = Matcher::builder().all(proxy.place.as_str());
        let matcher = matcher.no(self.except.as_deref().unwrap_or_default()).build();
        matcher.intercept(&uri).map(|_| proxy.place.as_str())
    }

    /// A proxy that no client can be made with.
    pub(crate) fn unusable(proxy: &Proxy) -> SettingsError {
        SettingsError::Value {
            name: proxy.variable.to_owned(),
            problem: "cannot be used as a proxy".to_owned(),
        }
    }

    /// What an operator should know at the start.
    pub(crate) fn notes(&self) -> Vec<String> {
        let except = match &self.except {
            Some(hosts) => format!(", except those to {hosts} (NO_PROXY)"),
            None => String::new(),
        };
        let note = |scheme: &str, Proxy { variable, place, .. }: &Proxy| {
            format!("calls to {scheme} addresses go through the proxy {place} ({variable}){except}")
        };
        let https = self.https.as_ref().map(|proxy| note("https", proxy));
        https.into_iter().chain(self.http.as_ref().map(|proxy| note("http", proxy))).collect()
    }
}

/// Without a password.
impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.place)
    }
}

/// Without a password.
impl fmt::Debug for ProxySettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { https, http, except } = self;
        f.debug_struct("ProxySettings")
            .field("https", https)
            .field("http", http)
            .field("except", except)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::load;
    use super::*;

    fn proxies(given: &[(&str, &str)]) -> Result<ProxySettings, String> {
        load(given).map(|loaded| loaded.settings.provider.proxies).map_err(|error| error.to_string())
    }

    fn of<'p>(proxies: &'p ProxySettings, url: &str) -> Option<&'p str> {
        proxies.of(&Url::parse(url).expect("a URL"))
    }

    #[test]
    fn a_call_goes_through_the_proxy_of_its_scheme() {
        let given = [("HTTPS_PROXY", "http://one.example:3128"), ("all_proxy", "two.example:8080")];
        let proxies = proxies(&given).expect("proxies");
        assert_eq!(of(&proxies, "https://api.example/x"), Some("http://one.example:3128"));
        assert_eq!(of(&proxies, "http://api.example/x"), Some("http://two.example:8080"));
        assert!(
            super::ProxySettings::default().of(&Url::parse("https://a.example").expect("a URL")).is_none()
        );
    }

    #[test]
    fn listed_hosts_are_called_without_one() {
        let given = [("HTTPS_PROXY", "http://one.example"), ("NO_PROXY", "api.example,10.0.0.0/8")];
        let proxies = proxies(&given).expect("proxies");
        for direct in ["https://api.example/x", "https://eu.api.example", "https://10.1.2.3:8443/"] {
            assert_eq!(of(&proxies, direct), None, "{direct}");
        }
        assert_eq!(of(&proxies, "https://other.example"), Some("http://one.example:80"));
    }

    #[test]
    fn a_password_is_in_no_word_about_a_proxy() {
        let given = [("HTTPS_PROXY", "http://user:s3cr3t@one.example:3128"), ("NO_PROXY", "localhost")];
        let proxies = proxies(&given).expect("proxies");
        let https = proxies.https.as_ref().expect("a proxy");
        assert_eq!(https.url(), "http://user:s3cr3t@one.example:3128");
        assert_eq!(
            proxies.notes(),
            [
                "calls to https addresses go through the proxy http://one.example:3128 (HTTPS_PROXY), except those to \
              localhost (NO_PROXY)"
            ]
        );
        let shown = format!("{proxies:?} {:?}", of(&proxies, "https://api.example"));
        assert!(!shown.contains("s3cr3t") && !shown.contains("user"), "{shown}");
    }

    #[test]
    fn what_is_no_proxy_stops_the_start_and_names_its_variable() {
        for (name, value, words) in [
            ("HTTPS_PROXY", "http://", "is not a URL ("),
            ("http_proxy", "\"http://user:s3cr3t@one.example:3128\"", "is not a URL ("),
            ("ALL_PROXY", "http://user:s3cr3t@one.example:port", "is not a URL (invalid port number)"),
            ("HTTPS_PROXY", "socks5://user:s3cr3t@one.example", "names a proxy of the kind `socks5`"),
            ("HTTPS_PROXY", "two words", "is not a URL ("),
        ] {
            let error = proxies(&[(name, value)]).expect_err(value);
            assert!(error.starts_with(&format!("{name}: {words}")), "{error}");
            assert!(!error.contains("s3cr3t") && error.lines().count() == 1, "{error}");
        }
    }
}
