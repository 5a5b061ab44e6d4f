//! A password's hash at each of the parameters that OWASP gives as equal for argon2id with one lane, on one thread and
//! on as many as there are cores: they share caches and memory. The memory is kept from hash to hash, as the hash
//! threads keep theirs.

use std::cell::RefCell;
use std::fmt;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use divan::Bencher;

/// Memory in KiB, and passes over it.
struct Cost(u32, u32);

const COSTS: [Cost; 5] = [Cost(47_104, 1), Cost(19_456, 2), Cost(12_288, 3), Cost(9_216, 4), Cost(7_168, 5)];

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} MiB, {} passes", self.0 / 1_024, self.1)
    }
}

thread_local! {
    static MEMORY: RefCell<Vec<Block>> = const { RefCell::new(Vec::new()) };
}

#[divan::bench(args = COSTS, threads = [1, 0], sample_count = 50, sample_size = 1)]
fn verify(bencher: Bencher<'_, '_>, cost: &Cost) {
    let params = Params::new(cost.0, cost.1, 1, Some(32)).expect("parameters");
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    bencher.bench(|| {
        MEMORY.with_borrow_mut(|memory| {
            memory.resize(argon2.params().block_count().max(memory.len()), Block::default());
            let mut out = [0; 32];
            let hashed =
                argon2.hash_password_into_with_memory(b"three wet dogs", b"sixteen bytes...", &mut out, memory);
            hashed.expect("a hash");
            out
        })
    });
}
