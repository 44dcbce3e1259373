use proptest::prelude::*;

use super::*;

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

/// The ticks from an instant on, as wall-clock times with their offsets.
fn ticks(expression: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
    let cron = Cron::parse(expression, zone).unwrap();
    let zone: Tz = zone.parse().unwrap();
    let show = |tick: &Timestamp| tick.to_utc().with_timezone(&zone).format("%m-%dT%H:%M:%S%:z").to_string();
    cron.upcoming(at(after), count).iter().map(show).collect()
}

#[test]
fn five_fields_tick_on_the_minute_and_six_on_the_second() {
    assert_eq!(
        ticks("*/20 * * * *", "UTC", "2026-06-01T12:00:00Z", 2),
        ["06-01T12:20:00+00:00", "06-01T12:40:00+00:00"]
    );
    assert_eq!(
        ticks("*/20 * * * * *", "UTC", "2026-06-01T12:00:00.5Z", 2),
        ["06-01T12:00:20+00:00", "06-01T12:00:40+00:00"]
    );
    assert_eq!(
        ticks("0 9 * * MON-FRI", "Asia/Shanghai", "2026-06-05T12:00:00Z", 1),
        ["06-08T09:00:00+08:00"]
    );
    assert_eq!(ticks("@daily", "America/New_York", "2026-06-05T12:00:00Z", 1), ["06-06T00:00:00-04:00"]);
    assert_eq!(ticks("0 0 29 2 *", "UTC", "2026-06-05T12:00:00Z", 1), ["02-29T00:00:00+00:00"]);
}

#[test]
fn a_tick_is_later_than_the_instant_that_is_asked_about() {
    assert_eq!(ticks("0 12 * * *", "UTC", "2026-06-01T11:59:59.999999Z", 1), ["06-01T12:00:00+00:00"]);
    assert_eq!(ticks("0 12 * * *", "UTC", "2026-06-01T12:00:00Z", 1), ["06-02T12:00:00+00:00"]);
}

#[test]
fn a_named_hour_that_does_not_exist_ticks_when_the_gap_ends() {
    // Berlin leaves out 02:00 to 03:00 on 29 March 2026.
    assert_eq!(
        ticks("30 2 * * *", "Europe/Berlin", "2026-03-28T00:00:00Z", 3),
        ["03-28T02:30:00+01:00", "03-29T03:00:00+02:00", "03-30T02:30:00+02:00"]
    );
    // All that falls into the gap is one tick, and so is what comes at its end anyway.
    assert_eq!(
        ticks("*/15 2,3 * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", 3),
        ["03-29T03:00:00+02:00", "03-29T03:15:00+02:00", "03-29T03:30:00+02:00"]
    );
    // Thirty minutes on Lord Howe Island, at two on 4 October 2026.
    assert_eq!(
        ticks("10 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00:00Z", 2),
        ["10-04T02:30:00+11:00", "10-05T02:10:00+11:00"]
    );
}

