//! IBM X-Force Exchange ([API documentation](https://api.xforce.ibmcloud.com/doc/)).
//!
//! HTTP Basic with an API key and its password. Known keys, all with the password [`tenant::PASSWORD`], are those
//! of [`tenant::TENANTS`]: `demo-key` for everyday use, others with a used-up quota, without access, and so on.
//!
//! | call | |
//! |---|---|
//! | `GET /all-subscriptions/usage` | records used per month |
//! | `GET /ipr/{ip}`, `/url/{url}`, `/malware/{hash}` | reports |
//! | `GET /resolve/{value}`, also below `/api` | DNS, live and passive |
//! | `GET /api/linkage/{url\|ip\|malware}/{value}?maxpertype=20` | collections that hold the value |
//!
//! The portal serves the same under `/api` (`/api/ipr/{ip}` and so on), and so does this. A value is **one**
//! segment: anything else is an unknown path. Every call but the first costs a record, found or not.

mod call;
mod dns;
mod linkage;
mod refusal;
mod report;
mod reputation;
pub mod tenant;
mod value;

use crate::reply::Reply;
use crate::request::Request;
use crate::service::Service;

use call::Call;
use refusal::error;
use tenant::Usage;

/// The service.
#[derive(Debug, Default)]
pub struct XForce {
    usage: Usage,
}

impl Service for XForce {
    fn name(&self) -> &'static str {
        "xforce"
    }

    fn prefix(&self) -> &'static str {
        "/xforce"
    }

    fn authorize(&self, request: &Request) -> Result<(), Reply> {
        let account = tenant::of(request)?;
        if !request.accepts("application/json") {
            return Err(error(406, "Not acceptable."));
        }
        let call = Call::of(request).ok_or_else(|| error(404, "Not found."))?;
        if request.method != "GET" {
            return Err(error(405, "Method not allowed.").header("Allow", "GET"));
        }
        self.usage.spend(&account, &call)
    }

    fn answer(&self, request: &Request) -> Reply {
        let Some(call) = Call::of(request) else { return error(404, "Not found.") };
        match call {
            Call::Usage => {
                tenant::of(request).map_or_else(|refusal| refusal, |account| self.usage.report(&account))
            }
            Call::Ip(value) => report::ip(value),
            Call::Url(value) => report::url(value),
            Call::Malware(value) => report::malware(value),
            Call::Resolve(value) => dns::resolve(value),
            Call::Linkage(kind, value) => linkage::collections(kind, value, request.param("maxpertype")),
        }
    }

    fn reset(&self) {
        self.usage.reset();
    }
}
