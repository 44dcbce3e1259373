-- How much somebody may do in a time, shared by all replicas of the api.
--
-- Equal in meaning to migrations/sqlite/20261122043000_rates.sql. A row is a subject that does not have all of a limit: until
-- when what it has had is paid for, in nanoseconds since 1970, a number on both databases, since it is reckoned with. A row
-- whose instant has passed is as good as none.

create table rate_limits (
    name text primary key,
    tat  bigint not null,            -- the theoretical arrival time of GCRA: rate::Ask
    took bigint not null             -- units of the latest lease
);

-- What a key may do in a time, as people write it: 100/s, 30/min burst 60.
alter table keys add column request_rate text;
alter table keys add column cost_rate text;
