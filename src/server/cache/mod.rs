//! Caches of configuration read from the database, invalidated on change.
//!
//! A notification drops the entries of its organization. All entries are dropped when the listening
//! connection is re-established, because notifications sent in between are lost. While the server
//! is not listening, an entry is valid for [`UNHEARD_AGE`] only. So an edit is live in every server
//! within a second, whatever failed.

mod freshness;
pub mod listening;

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    hash::Hash,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::OnceCell;

use super::metrics::Metrics;
use crate::{domain::OrganizationId, error::Result};
use freshness::Freshness;

/// Maximum age of an entry while change notifications are not received.
const UNHEARD_AGE: Duration = Duration::from_secs(1);

/// Maximum age of an entry: a manual change to the tables may not have sent a notification.
const GREATEST_AGE: Duration = Duration::from_secs(60);

/// The organization that an entry belongs to; `None` for the result "not found". Negative entries
/// are valid for [`UNHEARD_AGE`] only.
pub trait OfOrganization {
    /// The organization.
    fn organization(&self) -> Option<OrganizationId>;
}

/// All caches of a server, invalidated together.
#[derive(Debug, Default)]
pub struct Caches {
    all: Mutex<Vec<Weak<dyn Drops>>>,
    freshness: Arc<Freshness>,
}

/// Drops entries that may be stale.
trait Drops: fmt::Debug + Send + Sync {
    fn drop_organization(&self, organization: OrganizationId);
    fn drop_all(&self);
}

impl Caches {
    /// Returns a cache of at most `capacity` entries. The name is its label in the metrics.
    pub fn cache<K, V>(&self, name: &'static str, capacity: usize) -> Arc<Cache<K, V>>
    where
        K: Clone + Eq + fmt::Debug + Hash + Send + Sync + 'static,
        V: OfOrganization + fmt::Debug + Send + Sync + 'static,
    {
        let cache = Arc::new(Cache {
            name,
            capacity: capacity.max(1),
            kept: Mutex::new(Kept::default()),
            freshness: Arc::clone(&self.freshness),
        });
        let weak: Weak<dyn Drops> = Arc::<Cache<K, V>>::downgrade(&cache);
        lock(&self.all).push(weak);
        cache
    }

    fn each(&self, mut act: impl FnMut(&dyn Drops)) {
        lock(&self.all).retain(|weak| match weak.upgrade() {
            Some(cache) => {
                act(cache.as_ref());
                true
            }
            None => false,
        });
    }

    fn drop_organization(&self, organization: OrganizationId) {
        self.each(|cache| cache.drop_organization(organization));
    }

    fn drop_all(&self) {
        self.each(|cache| cache.drop_all());
    }
}

/// A cache by key. If several callers miss the same key, one of them queries the database and the
/// others wait for its result.
#[derive(Debug)]
pub struct Cache<K, V> {
    name: &'static str,
    capacity: usize,
    kept: Mutex<Kept<K, V>>,
    freshness: Arc<Freshness>,
}

#[derive(Debug)]
struct Kept<K, V> {
    places: HashMap<K, Arc<Place<V>>>,
    /// In order of creation, for [`Cache::make_room`].
    order: VecDeque<(K, Weak<Place<V>>)>,
}

/// The slot of one entry, filled or being filled. If it is removed from the map while it is being
/// filled, only the callers that already wait for it receive the value: they asked before the change.
#[derive(Debug)]
struct Place<V> {
    copy: OnceCell<Copied<V>>,
    /// Set if the entry was used since the last eviction pass.
    used: AtomicBool,
}

#[derive(Debug)]
struct Copied<V> {
    value: Arc<V>,
    when: Instant,
}

impl<K, V> Default for Kept<K, V> {
    fn default() -> Self {
        Self {
            places: HashMap::new(),
            order: VecDeque::new(),
        }
    }
}

impl<K, V> Cache<K, V>
where
    K: Clone + Eq + Hash,
    V: OfOrganization,
{
    /// Returns the cached value, or the result of `load`. Errors are not cached.
    pub async fn get_or<F, Fut>(&self, metrics: &Metrics, key: &K, load: F) -> Result<Arc<V>>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<V>>,
    {
        let place = self.place(key);
        let kept = place.copy.get();
        metrics.looked_up(self.name, kept.is_some());
        if let Some(copied) = kept {
            return Ok(Arc::clone(&copied.value));
        }
        // Boxed: the future of a query is large, and most callers run none.
        let copied = Box::pin(place.copy.get_or_try_init(|| async {
            // Taken before the query: a change during the query sends a notification, which removes
            // the slot from the map.
            let when = Instant::now();
            let value = Arc::new(load().await?);
            Ok(Copied { value, when })
        }))
        .await;
        copied.map(|copied| Arc::clone(&copied.value))
    }

    /// Returns the slot of a key; a new one if there is none or its value has expired.
    fn place(&self, key: &K) -> Arc<Place<V>> {
        let mut kept = lock(&self.kept);
        if let Some(place) = kept.places.get(key)
            && place.copy.get().is_none_or(|copied| self.believes(copied))
        {
            place.used.store(true, Ordering::Relaxed);
            return Arc::clone(place);
        }
        let place = Arc::new(Place {
            copy: OnceCell::new(),
            used: AtomicBool::new(false),
        });
        kept.places.insert(key.clone(), Arc::clone(&place));
        self.make_room(&mut kept);
        kept.order.push_back((key.clone(), Arc::downgrade(&place)));
        place
    }

    fn believes(&self, copied: &Copied<V>) -> bool {
        let greatest = match copied.value.organization() {
            Some(_) if self.freshness.is_heard() => GREATEST_AGE,
            _ => UNHEARD_AGE,
        };
        copied.when.elapsed() < greatest
    }

    /// Evicts by second chance: an entry used since the last pass moves to the end of the queue. If
    /// only the queue is too long, keys that are no longer in the map are removed from it.
    fn make_room(&self, kept: &mut Kept<K, V>) {
        while kept.places.len() > self.capacity || kept.order.len() >= 2 * self.capacity {
            let Some((key, weak)) = kept.order.pop_front() else {
                return;
            };
            let Some(place) = weak.upgrade() else {
                continue;
            };
            let is_current = kept
                .places
                .get(&key)
                .is_some_and(|current| Arc::ptr_eq(current, &place));
            if !is_current {
                continue;
            }
            let is_full = kept.places.len() > self.capacity;
            if !is_full || place.used.swap(false, Ordering::Relaxed) {
                kept.order.push_back((key, weak));
            } else {
                kept.places.remove(&key);
            }
        }
    }
}

impl<K, V> Drops for Cache<K, V>
where
    K: Clone + Eq + fmt::Debug + Hash + Send + Sync,
    V: OfOrganization + fmt::Debug + Send + Sync,
{
    /// Also drops entries that are being loaded: their organization is not known yet.
    fn drop_organization(&self, organization: OrganizationId) {
        lock(&self.kept).places.retain(|_, place| {
            place.copy.get().is_some_and(|copied| {
                copied
                    .value
                    .organization()
                    .is_some_and(|owner| owner != organization)
            })
        });
    }

    fn drop_all(&self) {
        *lock(&self.kept) = Kept::default();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No panic can leave the data half-changed.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
