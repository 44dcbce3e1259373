-- Who has had how much of a model's queue, so that what waits is handed over owner by owner.
--
-- Equal in meaning to migrations/postgres/20261121121000_shares.sql.

create table clocks (
    model text not null,
    class text not null,
    at    integer not null,                 -- the route's virtual time, in cost: job::fair
    primary key (model, class)
) strict, without rowid;

create table shares (
    model  text not null,
    class  text not null,
    owner  text not null,
    served integer not null,                -- the virtual time at which the owner's next job may go
    primary key (model, class, owner)
) strict, without rowid;

-- A job that is to run later is parked: what may run now is found without looking at it. Who waits is found by jumping
-- from owner to owner, and within an owner from key to key; so a job that no key submitted has the key of zeros.
alter table jobs add column parked integer not null default 0;
update jobs set parked = 1 where status = 'queued' and available_at > created_at;
update jobs set key = zeroblob(16) where key is null;

drop index jobs_waiting;
create index jobs_waiting on jobs (model, class, owner, key, rank, id)
    where status = 'queued' and published_at is null and not parked;
create index jobs_parked on jobs (model, class, owner, available_at) where status = 'queued' and parked;

drop index jobs_published;
create index jobs_published on jobs (model, class, published_at, owner, cost)
    where status = 'queued' and published_at is not null;

-- What a key may have at once. Null is no limit.
alter table keys add column max_running integer;    -- its jobs that are with the broker or run
alter table keys add column max_queued  integer;  -- what its jobs that wait may cost
create index jobs_under_way on jobs (key)
    where key <> x'00000000000000000000000000000000'
        and (status = 'running' or (status = 'queued' and published_at is not null));
