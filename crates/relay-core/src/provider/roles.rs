//! The permissions that an access token gives, for `doctor`.

use secrecy::ExposeSecret;
use serde::Deserialize;
use url::Url;

use super::client::Client;
use super::oauth::TokenSource;
use crate::api::Api;
use crate::auth::unverified;
use crate::call::RequestContext;
use crate::error::Error;
use crate::provider::{Auth, Method, Request};

impl Client {
    /// The `roles` in the access token of a login; nothing where the token shows none, which it need not: only the API
    /// that it is for is to read it.
    ///
    /// # Errors
    /// The login failed.
    pub async fn roles(
        &self,
        api: &'static Api,
        context: &RequestContext,
        source: TokenSource,
    ) -> Result<Option<Vec<String>>, Error> {
        let request = Request::new(self, context, api, "login", Method::POST, None::<Url>);
        let request = request.auth(Auth::Token(source.clone()));
        let token = self.token(&request, &source).await.map_err(|failure| api.error(&failure))?;
        Ok(roles(token.secret.expose_secret()))
    }
}

fn roles(token: &str) -> Option<Vec<String>> {
    let claims = unverified(token)?;
    match claims.raw("roles") {
        // A token of an application without any permission has none.
        None => Some(Vec::new()),
        Some(roles) => Vec::<String>::deserialize(roles).ok(),
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD;

    use super::*;

    #[test]
    fn a_token_shows_its_roles_or_is_not_readable() {
        let read = |payload: &str| {
            let part = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
            roles(&format!("{}.{}.{}", part(r#"{"alg": "RS256"}"#), part(payload), part("signature")))
        };
        assert_eq!(read(r#"{"roles": ["A", "B"]}"#), Some(vec!["A".to_owned(), "B".to_owned()]));
        assert_eq!(read("{}"), Some(Vec::new()));
        assert_eq!(read(r#"{"roles": "A"}"#), None);
        assert_eq!(roles("opaque"), None);
    }
}
