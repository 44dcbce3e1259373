-- How much waits, by model, class, owner and key: kept by the database, so that no bound needs a count.
--
-- Equal in meaning to migrations/postgres/20261121160000_loads.sql. There is one writer, so rows are counted in place.

create table loads (
    model text not null,
    class text not null,
    owner text not null,
    key   blob not null,
    jobs  integer not null,
    cost  integer not null,
    primary key (model, class, owner, key)
) strict, without rowid;

insert into loads
select model, class, owner, key, count(*), sum(cost) from jobs where status = 'queued' group by model, class, owner, key;

create trigger jobs_submitted_load after insert on jobs when new.status = 'queued'
begin
    insert into loads (model, class, owner, key, jobs, cost)
    values (new.model, new.class, new.owner, new.key, 1, new.cost)
    on conflict (model, class, owner, key) do update set jobs = jobs + 1, cost = cost + excluded.cost;
end;

create trigger jobs_moved_load after update of status on jobs
    when (new.status = 'queued') <> (old.status = 'queued')
begin
    insert into loads (model, class, owner, key, jobs, cost)
    values (new.model, new.class, new.owner, new.key, iif(new.status = 'queued', 1, -1),
            iif(new.status = 'queued', new.cost, -old.cost))
    on conflict (model, class, owner, key) do update set jobs = jobs + excluded.jobs, cost = cost + excluded.cost;
end;

create trigger jobs_deleted_load after delete on jobs when old.status = 'queued'
begin
    update loads set jobs = jobs - 1, cost = cost - old.cost
    where model = old.model and class = old.class and owner = old.owner and key = old.key;
end;

-- What a worker's models have done lately, in cost per second.
alter table workers add column rates text check (json_valid(rates));
