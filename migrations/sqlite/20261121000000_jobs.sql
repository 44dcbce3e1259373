-- The first schema: jobs with their attempts, workers with their leases, segments of results, keys, models.
--
-- Equal in meaning to migrations/postgres/20261121000000_jobs.sql. An instant is an integer of microseconds, an id a
-- blob of 16 bytes, JSON is checked text.

create table models (
    name       text primary key,
    card       text not null check (json_valid(card)),      -- model::ModelCard, as a worker announced it
    created_at integer not null,
    updated_at integer not null
) strict, without rowid;

create table workers (
    id         blob primary key,
    host       text not null,
    state      text not null check (state in ('live', 'draining', 'retired', 'dead')),
    models     text not null check (json_valid(models)),    -- names of the models it serves
    noted      text check (json_valid(noted)),              -- suspect items about to be on its devices: store::Noted
    started_at integer not null,
    expires_at integer not null                             -- its leases hold until then
) strict, without rowid;
create index workers_by_expiry on workers (expires_at) where state in ('live', 'draining');

create table jobs (
    id               blob primary key,
    owner            text not null,
    model            text not null,
    model_digest     text not null,
    class            text not null check (class in ('interactive', 'bulk')),
    priority         integer not null,
    status           text not null
                     check (status in ('queued', 'running', 'succeeded', 'failed', 'cancelled', 'expired')),
    version          integer not null,      -- grows with every change of status; the id of its events
    item_count       integer not null,
    succeeded        integer not null default 0,
    failed           integer not null default 0,
    cost             integer not null,
    items            text,                  -- up to 16 KiB stand in the row,
    items_blob       text,                  -- more stands in the blob store
    params           text not null check (json_valid(params)),
    metadata         text not null check (json_valid(metadata)),
    blobs            text not null check (json_valid(blobs)),   -- keys of objects that belong to this job alone
    waiters          text not null check (json_valid(waiters)), -- addresses of those who hear when it ends
    trace            text,
    max_attempts     integer not null,
    attempt          integer not null default 0,
    failures         integer not null default 0,
    suspects         text check (json_valid(suspects)),
    worker           blob,
    cancel_requested integer not null default 0,
    created_at       integer not null,
    available_at     integer not null,
    published_at     integer,               -- when it was handed to the queue; a hint
    started_at       integer,
    finished_at      integer,
    retention        integer not null,      -- microseconds after the end
    purge_at         integer,
    error_code       text,
    error_message    text,
    segment          text,                  -- the result is this range of this segment
    segment_offset   integer,
    segment_length   integer,
    files            text not null check (json_valid(files)),   -- media that the result names
    timings          text check (json_valid(timings)),
    constraint jobs_items_stand_somewhere check ((items is null) <> (items_blob is null))
) strict;
create index jobs_by_owner on jobs (owner, id desc);
create index jobs_waiting on jobs (model, class, priority desc, available_at, id)
    where status = 'queued' and published_at is null;
create index jobs_published on jobs (model, class, published_at)
    where status = 'queued' and published_at is not null;
create index jobs_running on jobs (worker) where status = 'running';
create index jobs_to_purge on jobs (purge_at) where purge_at is not null;

create table attempts (
    job        blob not null references jobs (id) on delete cascade,
    number     integer not null,
    worker     blob not null,
    started_at integer not null,
    ended_at   integer not null,
    code       text not null,
    message    text not null,
    primary key (job, number)
) strict, without rowid;

create table idempotency (
    owner       text not null,
    key         text not null,
    fingerprint blob not null,
    job         blob not null references jobs (id) on delete cascade deferrable initially deferred,
    expires_at  integer not null,
    primary key (owner, key)
) strict, without rowid;
create index idempotency_by_expiry on idempotency (expires_at);
create index idempotency_by_job on idempotency (job);

create table segments (
    key        text primary key,
    worker     blob not null,
    bytes      integer not null,
    live       integer not null,            -- jobs whose result stands in it
    created_at integer not null
) strict, without rowid;
create index segments_dead on segments (key) where live = 0;

create table blanks (
    segment  text not null,
    "offset" integer not null,
    length   integer not null,
    primary key (segment, "offset")
) strict, without rowid;

create table garbage (
    key text primary key                    -- an object that no row names any more
) strict, without rowid;

create table keys (
    id         blob primary key,
    hash       blob not null,
    owner      text not null,
    name       text not null,
    scopes     text not null check (json_valid(scopes)),
    created_at integer not null,
    expires_at integer,
    revoked_at integer,
    constraint keys_hash unique (hash)
) strict, without rowid;

create table leadership (
    name       text primary key,
    holder     text not null,
    expires_at integer not null
) strict, without rowid;
