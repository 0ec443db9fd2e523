//! Rate limits per address and per organization.
//!
//! Each has its own allowance, so a flood for one organization, or from one address, does not affect
//! another. An address is counted first: requests beyond its own limit do not use the organization's
//! allowance.

use std::{
    hash::Hash,
    net::IpAddr,
    num::NonZeroU32,
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    time::Duration,
};

use axum::http::StatusCode;
use governor::{
    DefaultKeyedRateLimiter,
    clock::{Clock as _, DefaultClock},
};

use super::{
    client::ClientAddress,
    metrics::Metrics,
    problem::{Answer, Problem},
};
use crate::domain::{OrganizationId, network::counted_as};

/// Maximum number of tracked keys; beyond it, new keys share one allowance.
const MOST_KEYS: usize = 100_000;

/// Number of checks between cleanups of idle keys.
const FORGET_EVERY: u32 = 1_024;

/// A rate limit: requests per minute, all of which may arrive at once.
#[derive(Clone, Copy, Debug)]
pub struct Quota(Option<governor::Quota>);

impl Quota {
    /// Returns a limit of `number` requests per minute; 0 means unlimited.
    pub fn per_minute(number: u32) -> Self {
        Self(NonZeroU32::new(number).map(governor::Quota::per_minute))
    }
}

/// The rate limits of one group of endpoints.
#[derive(Debug)]
pub struct RateLimits {
    addresses: KeyedLimiter<IpAddr>,
    organizations: KeyedLimiter<OrganizationId>,
    /// For unknown organization names, by the requested name: frequent requests get the same
    /// response as for a known organization, to prevent enumeration.
    unknown: KeyedLimiter<String>,
}

impl RateLimits {
    /// Creates limits for one address, and for all addresses together per organization.
    pub fn new(per_address: Quota, per_organization: Quota) -> Self {
        Self {
            addresses: KeyedLimiter::new(per_address),
            organizations: KeyedLimiter::new(per_organization),
            unknown: KeyedLimiter::new(per_organization),
        }
    }

    /// Counts a request for an organization.
    ///
    /// # Errors
    /// 429 with the time until a retry.
    pub fn check(
        &self,
        metrics: &Metrics,
        client: ClientAddress,
        organization: OrganizationId,
    ) -> Answer<()> {
        self.check_address(metrics, client)?;
        self.check_organization(metrics, organization)
    }

    /// Counts a request by its address alone, before its organization is known. A client that uses
    /// the Unix socket without a proxy has no address.
    ///
    /// # Errors
    /// 429 with the time until a retry.
    pub fn check_address(&self, metrics: &Metrics, client: ClientAddress) -> Answer<()> {
        let Some(address) = client.0 else {
            return Ok(());
        };
        let taken = self.addresses.take(counted_as(address));
        taken.map_err(|wait| refuse(metrics, "rate_of_address", wait))
    }

    /// Counts a request by its organization, after it was counted by its address.
    ///
    /// # Errors
    /// 429 with the time until a retry.
    pub fn check_organization(
        &self,
        metrics: &Metrics,
        organization: OrganizationId,
    ) -> Answer<()> {
        let taken = self.organizations.take(organization);
        taken.map_err(|wait| refuse(metrics, "rate_of_organization", wait))
    }

    /// Counts a request for an unknown organization.
    ///
    /// # Errors
    /// 429 with the time until a retry.
    pub(super) fn check_unknown(&self, metrics: &Metrics, named: String) -> Answer<()> {
        let taken = self.unknown.take(named);
        taken.map_err(|wait| refuse(metrics, "rate_of_organization", wait))
    }
}

fn refuse(metrics: &Metrics, reason: &'static str, wait: Duration) -> Problem {
    metrics.refused(reason);
    let seconds = u32::try_from(wait.as_secs()).unwrap_or(u32::MAX);
    // A retry a moment too early would be refused again.
    Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests")
        .retry_after(seconds.saturating_add(1))
}

/// A keyed rate limiter with bounded memory.
#[derive(Debug)]
struct KeyedLimiter<K: Clone + Eq + Hash> {
    /// `None`: unlimited.
    limiters: Option<Limiters<K>>,
    asked: AtomicU32,
    is_full: AtomicBool,
}

#[derive(Debug)]
struct Limiters<K: Clone + Eq + Hash> {
    by_key: DefaultKeyedRateLimiter<Option<K>>,
    most: usize,
}

impl<K: Clone + Eq + Hash> KeyedLimiter<K> {
    fn new(quota: Quota) -> Self {
        Self::of(quota, MOST_KEYS)
    }