#[test]
fn a_named_hour_that_comes_twice_ticks_in_the_first() {
    // Berlin has 02:00 to 03:00 twice on 25 October 2026.
    assert_eq!(
        ticks("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 2),
        ["10-25T02:30:00+02:00", "10-26T02:30:00+01:00"]
    );
    assert_eq!(
        ticks("30 2 * * *", "Europe/Berlin", "2026-10-25T01:10:00Z", 1),
        ["10-26T02:30:00+01:00"],
        "asked in the second"
    );
    assert_eq!(
        ticks("*/30 2,3 * * *", "Europe/Berlin", "2026-10-25T00:00:00Z", 3),
        ["10-25T02:30:00+02:00", "10-25T03:00:00+01:00", "10-25T03:30:00+01:00"]
    );
}

#[test]
fn where_hours_are_open_ticks_go_by_the_time_that_passes() {
    assert_eq!(
        ticks("*/30 * * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", 3),
        ["03-29T01:30:00+01:00", "03-29T03:00:00+02:00", "03-29T03:30:00+02:00"]
    );
    assert_eq!(
        ticks("20 * * * *", "Europe/Berlin", "2026-10-24T23:30:00Z", 4),
        ["10-25T02:20:00+02:00", "10-25T02:20:00+01:00", "10-25T03:20:00+01:00", "10-25T04:20:00+01:00"]
    );
    assert_eq!(
        ticks("0 */2 * * *", "America/New_York", "2026-03-08T04:00:00Z", 3),
        ["03-08T00:00:00-05:00", "03-08T04:00:00-04:00", "03-08T06:00:00-04:00"]
    );
}

#[test]
fn what_cannot_be_read_is_told() {
    let told = |expression: &str, zone: &str| Cron::parse(expression, zone).unwrap_err().to_string();
    assert_eq!(
        told("* * *", "UTC"),
        "`* * *` is no cron expression: it has 3 fields; it needs five (minute, hour, day, month, weekday) or six, seconds \
         first"
    );
    assert!(told("* * * * * * 2027", "UTC").contains("7 fields"));
    assert_eq!(
        told("61 * * * *", "UTC"),
        "`61 * * * *` is no cron expression: the minute `61`: number out of bounds"
    );
    assert!(told("0 0 24 * * *", "UTC").contains("the hour `24`: "), "{}", told("0 0 24 * * *", "UTC"));
    assert!(told("a * * * *", "UTC").contains("illegal character 'A'"), "{}", told("a * * * *", "UTC"));
    assert!(told("@never", "UTC").contains("no cron expression"));
    assert!(told("", "UTC").contains("0 fields"));
    assert!(told(&"1,".repeat(200), "UTC").ends_with("it has more than 200 characters"));
    assert_eq!(
        told("* * * * *", "Mars/Olympus"),
        "`Mars/Olympus` is no time zone of the IANA database, like `Europe/Berlin` or `UTC`"
    );
}

#[test]
fn what_never_comes_has_no_next() {
    assert_eq!(Cron::parse("0 0 30 2 *", "UTC").unwrap().next(at("2026-06-01T12:00:00Z")), None);
}

#[test]
fn the_shortest_time_between_two_ticks_is_found() {
    let shortest = |expression: &str| {
        Cron::parse(expression, "UTC")
            .unwrap()
            .shortest(at("2026-06-01T12:00:30Z"))
            .map(|span| span.as_secs())
    };
    assert_eq!(shortest("* * * * *"), Some(60));
    assert_eq!(shortest("*/7 * * * * *"), Some(4), "from 56 to the next minute");
    assert_eq!(shortest("0,59 0 3 * * *"), Some(59));
    assert_eq!(shortest("0,59 0,1 3 * * *"), Some(1));
    assert_eq!(shortest("0 0 30 2 *"), None);
}

#[test]
fn the_latest_ticks_of_an_absence_are_found() {
    let cron = Cron::parse("*/10 * * * *", "UTC").unwrap();
    let (first, until) = (at("2026-06-01T12:00:00Z"), at("2026-06-01T12:35:00Z"));
    let minutes = |most| {
        let ticks = cron.latest(first, until, most);
        ticks.iter().map(|tick| tick.since(first).as_secs() / 60).collect::<Vec<_>>()
    };
    assert_eq!(minutes(1), [30]);
    assert_eq!(minutes(3), [10, 20, 30]);
    assert_eq!(minutes(100), [0, 10, 20, 30]);
    assert_eq!(cron.latest(first, first, 100), [first]);
    let years = cron.latest(first, at("2036-06-01T12:05:00Z"), 100);
    assert_eq!((years.len(), years[99]), (100, at("2036-06-01T12:00:00Z")));
}

const ZONES: [&str; 6] =
    ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Chatham"];
const EXPRESSIONS: [&str; 8] = [
    "*/17 * * * * *",
    "13 * * * *",
    "0 */3 * * *",
    "*/40 1-3 * * *",
    "30 2 * * *",
    "0 0 1 * *",
    "15 3 * * SUN",
    "59 59 1 * * *",
];

proptest! {
    /// However the clock is changed: ticks run forwards, none is left out between two looks, and a look back finds them.
    #[test]
    fn ticks_follow_each_other(zone in 0..ZONES.len(), expression in 0..EXPRESSIONS.len(), second in 0i64..63_072_000) {
        let cron = Cron::parse(EXPRESSIONS[expression], ZONES[zone]).unwrap();
        let from = at("2026-01-01T00:00:00Z").plus(Duration::from_secs(second.unsigned_abs()));
        let ticks = cron.upcoming(from, 8);
        prop_assert_eq!(ticks.len(), 8);
        prop_assert!(ticks[0] > from);
        for pair in ticks.windows(2) {
            prop_assert!(pair[0] < pair[1]);
            let between = pair[0].plus(pair[1].since(pair[0]) / 2);
            prop_assert_eq!(cron.next(between), Some(pair[1]));
        }
        prop_assert_eq!(cron.latest(ticks[0], ticks[7], 3), &ticks[5..]);
    }
}
