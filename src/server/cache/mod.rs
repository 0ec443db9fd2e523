//! Copies of what the database says, dropped as soon as it says something else.
//!
//! A copy is dropped when a notification names its organization, and all are dropped when the
//! connection that listens was made anew, because what was sent meanwhile is lost. While nobody
//! listens, a copy is believed for [`UNHEARD_AGE`] only. So an edit is live in every server within
//! a second, whatever broke.

mod freshness;
mod listening;

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
pub use listening::follow;

/// For how long a copy is believed while changes are not heard of.
const UNHEARD_AGE: Duration = Duration::from_secs(1);

/// For how long a copy is believed at most: somebody may have changed the tables by hand, which
/// notifies nobody.
const GREATEST_AGE: Duration = Duration::from_secs(60);

/// Of which organization a copy is; `None`: of none, because there is no such thing. What is not
/// there is believed not to be there for [`UNHEARD_AGE`] only.
pub trait OfOrganization {
    /// The organization.
    fn organization(&self) -> Option<OrganizationId>;
}

/// All caches of a server, which hear of changes together.
#[derive(Debug, Default)]
pub struct Caches {
    all: Mutex<Vec<Weak<dyn Drops>>>,
    freshness: Arc<Freshness>,
}

/// Forgets what may be another one now.
trait Drops: fmt::Debug + Send + Sync {
    fn drop_organization(&self, organization: OrganizationId);
    fn drop_all(&self);
}

impl Caches {
    /// A cache of at most that many copies. The name is its label in the metrics.
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

/// Copies by key. Of several callers who miss the same one, one asks the database and the others
/// wait for its answer.
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
    /// In the order in which they were made, for [`Cache::make_room`].
    order: VecDeque<(K, Weak<Place<V>>)>,
}

/// Where one copy is, or will be. Taken out of the map while it is being filled, the copy reaches
/// those who waited, who asked before the change, and nobody after them.
#[derive(Debug)]
struct Place<V> {
    copy: OnceCell<Copied<V>>,
    /// Asked for since room was needed last.
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
    /// The copy, or what `load` finds. What fails is not kept.
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
        // In a box: the future of a question is large, and most callers ask none.
        let copied = Box::pin(place.copy.get_or_try_init(|| async {
            // From before the question: what changes while it is asked is told, and takes the place
            // out of the map.
            let when = Instant::now();
            let value = Arc::new(load().await?);
            Ok(Copied { value, when })
        }))
        .await;
        copied.map(|copied| Arc::clone(&copied.value))
    }

    /// The place of a key; a new one where there is none, or its copy is too old to believe.
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

    /// Second chance: what was asked for since it was looked at last goes to the end of the line.
    /// Where only the line is too long, what is no longer in the map leaves it.
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
    /// Also what is being asked for: nobody knows yet whose it will be.
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
    // Nothing is half-done where a panic could come from.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
