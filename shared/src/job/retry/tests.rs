use proptest::prelude::*;

use super::*;

fn seconds(base: u64, max: u64, jitter: f64) -> Backoff {
    Backoff { base: Duration::from_secs(base), max: Duration::from_secs(max), jitter }
}

fn policy(jitter: f64) -> RetryPolicy {
    RetryPolicy {
        infrastructure: seconds(1, 300, jitter),
        fetch: seconds(2, 600, jitter),
        model: seconds(5, 300, jitter),
    }
}

fn failed(code: FailureCode) -> Failure {
    Failure::transient(code, "away")
}

/// The delay after so many failures of one item, without chance.
fn delay(failure: &Failure, failures: u16) -> Option<u64> {
    match policy(0.0).decide([failure], (failures, u16::MAX), 0.0) {
        Verdict::RetryAfter(_, delay) => Some(delay.as_secs()),
        Verdict::GiveUp => None,
    }
}

#[test]
fn each_class_of_error_is_tried_again_in_its_own_way() {
    /// Codes, their class, and the waits in seconds.
    type Row = (&'static [FailureCode], ErrorClass, [Option<u64>; 4]);
    let table: [Row; 5] = [
        (
            &[FailureCode::StorageUnavailable, FailureCode::LeaseLost, FailureCode::Internal],
            ErrorClass::Infrastructure,
            [Some(1), Some(2), Some(4), Some(300)],
        ),
        (&[FailureCode::FetchFailed], ErrorClass::Fetch, [Some(2), Some(4), Some(8), Some(600)]),
        (
            &[FailureCode::ModelUnavailable, FailureCode::InferenceFailed],
            ErrorClass::Model,
            [Some(5), Some(10), Some(20), Some(300)],
        ),
        (&[FailureCode::WorkerCrashed], ErrorClass::Crash, [None; 4]),
        (
            &[
                FailureCode::ImageUndecodable,
                FailureCode::ImageTooLarge,
                FailureCode::InputTooLong,
                FailureCode::UnknownToken,
                FailureCode::FetchRefused,
                FailureCode::InputMissing,
                FailureCode::InvalidParams,
                FailureCode::AllItemsFailed,
                FailureCode::Cancelled,
                FailureCode::Expired,
                FailureCode::StartByPassed,
                FailureCode::FinishByPassed,
            ],
            ErrorClass::Input,
            [None; 4],
        ),
    ];
    for (codes, class, delays) in table {
        for code in codes {
            assert_eq!(code.class(), class, "{code}");
            let told = [1, 2, 3, 30].map(|failures| delay(&failed(*code), failures));
            assert_eq!(told, delays, "{code}");
        }
    }
}

#[test]
fn a_permanent_failure_is_never_retried() {
    for code in [FailureCode::InferenceFailed, FailureCode::FetchFailed, FailureCode::StorageUnavailable] {
        assert_eq!(delay(&Failure::permanent(code, "wrong"), 1), None, "{code}");
    }
}

#[test]
fn the_last_attempt_is_the_last() {
    let failure = failed(FailureCode::StorageUnavailable);
    let decide = |failures| policy(0.2).decide([&failure], (failures, 3), 0.5);
    assert!(matches!(decide(2), Verdict::RetryAfter(..)));
    assert_eq!(decide(3), Verdict::GiveUp);
}

#[test]
fn a_server_that_asks_for_patience_is_given_it_within_reason() {
    let wish = |seconds| failed(FailureCode::FetchFailed).after(Some(Duration::from_secs(seconds)));
    let table = [(0, 1, 2), (90, 1, 90), (90, 7, 128), (86_400, 1, 600), (u64::MAX, 1, 600)];
    for (asked, failures, waited) in table {
        assert_eq!(delay(&wish(asked), failures), Some(waited), "{asked} s after {failures}");
    }
}

#[test]
fn of_several_items_the_one_that_takes_longest_is_waited_for() {
    let (torn, away) =
        (Failure::permanent(FailureCode::ImageUndecodable, "torn"), failed(FailureCode::FetchFailed));
    let busy = away.clone().after(Some(Duration::from_mins(1)));
    let verdict = policy(0.0).decide([&torn, &away, &busy], (1, 3), 0.0);
    assert_eq!(verdict, Verdict::RetryAfter(&busy, Duration::from_mins(1)));
    assert_eq!(policy(0.0).decide([&torn], (1, 3), 0.0), Verdict::GiveUp);
    assert_eq!(policy(0.0).decide([], (1, 3), 0.0), Verdict::GiveUp);
}

fn any_failure() -> impl Strategy<Value = Failure> {
    let codes = [
        FailureCode::StorageUnavailable,
        FailureCode::FetchFailed,
        FailureCode::ModelUnavailable,
        FailureCode::InputTooLong,
        FailureCode::WorkerCrashed,
    ];
    (0..codes.len(), any::<bool>(), proptest::option::of(any::<u32>())).prop_map(
        move |(code, retryable, wish)| {
            let wish = wish.map(|seconds| Duration::from_secs(seconds.into()));
            Failure { retryable, ..failed(codes[code]) }.after(wish)
        },
    )
}

proptest! {
    #[test]
    fn a_delay_never_exceeds_the_maximum_of_its_class(
        failures in 1u16..1000,
        chance in 0.0..1.0f64,
        jitter in 0.0..1.0f64,
        why in proptest::collection::vec(any_failure(), 0..5),
    ) {
        match policy(jitter).decide(&why, (failures, u16::MAX), chance) {
            Verdict::RetryAfter(because, delay) => {
                prop_assert!(because.retryable);
                let max = if because.code.class() == ErrorClass::Fetch { 600 } else { 300 };
                prop_assert!(delay <= Duration::from_secs(max));
            }
            Verdict::GiveUp => {
                let hopeless = |failure: &Failure| {
                    !failure.retryable || matches!(failure.code.class(), ErrorClass::Input | ErrorClass::Crash)
                };
                prop_assert!(why.iter().all(hopeless));
            }
        }
    }

    #[test]
    fn chance_spreads_a_delay_and_no_attempt_comes_before_its_share(
        failures in 1u16..9,
        chance in 0.0..1.0f64,
    ) {
        let (plain, spread) = (seconds(1, 300, 0.0), seconds(1, 300, 0.2));
        let (plain, spread) = (plain.delay(failures, chance), spread.delay(failures, chance));
        prop_assert!(spread >= plain.mul_f64(0.79) && spread <= plain.mul_f64(1.21));
    }
}
