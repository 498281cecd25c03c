//! SecurityTrails ([API reference](https://docs.securitytrails.com/reference)).
//!
//! The key comes in the header `APIKEY`; in a query parameter, which the provider advises against, it is not
//! taken. Known keys are those of [`account::PLANS`]: `demo-key` for everyday use, others that are slow,
//! have a used-up quota, and so on. Each may be followed by a dot and any text, which makes another account on the
//! same terms (`demo-key.other`).
//!
//! | call | |
//! |---|---|
//! | `GET /ping` | whether the key is good; costs nothing |
//! | `GET /account/usage` | queries used and allowed this month; costs a query for the key `counts-usage` only |
//! | `GET /history/{hostname}/dns/{type}?page=1` | DNS history, 100 records a page |
//! | `GET /domain/{hostname}/subdomains` | labels of subdomains; one query, whatever their number |
//! | `POST /domains/list?page=1` | domains by `{"filter": {"ipv4": …}}` or `ipv6`, 100 records a page, 100 pages at most |
//!
//! Every page costs a query of the month. The limit per second counts the calls in the second before each, so
//! that no stretch of a second sees more than the plan allows. Two headers on every answer state it.
//!
//! A domain of which the first label is `pages-7` has seven pages of IPv4 history, and an address 198.18.7.x
//! (a network kept for benchmarks, [RFC 2544](https://www.rfc-editor.org/rfc/rfc2544)) seven pages of domains.

pub mod account;
mod call;
mod domains;
mod history;
mod paging;
mod refusal;
mod subdomains;

use serde_json::json;

use crate::reply::Reply;
use crate::request::Request;
use crate::service::Service;

use account::Accounts;
use call::Call;
use refusal::error;

/// The service.
#[derive(Debug, Default)]
pub struct SecurityTrails {
    accounts: Accounts,
}

impl Service for SecurityTrails {
    fn name(&self) -> &'static str {
        "securitytrails"
    }

    fn prefix(&self) -> &'static str {
        "/securitytrails"
    }

    fn authorize(&self, request: &Request) -> Result<(), Reply> {
        let account = account::of(request)?;
        self.accounts.throttle(&account)?;
        let call = Call::of(request)?;
        if !request.accepts("application/json") {
            return Err(error(406, "Not acceptable"));
        }
        self.accounts.pay(&account, &call)
    }

    fn answer(&self, request: &Request) -> Reply {
        match Call::of(request) {
            Ok(Call::Usage) => self.accounts.usage(request),
            Ok(Call::Ping) => Reply::json(200, &json!({"success": true})),
            Ok(Call::History { name, record, page }) => history::page(name, record, page),
            Ok(Call::Domains { address, page }) => domains::page(address, page),
            Ok(Call::Subdomains { name }) => subdomains::of(name),
            Err(refusal) => refusal,
        }
    }

    fn decorate(&self, request: &Request, reply: &mut Reply) {
        let (limit, remaining) = self.accounts.rate(request);
        *reply = reply
            .clone()
            .header("X-RateLimit-Limit-Second", limit.to_string())
            .header("X-RateLimit-Remaining-Second", remaining.to_string());
    }

    fn reset(&self) {
        self.accounts.reset();
    }
}
