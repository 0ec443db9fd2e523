//! Number of connections of each address.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use crate::domain::network::counted_as;

/// Counts the open connections of each address.
#[derive(Debug)]
pub(super) struct Addresses {
    most: usize,
    counts: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// A connection that is counted until this is dropped.
#[derive(Debug)]
pub(super) struct Guest {
    address: Option<IpAddr>,
    counts: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

impl Addresses {
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            counts: Arc::default(),
        }
    }

    /// Counts one more connection; `None` if that exceeds the limit. Connections without an address to
    /// count are unlimited.
    pub(super) fn enter(&self, address: Option<IpAddr>) -> Option<Guest> {
        let address = address.map(counted_as);
        if let Some(address) = address {
            let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
            let count = counts.entry(address).or_default();
            if *count >= self.most {
                return None;
            }
            *count += 1;
        }
        Some(Guest {
            address,
            counts: Arc::clone(&self.counts),
        })
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let Some(address) = self.address else {
            return;
        };
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_has_so_many_and_leaves_nothing_behind() {
        let addresses = Addresses::new(2);
        let enter = |text: &str| addresses.enter(Some(text.parse().unwrap()));
        let guests = [enter("10.0.0.1"), enter("10.0.0.1")];
        assert!(guests.iter().all(Option::is_some));
        assert!(enter("10.0.0.1").is_none());
        assert!(enter("10.0.0.2").is_some());
        assert!(addresses.enter(None).is_some());
        drop(guests);
        assert!(enter("10.0.0.1").is_some());
        assert!(addresses.counts.lock().unwrap().is_empty());
    }

    #[test]
    fn a_customer_with_many_addresses_is_one() {
        let addresses = Addresses::new(1);
        let _guest = addresses.enter(Some("2001:db8::1".parse().unwrap()));
        assert!(
            addresses
                .enter(Some("2001:db8::2".parse().unwrap()))
                .is_none()
        );
        assert!(
            addresses
                .enter(Some("2001:db8:0:1::1".parse().unwrap()))
                .is_some()
        );
    }
}
