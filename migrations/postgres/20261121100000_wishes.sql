-- What a client may wish of a job beyond its result: its own id, a time to begin, deadlines, how long to keep it, whom to
-- tell. And what happened to jobs, as events kept for a day.
--
-- Equal in meaning to migrations/sqlite/20261121100000_wishes.sql.

alter table jobs
    add column client_id  text,             -- the client's own id of it, unique among the owner's jobs
    add column key        uuid,             -- the API key that submitted it, for that key's limits
    add column bulk       uuid,             -- the bulk that it is a slice of
    add column source     text,             -- the object whose lines it reads; `items` then says which
    add column start_by   timestamptz,      -- not begun by then, it expires
    add column finish_by  timestamptz,      -- not ended by then, it expires
    add column rank       timestamptz,      -- its place among what waits: job::rank
    add column keep       jsonb,            -- by terminal status, microseconds that it is kept: job::Keep
    add column webhook    jsonb,            -- whom else to tell: job::Webhook
    add column changed_at timestamptz;      -- when `version` grew last

update jobs set
    rank = available_at,
    keep = jsonb_build_object('succeeded', retention, 'failed', retention, 'cancelled', retention, 'expired', retention),
    changed_at = coalesce(finished_at, started_at, created_at);

alter table jobs
    alter column rank set not null,
    alter column keep set not null,
    alter column changed_at set not null,
    drop column retention;

create unique index jobs_by_client_id on jobs (owner, client_id) where client_id is not null;
create index jobs_by_bulk on jobs (bulk) where bulk is not null;
create index jobs_to_start on jobs (start_by) where status = 'queued' and start_by is not null;
create index jobs_to_finish on jobs (finish_by) where status in ('queued', 'running') and finish_by is not null;

-- Events are in the order of (xid, seq). A transaction that began earlier may commit later, so a reader stops before the
-- oldest transaction that is still open: pg_snapshot_xmin(pg_current_snapshot()).
create table events (
    xid       xid8 not null default pg_current_xact_id(),
    seq       bigint generated always as identity,
    owner     text not null,
    type      text not null,                -- `job.…` or `batch.…`
    job       uuid,
    bulk      uuid,
    model     text,
    version   bigint not null,              -- of the job or the bulk
    attempt   integer,
    succeeded integer,
    failed    integer,
    error     text,                         -- a failure's code
    metadata  jsonb,
    at        timestamptz not null,
    primary key (xid, seq)
);
create index events_by_owner on events (owner, xid, seq);

-- Written by the database itself, so that no statement which moves a job can forget it. Slices have none: their bulk has.
create function tell_submitted() returns trigger language plpgsql as $$
begin
    insert into events (owner, type, job, model, version, attempt, succeeded, failed, metadata, at)
    select owner, 'job.queued', id, model, version, attempt, succeeded, failed, metadata, changed_at
    from fresh where bulk is null;
    return null;
end $$;
create trigger jobs_submitted after insert on jobs
    referencing new table as fresh for each statement execute function tell_submitted();

create function tell_moved() returns trigger language plpgsql as $$
begin
    insert into events (owner, type, job, model, version, attempt, succeeded, failed, error, metadata, at)
    values (new.owner, 'job.' || new.status, new.id, new.model, new.version, new.attempt, new.succeeded, new.failed,
            new.error_code, new.metadata, new.changed_at);
    return null;
end $$;
create trigger jobs_moved after update on jobs
    for each row when (new.version <> old.version and new.bulk is null) execute function tell_moved();
