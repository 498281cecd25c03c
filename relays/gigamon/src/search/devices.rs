//! Names of the devices that hits concern.

use std::collections::HashSet;

use futures::future::join_all;
use relay_core::error::Errors;
use relay_core::observable::ip_address;

use super::Search;
use crate::api::{self, Tracked};
use crate::mapping::{Devices, Hit};

/// The most devices that are asked about in one call; the provider's own bound is not known.
const AT_ONCE: usize = 100;

impl Search<'_> {
    /// Asks who had the addresses of the hits' devices, each at the time of its newest hit. The hits are sorted,
    /// newest first.
    pub(super) async fn devices(self, hits: &[Hit], devices: &mut Devices) -> Errors {
        let mut known = HashSet::new();
        let mut tracked = Vec::new();
        for hit in hits {
            if let Some(device) = hit.device().filter(|device| device.hostname.is_none())
                && let Some(address) = ip_address(device.ip)
                && known.insert(address)
            {
                tracked.push(Tracked { ip: device.ip.trim().to_owned(), at: hit.at() });
            }
        }
        let calls = tracked.chunks(AT_ONCE).map(|some| self.relay.leases(self.call, some));
        let mut errors = Errors::default();
        for answer in join_all(calls).await {
            match answer {
                Ok(leases) => devices.extend(leases),
                Err(failure) => {
                    errors.add(api::warning(&failure, "the names of some devices are missing"));
                }
            }
        }
        errors
    }
}
