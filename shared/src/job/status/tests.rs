use proptest::prelude::*;

use super::*;

#[test]
fn a_terminal_status_changes_only_by_its_clients_retry() {
    for status in Status::ALL.into_iter().filter(|status| status.is_terminal()) {
        for step in Move::ALL {
            let revives = step == Move::Revive && status != Status::Succeeded;
            assert_eq!(status.after(step), revives.then_some(Status::Queued), "{status} after {step:?}");
        }
    }
}

#[test]
fn what_has_not_ended_cannot_be_revived() {
    assert_eq!(Status::Queued.after(Move::Revive), None);
    assert_eq!(Status::Running.after(Move::Revive), None);
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
    fn every_way_into_a_success_passes_through_a_claim(steps in proptest::collection::vec(0..Move::ALL.len(), 0..40)) {
        let mut status = Status::Queued;
        let mut claimed = false;
        for step in steps.into_iter().map(|step| Move::ALL[step]) {
            if let Some(next) = status.after(step) {
                claimed = step == Move::Claim || (claimed && next != Status::Queued);
                status = next;
            }
        }
        prop_assert!(status != Status::Succeeded || claimed);
        prop_assert!(status != Status::Failed || claimed);
    }
}
