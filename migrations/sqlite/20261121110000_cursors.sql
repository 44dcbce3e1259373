-- How far readers that must miss nothing have come in `events`. What a cursor has not passed is not forgotten, however
-- old it is.
--
-- Equal in meaning to migrations/postgres/20261121110000_cursors.sql.

create table cursors (
    name text primary key,
    xid  integer not null,                  -- everything up to here was read: (xid, seq) of `events`
    seq  integer not null
) strict;

-- Webhooks begin where their table does: what happened before had nobody to tell.
insert into cursors (name, xid, seq) select 'webhooks', 0, coalesce(max(seq), 0) from events;
