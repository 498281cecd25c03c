//! What the account has used of its month.
//!
//! Whether the call counts against the quota is not documented, so it is made at most once an hour, and once a day
//! where its own answers show that it does.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use relay_core::api::{Api, Caller};
use relay_core::call::Call;
use relay_core::error::{Code, Error};
use relay_core::escape::UrlBuilder;
use relay_core::lenient;
use relay_core::memory::Lapsing;
use relay_core::provider::{Answer, CredentialKey, Failure};
use relay_core::tiles::{Count, Counted, Digest, VALID_QUOTA};
use serde::Deserialize;

use crate::SecurityTrails;
use crate::api::{ANY, is_quota, limited, meaning};
use crate::credentials::ApiKey;
use crate::model::Whole;

static USAGE: Api = Api {
    absent: &[],
    classify: |rejection| {
        meaning(
            rejection,
            "The plan of the SecurityTrails account does not include its usage (account/usage)",
        )
    },
    ..ANY
};

/// The header of any answer that says how fast the account may call.
const PER_SECOND: &str = "x-ratelimit-limit-second";
/// How long the answer is kept where the call itself costs a query.
const A_DAY: Duration = Duration::from_secs(24 * 3600);
/// How often in a row the usage has to rise by the call alone.
const RISES: u32 = 2;

/// What is known of the accounts' usage.
pub(crate) struct Usage {
    months: Digest<(), Month>,
    readings: Lapsing<CredentialKey, Reading>,
    /// Other calls of this process to SecurityTrails.
    other_calls: AtomicU64,
}

/// `GET /account/usage`, as far as it could be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Month {
    pub(crate) used: Option<i64>,
    pub(crate) allowed: Option<i64>,
    pub(crate) per_second: Option<i64>,
    /// The call was refused because nothing is left.
    pub(crate) used_up: bool,
}

/// What an answer showed, to be compared with the next one.
#[derive(Clone, Copy)]
struct Reading {
    used: Option<i64>,
    other_calls: u64,
    rises: u32,
}

#[derive(Default, Deserialize)]
struct Body {
    #[serde(default = "lenient::missing", deserialize_with = "lenient::field")]
    current_monthly_usage: Option<Whole>,
    #[serde(default = "lenient::missing", deserialize_with = "lenient::field")]
    allowed_monthly_usage: Option<Whole>,
}
lenient::object!(Body);

/// How many accounts are remembered.
const ACCOUNTS: u64 = 10_000;
/// For how long.
const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);

impl Usage {
    pub(crate) fn new() -> Self {
        Self { months: Digest::new(), readings: Lapsing::new(ACCOUNTS), other_calls: AtomicU64::new(0) }
    }

    /// Some other call is made.
    pub(crate) fn other_call(&self) {
        self.other_calls.fetch_add(1, Ordering::Relaxed);
    }

    /// How long an answer is kept.
    fn lasts(&self, call: &Call<ApiKey>, used: Option<i64>) -> Duration {
        let (key, now) = (call.credential(), call.now());
        let other_calls = self.other_calls.load(Ordering::Relaxed);
        let before = self.readings.recall(&key, now);
        let reading = Reading::after(before, used, other_calls);
        if reading.costs() && before.is_none_or(|before| !before.costs()) {
            log::info!(
                "the question for the usage of a SecurityTrails account costs a query; it is asked once a day"
            );
        }
        self.readings.remember(key, reading, WEEK, now);
        if reading.costs() { A_DAY } else { VALID_QUOTA }
    }
}

impl Reading {
    /// What an answer shows after the one before.
    fn after(before: Option<Self>, used: Option<i64>, other_calls: u64) -> Self {
        let rose = |before: &Self| {
            before.other_calls == other_calls
                && used.zip(before.used).is_some_and(|(now, before)| now.checked_sub(before) == Some(1))
        };
        let rises = match before {
            Some(before) if before.costs() => before.rises,
            Some(before) if rose(&before) => before.rises + 1,
            _ => 0,
        };
        Self { used, other_calls, rises }
    }

    /// Whether the question costs a query.
    fn costs(self) -> bool {
        self.rises >= RISES
    }
}

impl SecurityTrails {
    /// What the account has used of its month: asked for at most once an hour.
    pub(crate) async fn usage(&self, call: &Call<ApiKey>) -> Counted<Month> {
        let count = async {
            match self.ask_for_usage(call).await {
                Ok(month) => Ok(Count::whole(month).lasting(self.usage.lasts(call, month.used))),
                // That is an answer too.
                Err(failure) if failure.rejection().is_some_and(|one| one.status == 429 && is_quota(one)) => {
                    let warning = USAGE.error(&failure);
                    let warning = Error::warning(Code::TOO_MANY_REQUESTS, warning.message().to_owned());
                    let month = Month { used: None, allowed: None, per_second: None, used_up: true };
                    Ok(Count::cut(month, None, warning).lasting(VALID_QUOTA))
                }
                Err(failure) => Err(USAGE.error(&failure)),
            }
        };
        self.usage.months.get(call, (), count).await
    }

    async fn ask_for_usage(&self, call: &Call<ApiKey>) -> Result<Month, Failure> {
        let url = UrlBuilder::new(&self.api_url).path("account/usage").build();
        let api: Caller<'_> = self.silent_api(call, &USAGE);
        let answer = limited(api.get("usage", url)).keep_header(PER_SECOND).send().await?;
        let body: Body = answer.object()?;
        let number = |whole: Option<Whole>| whole.and_then(|whole| i64::try_from(whole.0).ok());
        let (used, allowed) = (number(body.current_monthly_usage), number(body.allowed_monthly_usage));
        if used.or(allowed).is_none() {
            return Err(Failure::Unreadable(
                "it does not say how many queries are used and allowed".to_owned(),
            ));
        }
        Ok(Month { used, allowed, per_second: per_second(&answer), used_up: false })
    }
}

fn per_second(answer: &Answer) -> Option<i64> {
    answer.headers(PER_SECOND).next()?.trim().parse().ok().filter(|limit| *limit >= 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether the last of these answers, each with the number of other calls until then, shows that the question
    /// costs a query.
    fn costs(answers: &[(Option<i64>, u64)]) -> bool {
        let reading =
            answers.iter().fold(None, |before, (used, other)| Some(Reading::after(before, *used, *other)));
        reading.is_some_and(Reading::costs)
    }

    #[test]
    fn the_question_costs_a_query_where_the_usage_rises_twice_by_nothing_else() {
        assert!(costs(&[(Some(5), 3), (Some(6), 3), (Some(7), 3)]));
        assert!(costs(&[(Some(9), 1), (Some(5), 3), (Some(6), 3), (Some(7), 3), (Some(7), 9)]), "for good");
        for answers in [
            [(Some(5), 3), (Some(6), 3), (Some(6), 3)],
            [(Some(5), 3), (Some(6), 3), (Some(7), 4)],
            [(Some(5), 3), (Some(7), 3), (Some(8), 3)],
            [(Some(5), 3), (None, 3), (Some(6), 3)],
        ] {
            assert!(!costs(&answers), "{answers:?}");
        }
    }
}
