//! Sets of time: open, taken and remaining.

use chrono::{DateTime, TimeDelta, Utc};

/// From `start` (inclusive) to `end` (exclusive).
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Interval<T = DateTime<Utc>> {
    pub start: T,
    pub end: T,
}

/// A set of points in time (or on a clock) as the fewest intervals: sorted, none empty, and with a
/// gap between any two.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Intervals<T = DateTime<Utc>>(Vec<Interval<T>>);

impl<T> Default for Intervals<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Copy + Ord> Interval<T> {
    /// From `start` up to `end`; empty unless `end` is later.
    pub const fn new(start: T, end: T) -> Self {
        Self { start, end }
    }

    /// Returns `true` if it is empty.
    pub fn is_empty(&self) -> bool {
        self.end <= self.start
    }
}

impl<T: Copy + Ord> FromIterator<Interval<T>> for Intervals<T> {
    /// The union of any intervals, in any order; touching intervals are merged.
    fn from_iter<I: IntoIterator<Item = Interval<T>>>(all: I) -> Self {
        let mut all: Vec<_> = all.into_iter().filter(|one| !one.is_empty()).collect();
        if !all.is_sorted() {
            all.sort_unstable();
        }
        // The kept intervals are moved to the front: `all[..=last]` is the result so far.
        let mut last = 0;
        for next in 1..all.len() {
            if all[next].start <= all[last].end {
                all[last].end = all[last].end.max(all[next].end);
            } else {
                last += 1;
                all[last] = all[next];
            }
        }
        all.truncate(last + 1);
        Self(all)
    }
}

impl<T: Copy + Ord> Intervals<T> {
    /// Returns `true` if it is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The intervals, earliest first.
    pub fn as_slice(&self) -> &[Interval<T>] {
        &self.0
    }

    /// The intervals, earliest first.
    pub fn iter(&self) -> std::slice::Iter<'_, Interval<T>> {
        self.0.iter()
    }

    /// The points in this set that are not in `other`.
    pub fn subtract(&self, other: &Self) -> Self {
        let mut left = Vec::with_capacity(self.0.len());
        let mut others = other.0.as_slice();
        for one in &self.0 {
            let mut start = one.start;
            while let [first, rest @ ..] = others
                && first.start < one.end
            {
                if start < first.start {
                    left.push(Interval::new(start, first.start));
                }
                start = start.max(first.end);
                if one.end < first.end {
                    // The next interval of this set may begin inside it too.
                    break;
                }
                others = rest;
            }
            if start < one.end {
                left.push(Interval::new(start, one.end));
            }
        }
        Self(left)
    }

    /// The points in both sets.
    pub fn intersect(&self, other: &Self) -> Self {
        let mut both = Vec::new();
        let (mut ours, mut theirs) = (self.0.as_slice(), other.0.as_slice());
        while let ([our, our_rest @ ..], [their, their_rest @ ..]) = (ours, theirs) {
            let common = Interval::new(our.start.max(their.start), our.end.min(their.end));
            if !common.is_empty() {
                both.push(common);
            }
            if our.end < their.end {
                ours = our_rest;
            } else {
                theirs = their_rest;
            }
        }
        Self(both)
    }

    /// Returns `true` if all of `wanted` is in one of the intervals. An empty interval is never
    /// contained.
    pub fn contains(&self, wanted: Interval<T>) -> bool {
        let next = self.0.partition_point(|one| one.end <= wanted.start);
        !wanted.is_empty()
            && self
                .0
                .get(next)
                .is_some_and(|one| one.start <= wanted.start && wanted.end <= one.end)
    }
}

impl Intervals {
    /// The total length.
    pub fn length(&self) -> TimeDelta {
        self.0.iter().map(|one| one.end - one.start).sum()
    }
}

impl<'a, T> IntoIterator for &'a Intervals<T> {
    type Item = &'a Interval<T>;
    type IntoIter = std::slice::Iter<'a, Interval<T>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn any() -> impl Strategy<Value = Vec<(u8, u8)>> {
        proptest::collection::vec((0_u8..60, 0_u8..60), 0..12)
    }

    fn set(pairs: &[(u8, u8)]) -> Intervals<u8> {
        pairs.iter().map(|&(a, b)| Interval::new(a, b)).collect()
    }

    fn points(of: &Intervals<u8>) -> BTreeSet<u8> {
        of.iter().flat_map(|one| one.start..one.end).collect()
    }

    fn is_tidy(of: &Intervals<u8>) -> bool {
        let list = of.as_slice();
        list.iter().all(|one| one.start < one.end)
            && list.windows(2).all(|two| two[0].end < two[1].start)
    }

    proptest! {
        #[test]
        fn sets_are_what_sets_of_points_are(a in any(), b in any(), start in 0_u8..60, end in 0_u8..60) {
            let named: BTreeSet<u8> = a.iter().flat_map(|&(from, to)| from..to).collect();
            let (a, b) = (set(&a), set(&b));
            prop_assert_eq!(points(&a), named);
            let left = a.subtract(&b);
            prop_assert_eq!(points(&left), &points(&a) - &points(&b));
            let both = a.intersect(&b);
            prop_assert_eq!(points(&both), &points(&a) & &points(&b));
            for tidy in [&a, &b, &left, &both] {
                prop_assert!(is_tidy(tidy), "{:?}", tidy);
            }
            let inside = start < end && (start..end).all(|point| points(&a).contains(&point));
            prop_assert_eq!(a.contains(Interval::new(start, end)), inside);
        }
    }

    #[test]
    fn the_length_is_that_of_the_union() {
        let at = |hour: i64| DateTime::from_timestamp(hour * 3600, 0).unwrap();
        let all: Intervals = [(9, 12), (11, 13), (13, 14), (20, 21), (30, 30), (40, 35)]
            .into_iter()
            .map(|(from, to)| Interval::new(at(from), at(to)))
            .collect();
        assert_eq!(all.as_slice().len(), 2);
        assert_eq!(all.length(), TimeDelta::hours(6));
        assert_eq!(Intervals::default().length(), TimeDelta::zero());
    }
}
