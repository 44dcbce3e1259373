use std::time::Duration;

use super::Ground;
use crate::clock::Timestamp;
use crate::id::{JobId, ScheduleId};
use crate::job::{Input, NewJob, Status};
use crate::schedule::{Fired, Missed, NewFiring, Schedule, Unfit, UnfitCode};
use crate::store::{Filter, Page, ScheduleOutcome, ScheduleTerms};
use crate::testing::sample_template;

const MINUTE: Duration = Duration::from_mins(1);
const MOST: u32 = 100;

fn terms(name: &str) -> ScheduleTerms {
    ScheduleTerms {
        name: name.to_owned(),
        cron: "* * * * *".to_owned(),
        time_zone: "Europe/Berlin".to_owned(),
        template: sample_template(),
        paused: false,
        missed: Missed::Once,
    }
}

impl Ground {
    /// A schedule of alice's that ticks now.
    async fn schedule(&self, name: &str) -> Schedule {
        self.clock.advance(Duration::from_millis(1));
        let made = self.make("alice", name, MOST).await;
        let ScheduleOutcome::Done(schedule) = made else { panic!("it was not made: {made:?}") };
        *schedule
    }

    async fn make(&self, owner: &str, name: &str, most: u32) -> ScheduleOutcome {
        let (id, now) = (self.ids.schedule(), self.store.now());
        self.store.create_schedule(id, owner, &terms(name), Some(now), most).await.unwrap()
    }

    async fn again(&self, id: ScheduleId) -> Schedule {
        self.store.schedule("alice", id).await.unwrap().expect("alice has the schedule")
    }

    async fn jobs_of_alice(&self) -> usize {
        let page = Page { after: None, limit: 100 };
        self.store.jobs("alice", &Filter::default(), page).await.unwrap().len()
    }

    fn unpublished(&self) -> NewJob {
        NewJob { published: false, ..self.job() }
    }
}

fn firing(fire_at: Timestamp, job: NewJob) -> NewFiring {
    NewFiring { fire_at, passed_from: None, fired: Fired::Job(Box::new(job)) }
}

fn unfit() -> Unfit {
    Unfit { code: UnfitCode::UnknownModel, message: "there is no model `nope`".to_owned() }
}

pub async fn a_schedule_reads_back_as_it_was(ground: &Ground) {
    let made = ground.schedule("nightly").await;
    assert_eq!(ground.again(made.id).await, made);
    let terms = terms("nightly");
    assert_eq!((made.name, made.cron, made.template), (terms.name, terms.cron, terms.template));
    assert_eq!((made.version, made.next_at), (1, Some(ground.store.now())));
}

pub async fn a_template_keeps_every_character(ground: &Ground) {
    let mut terms = terms("odd");
    terms.template.items[0].input = Input::Text("nothing \0, \u{1f980} and \"\\\"".to_owned());
    let (id, store) = (ground.ids.schedule(), &ground.store);
    store.create_schedule(id, "alice", &terms, None, MOST).await.unwrap();
    assert_eq!(ground.again(id).await.template, terms.template);
}

pub async fn an_owner_sees_only_its_own_schedules(ground: &Ground) {
    let made = ground.schedule("nightly").await;
    let (store, fired) = (&ground.store, Fired::Failed(unfit()));
    assert!(store.fire_now("alice", made.id, &fired).await.unwrap().is_some());
    assert!(store.schedule("bob", made.id).await.unwrap().is_none());
    assert!(store.schedules("bob", None, 10).await.unwrap().is_empty());
    assert!(store.firings("bob", made.id, None, 10).await.unwrap().is_empty());
    assert!(store.fire_now("bob", made.id, &fired).await.unwrap().is_none());
    assert!(!store.delete_schedule("bob", made.id).await.unwrap());
    let stolen = Schedule { owner: "bob".to_owned(), ..made };
    let changed = store.change_schedule(&stolen, &terms("mine"), None).await.unwrap();
    assert_eq!(changed, ScheduleOutcome::Stale);
}

pub async fn a_name_is_the_owners_once(ground: &Ground) {
    ground.schedule("nightly").await;
    assert_eq!(ground.make("alice", "nightly", MOST).await, ScheduleOutcome::NameTaken);
    assert!(matches!(ground.make("bob", "nightly", MOST).await, ScheduleOutcome::Done(_)));
    let other = ground.schedule("weekly").await;
    let changed = ground.store.change_schedule(&other, &terms("nightly"), None).await.unwrap();
    assert_eq!(changed, ScheduleOutcome::NameTaken);
}

