//! The list of all that a store must do.

/// Makes one test of each function for a driver. `$ground` is an expression that opens an empty store.
#[macro_export]
macro_rules! store_conformance {
    ($ground:expr) => {
        $crate::store_conformance!(@module $ground, jobs: [
            a_submitted_job_reads_back_as_it_was,
            a_group_is_submitted_in_order,
            an_owner_sees_only_its_own,
            a_listing_runs_from_the_newest_in_pages,
            a_listing_filters_by_every_field,
            a_repeated_key_returns_the_first_job,
            a_taken_name_is_told_without_a_submission,
            a_key_twice_in_one_group_makes_one_job,
            an_expired_key_is_free_again,
            owners_do_not_share_keys,
            a_queued_job_is_cancelled_at_once,
            a_running_job_is_asked_to_stop,
            an_ended_job_is_not_cancelled,
            a_deleted_job_leaves_garbage_and_a_blank,
            a_running_job_is_not_deleted,
            a_purge_forgets_what_is_past_retention,
            a_waiter_is_added_once,
            garbage_is_forgotten_when_removed,
            only_ended_jobs_are_told,
            rows_name_their_objects,
        ]);
        $crate::store_conformance!(@module $ground, attempts: [
            a_claim_grants_the_next_attempt,
            a_dead_job_keeps_what_each_of_its_attempts_ended_of,
            a_job_is_claimed_once,
            an_unpublished_job_is_not_claimed,
            a_cancelled_job_is_not_claimed,
            a_dead_worker_claims_nothing,
            a_draining_worker_claims_nothing_but_settles,
            a_success_is_settled_with_its_result,
            a_retry_waits_for_its_delay,
            failures_are_kept_as_history,
            a_stale_lease_cannot_settle,
            a_zombie_cannot_settle_what_another_runs,
            repeating_a_settlement_is_harmless,
            a_settled_job_is_not_settled_otherwise,
            a_cancelled_retry_ends,
            a_group_settles_those_that_still_count,
            a_release_does_not_count_as_an_attempt,
            a_claim_whose_answer_was_lost_is_given_back,
            a_stale_release_does_nothing,
            what_is_postponed_is_due_later_and_its_attempt_does_not_count,
        ]);
        $crate::store_conformance!(@module $ground, events: [
            every_move_is_told_once_and_in_order,
            an_owner_hears_only_its_own,
            a_page_goes_on_where_the_last_ended,
            a_filter_holds_for_every_field,
            a_tail_tells_of_owners_and_of_jobs,
            a_tail_begins_where_the_log_ends,
            one_jobs_events_are_told_after_a_version,
            a_cursor_of_another_log_is_known,
            a_reader_beside_writers_misses_nothing,
        ]);
        $crate::store_conformance!(@module $ground, explain: [
            every_attempts_batches_are_kept,
            a_waiting_job_says_where_it_waits,
            an_attempt_whose_worker_died_tells_no_batches,
        ]);
        $crate::store_conformance!(@module $ground, handover: [
            what_is_published_is_not_due,
            due_jobs_come_by_priority_then_age,
            due_stops_when_the_room_is_used_up,
            a_hand_over_says_how_the_route_stands,
            a_job_too_large_for_the_room_still_goes_alone,
            concurrent_callers_get_different_jobs,
            callers_at_once_fill_one_window,
            a_retry_is_not_due_before_its_time,
            a_job_for_later_is_not_due_before_its_time,
            the_nearer_deadline_is_due_first,
            owners_take_turns_whatever_each_has,
            a_newcomer_is_due_though_the_window_is_full,
            a_key_has_no_more_under_way_than_it_may,
            due_jobs_come_as_the_policy_says,
            routes_tell_what_is_handed_over_and_what_waits,
            a_refused_publication_is_due_again,
            lost_messages_are_recovered_oldest_first,
        ]);
        $crate::store_conformance!(@module $ground, loads: [loads_are_the_sums_of_what_waits]);
        $crate::store_conformance!(@module $ground, depths: [
            depths_count_queued_and_running,
            a_job_knows_what_stands_before_it,
        ]);
        $crate::store_conformance!(@module $ground, recent: [
            the_latest_jobs_tell_how_they_ended,
            a_job_that_is_tried_again_has_not_ended,
        ]);
        $crate::store_conformance!(@module $ground, workers: [
            a_beat_prolongs_the_lease,
            a_lapsed_worker_never_revives,
            a_beat_brings_back_cancellations,
            reaping_gives_jobs_back_as_suspects,
            noted_items_run_alone,
            reaping_spares_the_living,
            a_cancelled_orphan_ends,
            a_retired_worker_gives_its_jobs_back_unsuspected,
            a_cancelled_job_that_is_given_back_ends,
            the_buried_are_reaped_at_once,
            living_workers_are_listed,
            workers_tell_how_fast_they_are,
        ]);
        $crate::store_conformance!(@module $ground, expiry: [
            deadlines_read_back_as_they_were,
            what_is_late_is_not_claimed,
            what_is_late_expires_with_its_reason,
            an_expiry_takes_no_more_than_asked,
            start_by_is_about_the_first_attempt,
            what_was_given_back_unbegun_has_not_begun,
            a_running_job_is_its_workers_to_expire,
            a_late_retry_expires_and_its_failure_is_kept,
            what_is_given_back_late_expires,
            a_late_orphan_expires,
            a_job_that_costs_worker_after_worker_for_no_reason_is_given_up,
            a_death_that_is_explained_is_not_held_against_the_neighbours,
        ]);
        $crate::store_conformance!(@module $ground, recall: [
            many_are_cancelled_by_every_field,
            what_runs_is_asked_once_and_what_waits_ends,
            many_are_cancelled_in_chunks,
            a_models_queue_is_emptied_for_all_owners,
            an_ended_job_runs_again_with_its_history,
            what_a_retried_job_had_is_released_as_by_a_deletion,
            a_retried_job_has_new_deadlines_or_none,
            a_retried_job_waits_where_its_priority_and_its_deadline_put_it,
            what_has_not_ended_or_has_succeeded_is_not_retried,
            what_names_another_owners_model_is_not_retried,
            many_are_retried_and_those_that_end_anew_are_not,
            a_paused_queue_hands_nothing_over_and_claims_nothing,
            another_models_queue_is_not_paused,
            a_draining_model_says_so,
            a_clients_id_names_one_job,
            a_clients_id_twice_in_one_group_makes_one_job,
        ]);
        $crate::store_conformance!(@module $ground, segments: [
            a_deleted_job_is_blanked,
            a_segment_dies_with_its_last_job,
            a_living_segment_needs_nothing,
            an_undone_lock_leaves_the_work,
            stale_results_are_blanked,
        ]);
        $crate::store_conformance!(@module $ground, storage: [
            an_owners_models_count_as_they_stand,
            jobs_count_once_they_are_counted,
            an_owner_without_jobs_keeps_nothing,
        ]);
        $crate::store_conformance!(@module $ground, cache: [
            a_kept_answer_is_found_as_it_was,
            an_answer_is_its_owners_alone,
            the_first_answer_under_a_key_stands,
            an_answer_is_not_found_after_its_time,
            the_oldest_answers_go_when_room_is_needed,
            an_object_goes_with_the_last_answer_in_it,
        ]);
        $crate::store_conformance!(@module $ground, files: [
            a_stored_file_reads_back_as_it_was,
            another_owners_file_is_not_there,
            files_are_listed_in_both_directions_in_pages,
            a_file_grows_by_pieces_once_each,
            a_deleted_files_own_objects_are_garbage,
            a_file_keeps_the_segments_it_names,
            a_deleted_file_is_blanked_where_others_live,
            a_file_past_its_expiry_is_gone_before_it_is_removed,
            a_full_owner_stores_no_more,
            rows_name_the_objects_of_files,
        ]);
        $crate::store_conformance!(@module $ground, uploads: [
            an_upload_becomes_a_file_of_its_parts,
            an_upload_must_have_what_it_declared,
            a_cancelled_upload_gives_its_room_back,
            a_late_upload_expires_with_its_parts,
            another_owners_upload_is_not_there,
            parts_are_bounded_together_and_by_their_owners_room,
            rows_name_the_objects_of_parts,
        ]);
        $crate::store_conformance!(@module $ground, keys: [
            a_key_is_found_by_its_hash,
            a_revoked_key_stays_and_is_invalid,
            an_expired_key_is_invalid,
            a_hash_is_stored_once,
            a_keys_limits_are_kept,
        ]);
        $crate::store_conformance!(@module $ground, registry: [
            a_registered_model_reads_back_as_it_was,
            a_model_has_only_files_that_are_stored,
            a_model_may_have_many_files,
            a_name_means_what_was_put_last,
            a_name_is_everybodys_or_one_owners,
            a_name_in_a_folder_is_no_owners_while_it_is_told_of,
            a_folder_stands_before_a_model_of_its_name,
            a_name_that_others_jobs_wait_for_is_no_owners,
            a_model_is_told_of_from_when_it_is_registered_until_it_is_deleted,
            what_a_worker_tells_late_of_a_name_is_not_recorded,
            a_copy_is_a_name_of_its_own,
            a_model_that_jobs_want_is_not_deleted,
            bytes_are_stored_once,
            bytes_that_no_model_has_are_forgotten_when_asked,
            bytes_that_no_model_has_are_forgotten_after_a_while,
        ]);
        $crate::store_conformance!(@module $ground, models: [
            the_latest_announcement_stands,
            who_serves_a_model_is_counted,
            a_model_outlives_its_workers,
        ]);
        $crate::store_conformance!(@module $ground, residency: [
            the_latest_wish_about_a_model_stands,
            a_model_is_loaded_where_a_living_worker_has_it,
        ]);
        $crate::store_conformance!(@module $ground, leadership: [
            one_holder_at_a_time,
            a_lapsed_lease_is_taken_over,
            a_resigned_lease_is_free,
            lapsed_leases_are_forgotten_and_others_held,
        ]);
        $crate::store_conformance!(@module $ground, rates: [
            a_burst_is_leased_once_and_comes_back_with_time,
            who_cannot_have_what_it_wants_has_what_it_needs,
            subjects_do_not_share_limits,
            callers_at_once_get_no_more_than_one_would,
            a_clock_that_was_set_back_costs_one_burst,
            leases_are_granted_as_the_policy_says,
            who_has_all_of_its_limit_is_forgotten_and_nobody_else,
        ]);
        $crate::store_conformance!(@module $ground, webhooks: [
            an_endpoint_reads_back_as_it_was_made,
            owners_do_not_share_endpoints,
            an_owner_has_no_more_endpoints_than_allowed,
            a_change_changes_what_it_names,
            a_former_secret_counts_for_a_while,
            what_an_owner_signs_with_is_made_once,
            secrets_do_not_show,
        ]);
        $crate::store_conformance!(@module $ground, deliveries: [
            an_event_is_told_to_those_who_asked,
            a_jobs_own_webhook_is_told,
            slices_tell_nobody,
            nothing_is_told_twice_and_nothing_is_passed_over,
            what_happened_before_an_endpoint_was_made_is_not_told,
            a_granted_delivery_is_granted_again_when_its_lease_is_over,
            a_receiver_has_no_more_than_its_places,
            a_message_says_what_it_said_first,
            a_deleted_job_takes_what_was_said_of_it_along,
            tries_are_kept_in_order,
            an_untried_delivery_is_given_back,
            an_endpoint_that_is_gone_is_disabled_and_told_no_more,
            an_endpoint_that_fails_for_days_is_disabled,
            one_success_ends_a_time_of_failure,
            one_delivery_is_played_again,
            a_range_is_played_again,
            deliveries_are_listed_in_pages_and_by_state,
            old_deliveries_are_forgotten,
        ]);
        $crate::store_conformance!(@module $ground, schedules: [
            a_schedule_reads_back_as_it_was,
            a_template_keeps_every_character,
            an_owner_sees_only_its_own_schedules,
            a_name_is_the_owners_once,
            an_owner_has_so_many_schedules_at_most,
            schedules_are_listed_from_the_newest_in_pages,
            a_change_counts_if_nobody_else_made_one,
            schedules_are_due_by_their_next_tick,
            a_tick_makes_one_job_however_many_see_it,
            a_tick_that_comes_again_makes_no_second_job,
            a_schedule_that_was_changed_does_not_fire_as_it_was,
            many_ticks_are_recorded_with_what_they_came_to,
            firings_that_somebody_asked_for_get_an_instant_each,
            a_deleted_schedule_leaves_its_jobs,
            old_firings_are_forgotten,
        ]);
        $crate::store_conformance!(@module $ground, bulks: [
            a_bulk_reads_back_as_it_was,
            another_owners_bulk_and_file_are_not_there,
            bulks_are_listed_from_the_newest_in_pages,
            a_cancelled_bulk_keeps_what_was_done,
            a_bulk_that_is_being_read_can_be_cancelled,
            a_bulk_is_forgotten_with_its_slices_and_not_before,
        ]);
        $crate::store_conformance!(@module $ground, slicing: [
            a_refused_bulk_tells_its_lines,
            slices_are_made_all_at_once_and_once,
            thousands_of_slices_are_made_together,
            bad_lines_stand_in_the_file_of_errors,
            the_pace_of_slices_is_what_they_cost_and_took,
        ]);
        $crate::store_conformance!(@module $ground, answering: [
            an_answered_slice_stands_in_the_files_at_once,
            a_slice_is_answered_once,
            a_zombie_cannot_answer_what_another_runs,
            a_deleted_output_file_takes_what_follows_with_it,
            a_piece_keeps_its_segment_until_its_file_goes,
        ]);
        $crate::store_conformance!(@module $ground, closing: [
            a_bulk_completes_when_every_line_is_answered,
            a_clean_bulk_has_no_file_of_errors,
            a_bulk_expires_with_what_was_done,
            bulks_end_so_many_at_a_time,
            a_bulk_that_has_run_does_not_expire,
            a_bulks_own_webhook_is_told,
            slices_that_are_cancelled_as_jobs_are_told_of_by_their_bulk,
        ]);
    };
    (@module $ground:expr, $module:ident: [$($name:ident),+ $(,)?]) => {
        mod $module {
            $(
                #[tokio::test]
                async fn $name() {
                    let ground = $ground;
                    $crate::store::conformance::$module::$name(&ground.0).await;
                }
            )+
        }
    };
}
