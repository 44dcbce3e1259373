-- What is submitted again and again, and what became of each tick.
--
-- Equal in meaning to migrations/sqlite/20261121130000_schedules.sql.

create table schedules (
    id         uuid primary key,
    owner      text not null,
    name       text not null,
    cron       text not null,
    time_zone  text not null,               -- of the IANA database
    template   jsonb not null,              -- schedule::Template
    paused     boolean not null,
    missed     text not null check (missed in ('skip', 'once', 'all')),
    next_at    timestamptz,                 -- the first tick that has not been dealt with; none while it rests
    version    bigint not null,             -- grows with every change by the client
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint schedules_name unique (owner, name)
);
create index schedules_by_owner on schedules (owner, id desc);
create index schedules_due on schedules (next_at) where next_at is not null;

-- One row for each tick: whoever inserts it makes the job, in the same transaction.
create table firings (
    schedule    uuid not null references schedules (id) on delete cascade,
    fire_at     timestamptz not null,       -- the tick, a whole second; or when somebody asked for it, which is none
    fired_at    timestamptz not null,
    manual      boolean not null,
    passed_from timestamptz,                -- from this tick on, earlier ones passed without firing
    job         uuid,                       -- it may be gone by now
    error       jsonb,
    primary key (schedule, fire_at)
);
create index firings_by_age on firings (fired_at);
