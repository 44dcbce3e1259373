-- The rest of a job's life: deadlines that pass while it waits, ends without a reason, another life after its end, the
-- client's own id of it. And the queues of models, which people stop and let go.
--
-- Equal in meaning to migrations/sqlite/20261121121500_lifecycle.sql.

alter table jobs
    add column losses      smallint not null default 0, -- workers that died with it, and nothing says why
    add column fingerprint bytea;               -- what was submitted under `client_id`, to tell a repeat from a misuse

-- `start_by` is about the first attempt only.
drop index jobs_to_start;
create index jobs_to_start on jobs (start_by) where status = 'queued' and start_by is not null and started_at is null;

-- What an owner can cancel, however long a history there is.
create index jobs_open on jobs (owner, id) where status in ('queued', 'running');

create table queues (
    model       text primary key,
    paused_at   timestamptz,                    -- since then nothing is handed over or claimed
    draining_at timestamptz                     -- since then nothing is accepted
);
