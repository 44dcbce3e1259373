-- What is submitted again and again, and what became of each tick.
--
-- Equal in meaning to migrations/postgres/20261121130000_schedules.sql.

create table schedules (
    id         blob primary key,
    owner      text not null,
    name       text not null,
    cron       text not null,
    time_zone  text not null,               -- of the IANA database
    template   text not null check (json_valid(template)),  -- schedule::Template
    paused     integer not null,
    missed     text not null check (missed in ('skip', 'once', 'all')),
    next_at    integer,                     -- the first tick that has not been dealt with; none while it rests
    version    integer not null,            -- grows with every change by the client
    created_at integer not null,
    updated_at integer not null,
    constraint schedules_name unique (owner, name)
) strict, without rowid;
create index schedules_by_owner on schedules (owner, id desc);
create index schedules_due on schedules (next_at) where next_at is not null;

-- One row for each tick: whoever inserts it makes the job, in the same transaction.
create table firings (
    schedule    blob not null references schedules (id) on delete cascade,
    fire_at     integer not null,           -- the tick, a whole second; or when somebody asked for it, which is none
    fired_at    integer not null,
    manual      integer not null,
    passed_from integer,                    -- from this tick on, earlier ones passed without firing
    job         blob,                       -- it may be gone by now
    error       text check (json_valid(error)),
    primary key (schedule, fire_at)
) strict, without rowid;
create index firings_by_age on firings (fired_at);
