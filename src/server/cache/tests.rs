//! Tests of the caches without a database.

use std::sync::atomic::AtomicUsize;

use super::*;
use crate::error::Error;

#[derive(Debug)]
struct Value(Option<OrganizationId>, usize);

impl OfOrganization for Value {
    fn organization(&self) -> Option<OrganizationId> {
        self.0
    }
}

struct Set {
    caches: Caches,
    cache: Arc<Cache<u32, Value>>,
    metrics: Metrics,
    loads: AtomicUsize,
}

impl Set {
    fn of(capacity: usize) -> Self {
        let caches = Caches::default();
        caches.freshness.heard();
        Self {
            cache: caches.cache("test", capacity),
            caches,
            metrics: Metrics::new(),
            loads: AtomicUsize::new(0),
        }
    }

    /// Returns the number of the load that produced the value.
    async fn get(&self, key: u32) -> usize {
        let load = || async {
            tokio::task::yield_now().await;
            let number = self.loads.fetch_add(1, Ordering::SeqCst);
            Ok(Value(organization(key), number))
        };
        let got = self.cache.get_or(&self.metrics, &key, load).await;
        got.unwrap().1
    }
}

/// One hundred keys belong to each organization; key 0 belongs to none.
fn organization(key: u32) -> Option<OrganizationId> {
    let id = uuid::Uuid::from_u128(u128::from(key / 100 + 1));
    (key > 0).then(|| id.into())
}

#[tokio::test]
async fn a_change_drops_the_copies_of_its_organization_and_no_others() {
    let set = Set::of(10);
    assert_eq!(set.get(1).await, 0);
    assert_eq!(set.get(101).await, 1);
    assert_eq!(set.get(1).await, 0);
    set.caches.drop_organization(organization(1).unwrap());
    assert_eq!(set.get(1).await, 2);
    assert_eq!(set.get(101).await, 1);
    set.caches.drop_all();
    assert_eq!(set.get(101).await, 3);
}

/// A missing object may have been created by any change.
#[tokio::test]
async fn what_was_not_there_is_asked_again_after_any_change() {
    let set = Set::of(10);
    set.get(0).await;
    assert_eq!(set.get(0).await, 0);
    set.caches.drop_organization(organization(101).unwrap());
    assert_eq!(set.get(0).await, 1);
}

#[tokio::test]
async fn many_who_miss_ask_once() {
    let set = Set::of(10);
    let got = futures_util::future::join_all((0..50).map(|_| set.get(1))).await;
    assert_eq!(got, [0; 50]);
}

/// A query that started before a change must not answer a later caller.
#[tokio::test]
async fn an_answer_that_a_change_overtook_is_not_kept() {
    let set = Set::of(10);
    let overtaken = set.cache.get_or(&set.metrics, &1, || async {
        set.caches.drop_organization(organization(1).unwrap());
        Ok(Value(organization(1), 77))
    });
    assert_eq!(overtaken.await.unwrap().1, 77);
    assert_eq!(set.get(1).await, 0);
}

#[tokio::test]
async fn what_fails_is_not_kept() {
    let set = Set::of(10);
    let failed = set.cache.get_or(&set.metrics, &1, || async {
        Err(Error::unavailable("the database is down"))
    });
    assert!(failed.await.is_err());
    assert_eq!(set.get(1).await, 0);
}

#[tokio::test]
async fn room_is_made_and_what_is_asked_for_stays() {
    let set = Set::of(10);
    for key in 1..1_000 {
        set.get(key).await;
        set.get(1).await;
    }
    let kept = lock(&set.cache.kept);
    assert!(kept.places.len() <= 10, "{}", kept.places.len());
    assert!(kept.order.len() <= 20, "{}", kept.order.len());
    assert!(kept.places.contains_key(&1));
}

/// A stream of changes must not grow memory either.
#[tokio::test]
async fn memory_stays_flat_under_changes() {
    let set = Set::of(10);
    for round in 0..500 {
        set.get(round % 20 + 1).await;
        set.caches.drop_organization(organization(1).unwrap());
    }
    let kept = lock(&set.cache.kept);
    assert!(kept.order.len() <= 20, "{}", kept.order.len());
}

#[tokio::test]
async fn nobody_is_believed_for_long_while_nothing_is_heard() {
    let set = Set::of(10);
    set.get(1).await;
    set.caches.freshness.lost();
    assert_eq!(set.get(1).await, 0);
    let old = Copied {
        value: Arc::new(Value(organization(1), 0)),
        when: Instant::now().checked_sub(UNHEARD_AGE).unwrap(),
    };
    assert!(!set.cache.believes(&old));
    set.caches.freshness.heard();
    assert!(set.cache.believes(&old));
}
