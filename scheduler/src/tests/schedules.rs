//! Schedules, fired by one replica or by several, in time or late.

use forebay_shared::schedule::{Firing, Missed, Schedule, UnfitCode};
use forebay_shared::store::{Filter, Page, ScheduleOutcome, ScheduleTerms};
use forebay_shared::testing::sample_template;

use super::*;

const MINUTE: Duration = Duration::from_mins(1);

impl Bench {
    /// On 1 June 2026, at noon in UTC.
    async fn at_noon() -> Self {
        Self::at(Timestamp::parse("2026-06-01T12:00:00Z").unwrap()).await
    }

    /// A schedule of alice's from now on.
    async fn schedule(&self, cron: &str, change: impl FnOnce(&mut ScheduleTerms)) -> Schedule {
        let mut terms = ScheduleTerms {
            name: format!("schedule {}", self.ground.ids.uuid()),
            cron: cron.to_owned(),
            time_zone: "Europe/Berlin".to_owned(),
            template: sample_template(),
            paused: false,
            missed: Missed::Once,
        };
        change(&mut terms);
        let clockwork = forebay_shared::schedule::Cron::parse(&terms.cron, &terms.time_zone).unwrap();
        let (store, id) = (&self.ground.store, self.ground.ids.schedule());
        let next_at = clockwork.next(store.now());
        match store.create_schedule(id, "alice", &terms, next_at, 100).await.unwrap() {
            ScheduleOutcome::Done(schedule) => *schedule,
            refused => panic!("{refused:?}"),
        }
    }

    /// What became of its ticks, the earliest first.
    async fn history(&self, schedule: &Schedule) -> Vec<Firing> {
        let mut firings = self.ground.store.firings("alice", schedule.id, None, 200).await.unwrap();
        firings.reverse();
        firings
    }

    /// The minutes after its making at which it made a job.
    async fn fired(&self, schedule: &Schedule) -> Vec<u64> {
        let history = self.history(schedule).await;
        let made = history.iter().filter(|firing| firing.job.is_some());
        made.map(|firing| firing.fire_at.since(schedule.created_at).as_secs() / 60).collect()
    }

    async fn jobs(&self) -> usize {
        let page = Page { after: None, limit: 500 };
        self.ground.store.jobs("alice", &Filter::default(), page).await.unwrap().len()
    }
}

#[tokio::test]
async fn a_tick_makes_a_job_that_is_handed_over() {
    let bench = Bench::at_noon().await;
    let schedule = bench.schedule("*/5 * * * *", |_| ()).await;
    bench.ground.clock.advance(MINUTE * 4 + Duration::from_millis(59_999));
    let wait = bench.chores.fire_due().await;
    assert_eq!(
        (wait, bench.jobs().await),
        (Some(Duration::from_millis(1)), 0),
        "it is awaited, not anticipated"
    );
    bench.ground.clock.advance(Duration::from_millis(1));
    assert_eq!(bench.chores.fire_due().await, None, "the next is far");
    assert_eq!(bench.fired(&schedule).await, [5]);
    let id = bench.history(&schedule).await[0].job.unwrap();
    let job = bench.ground.read(id).await;
    assert_eq!(job.metadata["schedule"], schedule.id.to_string().as_str());
    assert_eq!(bench.queue.depth(&route()).await.unwrap(), 1);
}

#[tokio::test]
async fn two_replicas_make_one_job_of_a_tick() {
    let bench = Bench::at_noon().await;
    let schedule = bench.schedule("* * * * *", |_| ()).await;
    let second = bench.replica("two");
    for _ in 0..5 {
        bench.ground.clock.advance(MINUTE);
        tokio::join!(bench.chores.fire_due(), second.fire_due());
    }
    assert_eq!(bench.fired(&schedule).await, [1, 2, 3, 4, 5]);
    assert_eq!(bench.jobs().await, 5);
}

#[tokio::test]
async fn ticks_that_nobody_saw_follow_the_policy_after_a_restart() {
    let bench = Bench::at_noon().await;
    let mut schedules = Vec::new();
    for missed in [Missed::Skip, Missed::Once, Missed::All] {
        schedules.push(bench.schedule("*/10 * * * *", |terms| terms.missed = missed).await);
    }
    bench.ground.clock.advance(MINUTE * 35);
    let restarted = bench.replica("two");
    restarted.fire_due().await;
    restarted.fire_due().await;
    assert_eq!(bench.fired(&schedules[0]).await, [0; 0]);
    assert_eq!(bench.fired(&schedules[1]).await, [30]);
    assert_eq!(bench.fired(&schedules[2]).await, [10, 20, 30]);
    let skipped = bench.history(&schedules[0]).await;
    let first = schedules[0].next_at;
    assert_eq!((skipped.len(), skipped[0].job, skipped[0].passed_from), (1, None, first));
    let once = bench.history(&schedules[1]).await;
    assert_eq!((once.len(), once[0].passed_from), (1, first));
    bench.ground.clock.advance(MINUTE * 5);
    restarted.fire_due().await;
    for schedule in &schedules {
        assert_eq!(bench.fired(schedule).await.last(), Some(&40), "the next tick is as any other");
    }
}

