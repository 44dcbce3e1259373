-- Events as a log that is read by cursor and forgotten in time.
--
-- Equal in meaning to migrations/sqlite/20261121115000_log.sql.

-- The one cursor that is no reader's: up to here events may be gone, so whoever is not as far has missed some.
insert into cursors (name, xid, seq) values ('forgotten', '0', 0);

-- One job's events: a stream that was resumed tells the versions which were passed meanwhile.
create index events_by_job on events (job, version) where job is not null;
