//! Names of the devices that hits concern.

use std::collections::HashMap;

use futures::future::join_all;
use relay_core::observable::ip_address;

use super::Search;
use super::problems::Problems;
use crate::api::Tracked;
use crate::mapping::{Devices, Hit};

/// The most devices that are asked about in one call; the provider's own bound is not known.
const AT_ONCE: usize = 100;

impl Search<'_> {
    /// Asks who had the addresses of the hits' devices, each at the time of its newest hit.
    pub(super) async fn devices(&self, hits: &[Vec<Hit>], problems: &mut Problems<'_>) -> Devices {
        let mut tracked: Vec<Tracked> = Vec::new();
        let mut places = HashMap::new();
        for hit in hits.iter().flatten() {
            let Some(device) = hit.unnamed_device() else { continue };
            let Some(address) = ip_address(device.ip) else { continue };
            let place = *places.entry(address).or_insert_with(|| {
                tracked.push(Tracked { ip: device.ip.trim().to_owned(), at: hit.at() });
                tracked.len() - 1
            });
            tracked[place].at = tracked[place].at.max(hit.at());
        }
        let mut devices = Devices::default();
        for answer in join_all(tracked.chunks(AT_ONCE).map(|some| self.calls.leases(some))).await {
            match answer {
                Ok(leases) => devices.extend(leases),
                Err(failure) => problems.incomplete(&failure, "the names of some devices", &[]),
            }
        }
        devices
    }
}