#[tokio::test]
async fn a_week_of_missed_ticks_is_a_hundred_jobs_at_most() {
    let bench = Bench::at_noon().await;
    let schedule = bench.schedule("* * * * *", |terms| terms.missed = Missed::All).await;
    bench.ground.clock.advance(HOUR * 24 * 7);
    bench.chores.fire_due().await;
    assert_eq!(bench.jobs().await, 100);
    let history = bench.history(&schedule).await;
    assert_eq!((history.len(), history[0].passed_from), (100, schedule.next_at));
}

#[tokio::test]
async fn the_clock_on_the_wall_decides_when_it_is_changed() {
    let bench = Bench::at(Timestamp::parse("2026-10-24T12:00:00Z").unwrap()).await;
    let named = bench.schedule("30 2 * * *", |_| ()).await;
    let open = bench.schedule("30 * * * *", |_| ()).await;
    for _ in 0..30 * 6 {
        bench.ground.clock.advance(MINUTE * 10);
        bench.chores.fire_due().await;
    }
    let fired =
        |history: Vec<Firing>| history.iter().map(|firing| firing.fire_at.to_string()).collect::<Vec<_>>();
    assert_eq!(fired(bench.history(&named).await), ["2026-10-25T00:30:00.000000Z"], "02:30 comes twice");
    assert_eq!(bench.history(&open).await.len(), 30, "an hour is an hour");
}

#[tokio::test]
async fn what_rests_does_not_fire() {
    let bench = Bench::at_noon().await;
    let schedule = bench.schedule("* * * * *", |_| ()).await;
    let terms = ScheduleTerms {
        name: schedule.name.clone(),
        cron: schedule.cron.clone(),
        time_zone: schedule.time_zone.clone(),
        template: schedule.template.clone(),
        paused: true,
        missed: schedule.missed,
    };
    bench.ground.store.change_schedule(&schedule, &terms, Some(None)).await.unwrap();
    bench.ground.clock.advance(HOUR);
    bench.chores.fire_due().await;
    assert_eq!(bench.jobs().await, 0);
}

#[tokio::test]
async fn a_model_that_is_gone_is_recorded_and_the_next_tick_is_tried() {
    let bench = Bench::at_noon().await;
    let schedule = bench.schedule("* * * * *", |terms| terms.template.model = "later".to_owned()).await;
    bench.ground.clock.advance(MINUTE);
    bench.chores.fire_due().await;
    let history = bench.history(&schedule).await;
    let error = history[0].error.as_ref().unwrap();
    assert_eq!((error.code, error.message.as_str()), (UnfitCode::UnknownModel, "there is no model `later`"));
    bench.ground.store.announce(&[card("later", Kind::Echo)]).await.unwrap();
    bench.ground.clock.advance(MINUTE);
    bench.replica("with a fresh catalogue").fire_due().await;
    assert_eq!(bench.fired(&schedule).await, [2]);
}

#[tokio::test]
async fn what_became_of_ticks_is_forgotten_in_time() {
    let bench = Bench::at_noon().await;
    let schedule = bench.schedule("*/30 * * * *", |_| ()).await;
    for _ in 0..3 {
        bench.ground.clock.advance(MINUTE * 30);
        bench.chores.fire_due().await;
    }
    bench.ground.clock.advance(MINUTE);
    bench.chores.clone().retain().await;
    assert_eq!(bench.fired(&schedule).await, [60, 90], "an hour of them is kept here");
}

#[tokio::test]
async fn a_schedule_finds_its_owners_models_and_no_other_owners() {
    let bench = Bench::at_noon().await;
    let of =
        |owner: &str| ModelCard { owner: Some(owner.to_owned()), ..card(&format!("{owner}s"), Kind::Echo) };
    bench.ground.store.announce(&[of("alice"), of("bob")]).await.unwrap();
    let hers = bench.schedule("* * * * *", |terms| terms.template.model = "alices".to_owned()).await;
    let his = bench.schedule("* * * * *", |terms| terms.template.model = "bobs".to_owned()).await;
    bench.ground.clock.advance(MINUTE);
    bench.chores.fire_due().await;
    assert!(bench.history(&hers).await[0].error.is_none());
    let error = bench.history(&his).await[0].error.clone().unwrap();
    assert_eq!((error.code, error.message.as_str()), (UnfitCode::UnknownModel, "there is no model `bobs`"));
}
