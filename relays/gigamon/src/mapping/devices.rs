//! Names of devices, from the records of DHCP servers.

use std::collections::HashMap;
use std::net::IpAddr;

use relay_core::observable::ip_address;

use crate::model::Lease;

/// The records by address, in the provider's order.
#[derive(Clone, Debug, Default)]
pub struct Devices(HashMap<IpAddr, Vec<Lease>>);

impl Devices {
    /// The record for an address in the network of an account. None for an unknown account: networks of several
    /// accounts share private addresses.
    pub(super) fn in_account(&self, ip: &str, account: Option<&str>) -> Option<&Lease> {
        let account = account?;
        self.of(ip).iter().find(|lease| lease.account_code.as_deref() == Some(account))
    }

    /// The record for an address of an unknown account: only if all records are of one account.
    pub(super) fn in_any_account(&self, ip: &str) -> Option<&Lease> {
        let (first, others) = self.of(ip).split_first()?;
        others.iter().all(|other| other.account_code == first.account_code).then_some(first)
    }

    fn of(&self, ip: &str) -> &[Lease] {
        ip_address(ip).and_then(|address| self.0.get(&address)).map(Vec::as_slice).unwrap_or_default()
    }
}

impl Extend<Lease> for Devices {
    fn extend<T: IntoIterator<Item = Lease>>(&mut self, leases: T) {
        for lease in leases {
            if let Some(address) = lease.address() {
                self.0.entry(address).or_default().push(lease);
            }
        }
    }
}
