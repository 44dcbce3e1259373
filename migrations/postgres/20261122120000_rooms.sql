-- What an owner's models take counts against its room, as its files do; everybody's count against nobody's.
--
-- Equal in meaning to migrations/sqlite/20261122120000_rooms.sql.

create index registry_models_by_owner on registry_models (owner);

create or replace view storage as
    select owner, bytes from files
    union all
    select uploads.owner, upload_parts.bytes from uploads join upload_parts on upload_parts.upload = uploads.id
    union all
    select owner, bytes from job_storage
    union all
    select owner, bytes from registry_models where owner <> '';
