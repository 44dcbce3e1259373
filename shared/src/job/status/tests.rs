use proptest::prelude::*;

use super::*;

const MOVES: [Move; 8] = [
    Move::Claim,
    Move::Succeed,
    Move::Fail,
    Move::Retry,
    Move::Release,
    Move::Reap,
    Move::Cancel,
    Move::Expire,
];

#[test]
fn a_terminal_status_never_changes() {
    for status in Status::ALL.into_iter().filter(|status| status.is_terminal()) {
        for step in MOVES {
            assert_eq!(status.after(step), None, "{status} after {step:?}");
        }
    }
}

#[test]
fn four_of_six_words_are_terminal() {
    assert_eq!(Status::ALL.iter().filter(|status| status.is_terminal()).count(), 4);
}

#[test]
fn words_read_back_as_themselves() {
    for status in Status::ALL {
        assert_eq!(status.as_str().parse(), Ok(status));
        assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
    }
    assert!("done".parse::<Status>().is_err());
    assert!("fast".parse::<Class>().is_err());
}

proptest! {
    #[test]
    fn every_way_into_a_success_passes_through_a_claim(steps in proptest::collection::vec(0..MOVES.len(), 0..40)) {
        let mut status = Status::Queued;
        let mut claimed = false;
        for step in steps.into_iter().map(|step| MOVES[step]) {
            if let Some(next) = status.after(step) {
                claimed = step == Move::Claim || (claimed && next != Status::Queued);
                status = next;
            }
        }
        prop_assert!(status != Status::Succeeded || claimed);
        prop_assert!(status != Status::Failed || claimed);
    }
}
