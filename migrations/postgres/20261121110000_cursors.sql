-- How far readers that must miss nothing have come in `events`. What a cursor has not passed is not forgotten, however
-- old it is.
--
-- Equal in meaning to migrations/sqlite/20261121110000_cursors.sql.

create table cursors (
    name text primary key,
    xid  xid8 not null,                     -- everything up to here was read: (xid, seq) of `events`
    seq  bigint not null
);

-- Webhooks begin where their table does: what happened before had nobody to tell.
insert into cursors (name, xid, seq) values ('webhooks', pg_current_xact_id(), 0);
