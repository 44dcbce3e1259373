-- Bulks, the slices they were cut into, and which lines those have answered.
--
-- Equal in meaning to migrations/postgres/20261121170000_bulks.sql. A slice's result is no job's result but a piece of its
-- bulk's files, so its job names no segment and is forgotten with the bulk.

create table bulks (
    id            blob primary key,
    owner         text not null,
    key           blob,
    form          text not null check (form in ('openai', 'native')),
    on_bad_line   text not null check (on_bad_line in ('refuse', 'report')),
    status        text not null check (status in (
                      'validating', 'failed', 'in_progress', 'finalizing', 'completed', 'expired', 'cancelling', 'cancelled'
                  )),
    ending        text check (ending in ('expired', 'cancelled')), -- what it becomes once its slices have ended
    version       integer not null,         -- grows with every change of status; the id of its events
    endpoint      text,                     -- what every line must name
    model         text,                     -- of lines that name none
    params        text not null check (json_valid(params)),
    file          blob not null,            -- the file that was uploaded
    retry_of      blob,                     -- only the lines that failed there
    "window"      text not null,            -- as the client wrote it
    keep          integer not null,         -- microseconds that its output is kept
    metadata      text not null check (json_valid(metadata)),
    webhook       text check (json_valid(webhook)),
    output_file   blob,
    error_file    blob,
    errors        text not null check (json_valid(errors)), -- why the file was refused: bulk::BadLine
    total         integer not null,         -- lines
    completed     integer not null,         -- of those in no slice; of all once it has ended
    failed        integer not null,
    cost          integer not null,
    created_at    integer not null,
    expires_at    integer not null,
    in_progress_at integer,
    finalizing_at integer,
    cancelling_at integer,
    ended_at      integer,
    purge_at      integer
) strict;
create index bulks_by_owner on bulks (owner, id desc);
create index bulks_open on bulks (id) where ended_at is null;
create index bulks_by_file on bulks (file) where ended_at is null;
create index bulks_to_purge on bulks (purge_at) where purge_at is not null;

create table slices (
    job       blob primary key references jobs (id),
    bulk      blob not null references bulks (id),
    number    integer not null,             -- where its answers stand in the bulk's files, from 1
    lines     integer not null,
    cost      integer not null,
    completed integer,                      -- once its lines stand in the files
    failed    integer
) strict;
create unique index slices_by_bulk on slices (bulk, number);

create index jobs_of_bulks on jobs (bulk) where bulk is not null and status in ('queued', 'running');