pub async fn an_owner_has_so_many_schedules_at_most(ground: &Ground) {
    assert!(matches!(ground.make("alice", "one", 2).await, ScheduleOutcome::Done(_)));
    assert!(matches!(ground.make("alice", "two", 2).await, ScheduleOutcome::Done(_)));
    assert_eq!(ground.make("alice", "three", 2).await, ScheduleOutcome::TooMany);
    assert!(matches!(ground.make("bob", "one", 2).await, ScheduleOutcome::Done(_)));
}

pub async fn schedules_are_listed_from_the_newest_in_pages(ground: &Ground) {
    let mut ids = Vec::new();
    for name in ["one", "two", "three"] {
        ids.push(ground.schedule(name).await.id);
    }
    ids.reverse();
    let page = ground.store.schedules("alice", None, 2).await.unwrap();
    assert_eq!(page.iter().map(|schedule| schedule.id).collect::<Vec<_>>(), ids[..2]);
    let rest = ground.store.schedules("alice", Some(ids[1]), 2).await.unwrap();
    assert_eq!(rest.iter().map(|schedule| schedule.id).collect::<Vec<_>>(), ids[2..]);
}

pub async fn a_change_counts_if_nobody_else_made_one(ground: &Ground) {
    let made = ground.schedule("nightly").await;
    ground.clock.advance(MINUTE);
    let other = ScheduleTerms { missed: Missed::All, ..terms("weekly") };
    let changed = ground.store.change_schedule(&made, &other, None).await.unwrap();
    let ScheduleOutcome::Done(changed) = changed else { panic!("not changed: {changed:?}") };
    assert_eq!((changed.name.as_str(), changed.missed, changed.version), ("weekly", Missed::All, 2));
    assert_eq!((changed.next_at, changed.updated_at), (made.next_at, ground.store.now()));
    let late = ground.store.change_schedule(&made, &terms("late"), None).await.unwrap();
    assert_eq!(late, ScheduleOutcome::Stale);
    let resting = ScheduleTerms { paused: true, ..other };
    let rested = ground.store.change_schedule(&changed, &resting, Some(None)).await.unwrap();
    let ScheduleOutcome::Done(rested) = rested else { panic!("not changed: {rested:?}") };
    assert_eq!((rested.paused, rested.next_at), (true, None));
}

pub async fn schedules_are_due_by_their_next_tick(ground: &Ground) {
    let (first, second) = (ground.schedule("one").await, ground.schedule("two").await);
    let ids = |schedules: Vec<Schedule>| schedules.iter().map(|schedule| schedule.id).collect::<Vec<_>>();
    let until = async |at: Timestamp| ids(ground.store.schedules_until(at, 10).await.unwrap());
    assert_eq!(until(first.next_at.unwrap()).await, [first.id]);
    assert_eq!(until(ground.store.now()).await, [first.id, second.id]);
    assert!(until(first.next_at.unwrap().minus(MINUTE)).await.is_empty());
    let resting = ScheduleTerms { paused: true, ..terms("one") };
    ground.store.change_schedule(&first, &resting, Some(None)).await.unwrap();
    assert_eq!(until(ground.store.now()).await, [second.id], "what rests is not due");
}

pub async fn a_tick_makes_one_job_however_many_see_it(ground: &Ground) {
    let made = ground.schedule("nightly").await;
    let (tick, next) = (made.next_at.unwrap(), made.next_at.map(|tick| tick.plus(MINUTE)));
    let jobs: Vec<NewJob> = (0..8).map(|_| ground.unpublished()).collect();
    let fire = |job: NewJob| {
        let (store, made) = (ground.store.clone(), made.clone());
        async move { store.fire(&made, &[firing(tick, job)], next).await.unwrap() }
    };
    let fired = futures::future::join_all(jobs.into_iter().map(fire)).await;
    let winners: Vec<&Vec<JobId>> = fired.iter().flatten().collect();
    assert_eq!(winners.len(), 1, "{fired:?}");
    let job = ground.read(winners[0][0]).await;
    assert_eq!((job.status, job.available_at), (Status::Queued, ground.store.now()));
    assert_eq!(ground.jobs_of_alice().await, 1);
    assert_eq!(ground.again(made.id).await.next_at, next);
    let history = ground.store.firings("alice", made.id, None, 10).await.unwrap();
    assert_eq!(history.len(), 1);
    assert_eq!((history[0].fire_at, history[0].job, history[0].manual), (tick, Some(job.id), false));
}

pub async fn a_tick_that_comes_again_makes_no_second_job(ground: &Ground) {
    let made = ground.schedule("nightly").await;
    let tick = made.next_at.unwrap();
    let fire = async |read: &Schedule| {
        let job = ground.unpublished();
        ground.store.fire(read, &[firing(tick, job)], None).await.unwrap()
    };
    assert_eq!(fire(&made).await.map(|jobs| jobs.len()), Some(1));
    // The client sets the clock back, as it were: the same tick is next again.
    let read = ground.again(made.id).await;
    let changed = ground.store.change_schedule(&read, &terms("nightly"), Some(Some(tick))).await.unwrap();
    let ScheduleOutcome::Done(changed) = changed else { panic!("not changed: {changed:?}") };
    assert_eq!(fire(&changed).await, Some(Vec::new()));
    assert_eq!(ground.jobs_of_alice().await, 1);
}

