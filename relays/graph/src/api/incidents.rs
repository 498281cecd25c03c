//! The calls that count incidents (<https://learn.microsoft.com/en-us/graph/api/security-list-incidents>).

use relay_core::call::Call;
use relay_core::error::{Code, Error};

use super::policy::INCIDENTS_API;
use crate::Graph;
use crate::credentials::GraphCredentials;
use crate::model::listing::CountedList;
use crate::module::TITLE;

impl Graph {
    /// How many incidents fit a filter.
    ///
    /// # Errors
    /// The call failed, or its answer does not say.
    pub(crate) async fn incident_count(
        &self,
        call: &Call<GraphCredentials>,
        filter: &str,
    ) -> Result<i64, Error> {
        let url =
            self.url("security/incidents").param("$count", true).param("$top", 1).param("$filter", filter);
        let request = self.caller(&INCIDENTS_API, call).get("incidents", url.build());
        // Documented for counts of other collections; it does no harm here.
        let list: Option<CountedList> = request.header("consistencylevel", "eventual").fetch().await?;
        list.and_then(|list| list.number()).ok_or_else(|| {
            Error::warning(Code::BAD_RESPONSE, format!("{TITLE} does not say how many incidents there are"))
        })
    }
}