    fn of(quota: Quota, most: usize) -> Self {
        Self {
            limiters: quota.0.map(|quota| Limiters {
                by_key: DefaultKeyedRateLimiter::keyed(quota),
                most,
            }),
            asked: AtomicU32::new(0),
            is_full: AtomicBool::new(false),
        }
    }

    /// Uses one unit of the allowance.
    ///
    /// # Errors
    /// The time until the next unit is available.
    fn take(&self, key: K) -> Result<(), Duration> {
        let Some(limiters) = &self.limiters else {
            return Ok(());
        };
        if self.asked.fetch_add(1, Ordering::Relaxed) % FORGET_EVERY == FORGET_EVERY - 1 {
            self.forget(limiters);
        }
        let key = (!self.is_full.load(Ordering::Relaxed)).then_some(key);
        let taken = limiters.by_key.check_key(&key);
        taken.map_err(|until| until.wait_time_from(DefaultClock::default().now()))
    }

    /// Drops keys with a full allowance: they are the same as unknown keys.
    fn forget(&self, limiters: &Limiters<K>) {
        limiters.by_key.retain_recent();
        limiters.by_key.shrink_to_fit();
        let is_full = limiters.by_key.len() >= limiters.most;
        if is_full && !self.is_full.swap(true, Ordering::Relaxed) {
            tracing::warn!("rate limit table full: new clients share one allowance");
        }
        self.is_full.store(is_full, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn organization(number: u128) -> OrganizationId {
        uuid::Uuid::from_u128(number).into()
    }

    fn client(text: &str) -> ClientAddress {
        ClientAddress(Some(text.parse().unwrap()))
    }

    #[test]
    fn a_flood_for_one_organization_takes_nothing_from_another() {
        let metrics = Metrics::new();
        let limits = RateLimits::new(Quota::per_minute(0), Quota::per_minute(5));
        let check = |number| limits.check(&metrics, client("10.0.0.1"), organization(number));
        for _ in 0..5 {
            check(1).unwrap();
        }
        let refused = check(1).unwrap_err();
        assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
        for _ in 0..5 {
            check(2).unwrap();
        }
    }

    #[test]
    fn an_address_beyond_its_allowance_takes_nothing_from_the_organization() {
        let metrics = Metrics::new();
        let limits = RateLimits::new(Quota::per_minute(3), Quota::per_minute(5));
        let check = |address| {
            limits
                .check(&metrics, client(address), organization(1))
                .is_ok()
        };
        let loud = (0..100).filter(|_| check("2001:db8::1")).count();
        assert_eq!(loud, 3);
        assert!(!check("2001:db8::ffff"), "the same customer");
        assert!(check("2001:db8:0:1::1"));
        assert!(check("10.0.0.1"));
        assert!(!check("10.0.0.2"), "that was the organization's fifth");
    }

    #[test]
    fn who_has_no_address_is_counted_by_the_organization_alone() {
        let metrics = Metrics::new();
        let limits = RateLimits::new(Quota::per_minute(1), Quota::per_minute(5));
        let check = || limits.check(&metrics, ClientAddress(None), organization(1));
        assert_eq!((0..9).filter(|_| check().is_ok()).count(), 5);
    }

    #[test]
    fn zero_means_unlimited() {
        let limiter = KeyedLimiter::new(Quota::per_minute(0));
        assert!((0..10_000).all(|_| limiter.take(1_u32).is_ok()));
    }

    /// Keys with a high quota are dropped at once; those with a low one are kept, and then share.
    #[test]
    fn memory_is_bounded() {
        let slow = KeyedLimiter::of(Quota::per_minute(1), 2_000);
        for key in 0..20_000_u32 {
            let _taken = slow.take(key);
        }
        let limiters = slow.limiters.as_ref().unwrap();
        let most = 2_000 + usize::try_from(FORGET_EVERY).unwrap() + 1;
        assert!(limiters.by_key.len() <= most, "{}", limiters.by_key.len());
        assert!(slow.take(30_000).is_err(), "strangers share by now");

        let fast = KeyedLimiter::of(Quota::per_minute(60_000_000), 2_000);
        for key in 0..20_000_u32 {
            fast.take(key).unwrap();
        }
        std::thread::sleep(Duration::from_millis(5));
        fast.forget(fast.limiters.as_ref().unwrap());
        assert!(fast.limiters.as_ref().unwrap().by_key.is_empty());
    }
}
