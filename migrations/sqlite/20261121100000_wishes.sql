-- What a client may wish of a job beyond its result: its own id, a time to begin, deadlines, how long to keep it, whom to
-- tell. And what happened to jobs, as events kept for a day.
--
-- Equal in meaning to migrations/postgres/20261121100000_wishes.sql. A column that is added here needs a default where it
-- may not be null; no statement relies on it.

alter table jobs add column client_id  text;            -- the client's own id of it, unique among the owner's jobs
alter table jobs add column key        blob;            -- the API key that submitted it, for that key's limits
alter table jobs add column bulk       blob;            -- the bulk that it is a slice of
alter table jobs add column source     text;            -- the object whose lines it reads; `items` then says which
alter table jobs add column start_by   integer;         -- not begun by then, it expires
alter table jobs add column finish_by  integer;         -- not ended by then, it expires
alter table jobs add column rank       integer not null default 0;   -- its place among what waits: job::rank
alter table jobs add column keep       text not null default '{}' check (json_valid(keep));
                                                        -- by terminal status, microseconds that it is kept: job::Keep
alter table jobs add column webhook    text check (json_valid(webhook)); -- whom else to tell: job::Webhook
alter table jobs add column changed_at integer not null default 0;   -- when `version` grew last

update jobs set
    rank = available_at,
    keep = json_object('succeeded', retention, 'failed', retention, 'cancelled', retention, 'expired', retention),
    changed_at = coalesce(finished_at, started_at, created_at);

alter table jobs drop column retention;

create unique index jobs_by_client_id on jobs (owner, client_id) where client_id is not null;
create index jobs_by_bulk on jobs (bulk) where bulk is not null;
create index jobs_to_start on jobs (start_by) where status = 'queued' and start_by is not null;
create index jobs_to_finish on jobs (finish_by) where status in ('queued', 'running') and finish_by is not null;

-- Events are in the order of (xid, seq). There is one writer, so nothing commits out of order and xid is always 0.
create table events (
    xid       integer not null default 0,
    seq       integer primary key autoincrement,
    owner     text not null,
    type      text not null,                -- `job.…` or `batch.…`
    job       blob,
    bulk      blob,
    model     text,
    version   integer not null,             -- of the job or the bulk
    attempt   integer,
    succeeded integer,
    failed    integer,
    error     text,                         -- a failure's code
    metadata  text check (json_valid(metadata)),
    at        integer not null
) strict;
create index events_by_owner on events (owner, seq);

-- Written by the database itself, so that no statement which moves a job can forget it. Slices have none: their bulk has.
create trigger jobs_submitted after insert on jobs when new.bulk is null
begin
    insert into events (owner, type, job, model, version, attempt, succeeded, failed, metadata, at)
    values (new.owner, 'job.queued', new.id, new.model, new.version, new.attempt, new.succeeded, new.failed,
            new.metadata, new.changed_at);
end;

create trigger jobs_moved after update of version on jobs when new.version <> old.version and new.bulk is null
begin
    insert into events (owner, type, job, model, version, attempt, succeeded, failed, error, metadata, at)
    values (new.owner, 'job.' || new.status, new.id, new.model, new.version, new.attempt, new.succeeded, new.failed,
            new.error_code, new.metadata, new.changed_at);
end;
