//! Damage with a fixed seed: what fails once fails again.

/// Longer inputs are cut, so that insertions do not add up.
const LONGEST: usize = 2000;

/// How many runs were asked for in the environment, else `otherwise`.
#[expect(
    clippy::disallowed_methods,
    reason = "whoever runs the tests asks for more in the environment"
)]
pub fn runs(otherwise: u64) -> u64 {
    std::env::var("TENANTCTL_FUZZ_RUNS")
        .ok()
        .map_or(otherwise, |runs| runs.parse().expect("a number of runs"))
}

/// SplitMix64: small, and the same everywhere.
pub struct Generator {
    state: u64,
    /// What means something somewhere in the format.
    dictionary: &'static [&'static [u8]],
}

impl Generator {
    pub fn new(seed: u64, dictionary: &'static [&'static [u8]]) -> Self {
        Self {
            state: seed,
            dictionary,
        }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `end`, or 0.
    pub fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end.max(1)).unwrap();
        usize::try_from(self.next() % end).unwrap()
    }

    /// A part of `bytes`, at most 32 of them.
    fn part(&mut self, bytes: &[u8]) -> std::ops::Range<usize> {
        let start = self.below(bytes.len() + 1);
        let length = self.below(32).min(bytes.len() - start);
        start..start + length
    }

    pub fn mutate(&mut self, bytes: &mut Vec<u8>, seeds: &[Vec<u8>]) {
        let at = self.below(bytes.len() + 1);
        match self.below(8) {
            0 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
            1 if at < bytes.len() => bytes[at] = self.next().to_le_bytes()[0],
            2 => bytes.insert(at, self.next().to_le_bytes()[0]),
            3 => {
                let word = self.dictionary[self.below(self.dictionary.len())];
                bytes.splice(at..at, word.iter().copied());
            }
            4 => {
                let part = self.part(bytes);
                bytes.drain(part);
            }
            5 => {
                let other = &seeds[self.below(seeds.len())];
                let part = other[self.part(other)].to_vec();
                bytes.splice(at..at, part);
            }
            // Most inputs are not cut short, or nothing would be left after some rounds.
            6 if self.below(4) == 0 => bytes.truncate(at),
            _ => {
                let part = bytes[self.part(bytes)].to_vec();
                bytes.splice(at..at, part);
            }
        }
        bytes.truncate(LONGEST);
    }
}