pub async fn a_schedule_that_was_changed_does_not_fire_as_it_was(ground: &Ground) {
    let made = ground.schedule("nightly").await;
    let tick = made.next_at.unwrap();
    ground.store.change_schedule(&made, &terms("weekly"), None).await.unwrap();
    let job = ground.unpublished();
    assert_eq!(ground.store.fire(&made, &[firing(tick, job)], None).await.unwrap(), None);
    let job = ground.unpublished();
    ground.store.delete_schedule("alice", made.id).await.unwrap();
    assert_eq!(ground.store.fire(&made, &[firing(tick, job)], None).await.unwrap(), None);
    assert_eq!(ground.jobs_of_alice().await, 0);
}

pub async fn many_ticks_are_recorded_with_what_they_came_to(ground: &Ground) {
    let made = ground.schedule("nightly").await;
    let tick = |minutes: u32| made.next_at.unwrap().plus(MINUTE * minutes);
    let job = ground.unpublished();
    let firings = [
        NewFiring { fire_at: tick(1), passed_from: Some(tick(0)), fired: Fired::Job(Box::new(job.clone())) },
        NewFiring { fire_at: tick(2), passed_from: None, fired: Fired::Failed(unfit()) },
        NewFiring { fire_at: tick(3), passed_from: None, fired: Fired::Skipped },
    ];
    let fired = ground.store.fire(&made, &firings, Some(tick(4))).await.unwrap();
    assert_eq!(fired, Some(vec![job.id]));
    let history = ground.store.firings("alice", made.id, None, 2).await.unwrap();
    assert_eq!((history[0].fire_at, history[0].job, &history[0].error), (tick(3), None, &None));
    assert_eq!((history[1].fire_at, history[1].job, &history[1].error), (tick(2), None, &Some(unfit())));
    let rest = ground.store.firings("alice", made.id, Some(tick(2)), 10).await.unwrap();
    assert_eq!((rest.len(), rest[0].passed_from, rest[0].job), (1, Some(tick(0)), Some(job.id)));
}

pub async fn firings_that_somebody_asked_for_get_an_instant_each(ground: &Ground) {
    let made = ground.schedule("nightly").await;
    let now = ground.store.now();
    for _ in 0..3 {
        let job = NewJob { id: JobId(ground.ids.uuid()), ..ground.unpublished() };
        let fired =
            ground.store.fire_now("alice", made.id, &Fired::Job(Box::new(job.clone()))).await.unwrap();
        let fired = fired.expect("alice has the schedule");
        assert_eq!((fired.job, fired.manual), (Some(job.id), true));
        assert_eq!(ground.read(job.id).await.status, Status::Queued);
    }
    let history = ground.store.firings("alice", made.id, None, 10).await.unwrap();
    assert_eq!(history.len(), 3);
    assert!(history.iter().all(|firing| firing.manual && firing.fire_at.micros() % 1_000_000 != 0));
    assert_eq!(ground.again(made.id).await.next_at, Some(now), "its ticks are its own affair");
}

pub async fn a_deleted_schedule_leaves_its_jobs(ground: &Ground) {
    let made = ground.schedule("nightly").await;
    let job = ground.unpublished();
    ground.store.fire(&made, &[firing(made.next_at.unwrap(), job.clone())], None).await.unwrap();
    assert!(ground.store.delete_schedule("alice", made.id).await.unwrap());
    assert!(!ground.store.delete_schedule("alice", made.id).await.unwrap());
    assert!(ground.store.firings("alice", made.id, None, 10).await.unwrap().is_empty());
    assert_eq!(ground.read(job.id).await.status, Status::Queued);
}

pub async fn old_firings_are_forgotten(ground: &Ground) {
    let made = ground.schedule("nightly").await;
    for _ in 0..3 {
        ground.store.fire_now("alice", made.id, &Fired::Failed(unfit())).await.unwrap();
        ground.clock.advance(MINUTE);
    }
    let before = ground.store.now().minus(MINUTE);
    assert_eq!(ground.store.forget_firings(before, 1).await.unwrap(), 1);
    assert_eq!(ground.store.forget_firings(before, 10).await.unwrap(), 1);
    assert_eq!(ground.store.forget_firings(before, 10).await.unwrap(), 0);
    assert_eq!(ground.store.firings("alice", made.id, None, 10).await.unwrap().len(), 1);
}
