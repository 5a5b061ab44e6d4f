//! Properties: sentences about cases that are drawn at random.

use std::fmt::Debug;

use proptest::prelude::Strategy;
use proptest::test_runner::{Config, TestRunner};

/// Draws cases and tells of the smallest one that fails.
pub fn check<S: Strategy>(cases: u32, strategy: S, holds: impl Fn(S::Value))
where
    S::Value: Debug,
{
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 200, ..Config::default() };
    let outcome = TestRunner::new(config).run(&strategy, |case| {
        holds(case);
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}
