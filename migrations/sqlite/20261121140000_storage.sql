-- What an owner's jobs keep counts against its room: inputs, results and media.
--
-- Equal in meaning to migrations/postgres/20261121140000_storage.sql. Jobs are counted by the leading scheduler now and then,
-- since a sum that is kept with every settlement would cost every settlement; files are counted as they stand.

alter table jobs add column blob_bytes integer not null default 0; -- of the objects in `blobs`

create table job_storage (
    owner      text primary key,
    bytes      integer not null,
    counted_at integer not null
) strict;

drop view storage;
create view storage as
    select owner, bytes from files
    union all
    select uploads.owner, upload_parts.bytes from uploads join upload_parts on upload_parts.upload = uploads.id
    union all
    select owner, bytes from job_storage;
