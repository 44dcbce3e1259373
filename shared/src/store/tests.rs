//! What no sequence of calls may break, on both databases.

mod walk;

use std::future::Future;

use proptest::test_runner::{Config, TestRunner};

use super::conformance::Ground;
use walk::{Op, Walk};

/// Calls of one walk at most.
const STEPS: usize = 60;

/// Takes so many walks. What a walk finds wrong is made as short as it can be.
fn walks<F, K>(cases: u32, open: impl Fn() -> F)
where
    F: Future<Output = (Ground, K)>,
{
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 200, ..Config::default() };
    let taken = TestRunner::new(config).run(&proptest::collection::vec(Op::any(), 1..STEPS), |ops| {
        runtime.block_on(async {
            let (ground, keep) = open().await;
            let mut walk = Walk::new(ground).await;
            for op in ops {
                walk.take(op).await;
            }
            walk.settle_down().await;
            walk.assert_told().await;
            drop(keep);
        });
        Ok(())
    });
    if let Err(wrong) = taken {
        panic!("{wrong}");
    }
}

#[test]
fn no_sequence_of_calls_reaches_an_illegal_status_or_loses_a_job() {
    walks(24, super::sqlite::tests::ground);
}

#[cfg(feature = "services")]
#[test]
fn no_sequence_of_calls_reaches_an_illegal_status_or_loses_a_job_on_postgres() {
    walks(8, super::postgres::tests::ground);
}

#[test]
fn every_move_is_one_that_some_call_makes() {
    use crate::job::{Move, Status};
    // The table of moves and the table of calls are two ways to say the same; neither may know more.
    for step in Move::ALL {
        assert!(Op::MOVES.iter().any(|moves| moves.contains(&step)), "no call makes {step:?}");
        assert!(Status::ALL.iter().any(|status| status.after(step).is_some()), "{step:?} leads nowhere");
    }
}
