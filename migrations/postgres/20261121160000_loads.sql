-- How much waits, by model, class, owner and key: kept by the database, so that no bound needs a count.
--
-- Equal in meaning to migrations/sqlite/20261121160000_loads.sql. Every statement that changes what is queued appends what
-- it changed, so nobody waits for a row that everybody writes. `loads` and the changes since together are the truth; the
-- scheduler folds the one into the other.

create table loads (
    model text not null,
    class text not null,
    owner text not null,
    key   uuid not null,
    jobs  bigint not null,
    cost  bigint not null,
    primary key (model, class, owner, key)
);

create table load_changes (
    model text not null,
    class text not null,
    owner text not null,
    key   uuid not null,
    jobs  bigint not null,
    cost  bigint not null
);

insert into loads
select model, class, owner, key, count(*), sum(cost) from jobs where status = 'queued' group by model, class, owner, key;

create function count_submitted() returns trigger language plpgsql as $$
begin
    insert into load_changes
    select model, class, owner, key, count(*), sum(cost) from fresh where status = 'queued'
    group by model, class, owner, key;
    return null;
end $$;
create trigger jobs_submitted_load after insert on jobs
    referencing new table as fresh for each statement execute function count_submitted();

create function count_moved() returns trigger language plpgsql as $$
begin
    insert into load_changes
    select model, class, owner, key, sum(jobs), sum(cost) from (
        select model, class, owner, key, 1 as jobs, cost from fresh where status = 'queued'
        union all
        select model, class, owner, key, -1, -cost from was where status = 'queued'
    ) as moved
    group by model, class, owner, key having sum(jobs) <> 0 or sum(cost) <> 0;
    return null;
end $$;
create trigger jobs_moved_load after update on jobs
    referencing old table as was new table as fresh for each statement execute function count_moved();

create function count_deleted() returns trigger language plpgsql as $$
begin
    insert into load_changes
    select model, class, owner, key, -count(*), -sum(cost) from was where status = 'queued'
    group by model, class, owner, key;
    return null;
end $$;
create trigger jobs_deleted_load after delete on jobs
    referencing old table as was for each statement execute function count_deleted();

-- What a worker's models have done lately, in cost per second.
alter table workers add column rates jsonb;
