-- The first schema: jobs with their attempts, workers with their leases, segments of results, keys, models.
--
-- Equal in meaning to migrations/sqlite/20261121000000_jobs.sql. Closed sets are text with a check, since a new word in
-- an enum type would be a migration of its own kind. Instants have microseconds.

create table models (
    name       text primary key,
    card       jsonb not null,              -- model::ModelCard, as a worker announced it
    created_at timestamptz not null,
    updated_at timestamptz not null
);

create table workers (
    id         uuid primary key,
    host       text not null,
    state      text not null check (state in ('live', 'draining', 'retired', 'dead')),
    models     jsonb not null,              -- names of the models it serves
    noted      jsonb,                       -- suspect items about to be on its devices: store::Noted
    started_at timestamptz not null,
    expires_at timestamptz not null         -- its leases hold until then
);
create index workers_by_expiry on workers (expires_at) where state in ('live', 'draining');

create table jobs (
    id               uuid primary key,
    owner            text not null,
    model            text not null,
    model_digest     text not null,
    class            text not null check (class in ('interactive', 'bulk')),
    priority         smallint not null,
    status           text not null
                     check (status in ('queued', 'running', 'succeeded', 'failed', 'cancelled', 'expired')),
    version          bigint not null,       -- grows with every change of status; the id of its events
    item_count       integer not null,
    succeeded        integer not null default 0,
    failed           integer not null default 0,
    cost             bigint not null,
    items            text,                  -- up to 16 KiB stand in the row,
    items_blob       text,                  -- more stands in the blob store
    params           jsonb not null,
    metadata         jsonb not null,
    blobs            jsonb not null,        -- keys of objects that belong to this job alone
    waiters          jsonb not null,        -- addresses of those who hear when it ends
    trace            text,
    max_attempts     smallint not null,
    attempt          integer not null default 0,
    failures         smallint not null default 0,
    suspects         jsonb,
    worker           uuid,
    cancel_requested boolean not null default false,
    created_at       timestamptz not null,
    available_at     timestamptz not null,
    published_at     timestamptz,           -- when it was handed to the broker; a hint
    started_at       timestamptz,
    finished_at      timestamptz,
    retention        bigint not null,       -- microseconds after the end
    purge_at         timestamptz,
    error_code       text,
    error_message    text,
    segment          text,                  -- the result is this range of this segment
    segment_offset   bigint,
    segment_length   bigint,
    files            jsonb not null,        -- media that the result names
    timings          jsonb,
    constraint jobs_items_stand_somewhere check ((items is null) <> (items_blob is null))
);
create index jobs_by_owner on jobs (owner, id desc);
create index jobs_waiting on jobs (model, class, priority desc, available_at, id)
    where status = 'queued' and published_at is null;
create index jobs_published on jobs (model, class, published_at)
    where status = 'queued' and published_at is not null;
create index jobs_running on jobs (worker) where status = 'running';
create index jobs_to_purge on jobs (purge_at) where purge_at is not null;

create table attempts (
    job        uuid not null references jobs (id) on delete cascade,
    number     integer not null,
    worker     uuid not null,
    started_at timestamptz not null,
    ended_at   timestamptz not null,
    code       text not null,
    message    text not null,
    primary key (job, number)
);

create table idempotency (
    owner       text not null,
    key         text not null,
    fingerprint bytea not null,
    job         uuid not null references jobs (id) on delete cascade,
    expires_at  timestamptz not null,
    primary key (owner, key)
);
create index idempotency_by_expiry on idempotency (expires_at);
create index idempotency_by_job on idempotency (job);

create table segments (
    key        text primary key,
    worker     uuid not null,
    bytes      bigint not null,
    live       bigint not null,             -- jobs whose result stands in it
    created_at timestamptz not null
);
create index segments_dead on segments (key) where live = 0;

create table blanks (
    segment text not null,
    "offset" bigint not null,
    length   bigint not null,
    primary key (segment, "offset")
);

create table garbage (
    key text primary key                    -- an object that no row names any more
);

create table keys (
    id         uuid primary key,
    hash       bytea not null,
    owner      text not null,
    name       text not null,
    scopes     jsonb not null,
    created_at timestamptz not null,
    expires_at timestamptz,
    revoked_at timestamptz,
    constraint keys_hash unique (hash)
);

create table leadership (
    name       text primary key,
    holder     text not null,
    expires_at timestamptz not null
);
