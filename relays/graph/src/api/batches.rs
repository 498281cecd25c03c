//! Many calls in one (<https://learn.microsoft.com/en-us/graph/json-batching>).

use relay_core::api::Api;
use relay_core::call::Call;
use relay_core::escape::segment;
use relay_core::lenient::LenientValue;
use relay_core::provider::{Failure, Rate};

use super::policy::{DETAILS_API, INTELLIGENCE_API};
use super::{ALERTS, HOSTS, HostCall, NEWER_WORDS};
use crate::Graph;
use crate::credentials::GraphCredentials;
use crate::model::intelligence::Report;
use crate::model::{batch, v2};

/// Requests in one batch, at most.
pub(crate) const BATCH: usize = 20;

impl Graph {
    /// Many alerts in one call: for each id that can be asked its place and the answer to it, in any order.
    pub(crate) async fn alerts(
        &self,
        call: &Call<GraphCredentials>,
        ids: &[&str],
    ) -> Result<Vec<(usize, batch::Response<v2::Alert>)>, Failure> {
        let of = |(place, id): (usize, &&str)| {
            let url = format!("/security/alerts_v2/{}", segment(id)?);
            let headers = Some(batch::Headers { prefer: NEWER_WORDS });
            Some(batch::Request { id: (place + 1).to_string(), method: "GET", url, headers })
        };
        let requests = ids.iter().enumerate().filter_map(of).collect();
        self.batch(&DETAILS_API, call, "alert_batch", Some(&ALERTS), requests).await
    }

    /// Many calls about hosts in one: for each its place and the answer to it, in any order.
    pub(crate) async fn hosts(
        &self,
        call: &Call<GraphCredentials>,
        calls: &[HostCall<'_>],
    ) -> Result<Vec<(usize, batch::Response<Report>)>, Failure> {
        let of = |(place, one): (usize, &HostCall<'_>)| {
            let url = format!("/{HOSTS}/{}/{}", segment(one.host)?, one.last_segment());
            Some(batch::Request { id: (place + 1).to_string(), method: "GET", url, headers: None })
        };
        let requests = calls.iter().enumerate().filter_map(of).collect();
        self.batch(&INTELLIGENCE_API, call, "intelligence_batch", None, requests).await
    }

    async fn batch<B: for<'a> LenientValue<'a>>(
        &self,
        policy: &'static Api,
        call: &Call<GraphCredentials>,
        name: &'static str,
        rate: Option<&'static Rate>,
        requests: Vec<batch::Request>,
    ) -> Result<Vec<(usize, batch::Response<B>)>, Failure> {
        // Each request of the batch counts as a call.
        let calls = u32::try_from(requests.len()).unwrap_or(u32::MAX);
        let body = batch::Requests { requests };
        let mut request = self.caller(policy, call).post(name, self.url("$batch").build()).json(&body);
        if let Some(rate) = rate {
            request = request.rate(rate).weight(calls);
        }
        let request = request.repeatable().cached().bulk().refused_inside(batch::is_token_refused);
        // Without an address there is no batch: each call is made by itself, and says so.
        let Some(answer) = request.outcome().await? else { return Ok(Vec::new()) };
        let responses = answer.json::<batch::Responses<B>>()?.responses;
        let responses = responses
            .ok_or_else(|| Failure::Unreadable("its answer holds no list of responses".to_owned()))?;
        // A failure of a part is no answer to the same question a moment later.
        if responses.len() < body.requests.len() || responses.iter().any(batch::Response::is_failure) {
            answer.do_not_reuse();
        }
        let placed = |response: batch::Response<B>| Some((response.id?.0.checked_sub(1)?, response));
        Ok(responses.into_iter().filter_map(placed).collect())
    }
}
