//! Calls that services make themselves, to relays on this machine.

use std::time::Duration;

use futures::future::join_all;

use crate::reply::{CallOut, Called};

/// How long a relay may take.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Makes all of them at once.
pub(crate) async fn make(calls: Vec<CallOut>) -> Vec<Called> {
    let http = reqwest::Client::builder()
        .timeout(TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        // Relays are on this machine, or in its network of containers; there is nothing to verify without TLS.
        .no_proxy()
        .tls_certs_only([])
        .build();
    let http = match http {
        Ok(http) => http,
        Err(error) => return failed(calls, &error.to_string()),
    };
    join_all(calls.into_iter().map(|call| one(&http, call))).await
}

fn failed(calls: Vec<CallOut>, problem: &str) -> Vec<Called> {
    calls.into_iter().map(|call| Called { about: call.about, outcome: Err(problem.to_owned()) }).collect()
}

async fn one(http: &reqwest::Client, call: CallOut) -> Called {
    let CallOut { about, url, headers, body } = call;
    let mut request = http.post(&url).body(body);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let answer = async {
        let response = request.send().await?;
        let status = response.status().as_u16();
        Ok::<_, reqwest::Error>((status, response.bytes().await?))
    };
    // An error names the URL, which is no secret.
    Called { about, outcome: answer.await.map_err(|error| error.to_string()) }
}
