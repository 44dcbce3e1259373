-- What is wished of models in memory, and what workers have there.
--
-- Equal in meaning to migrations/postgres/20261122110000_residency.sql. A row is the latest wish about a model, for every worker that
-- serves it; its number grows, so that each is carried out once by each.

create table model_wishes (
    model      text not null primary key,
    wish       text not null check (wish in ('load', 'keep', 'unload')),
    keep_alive integer,                -- microseconds without work; -1: until another needs the room; null: as is usual
    number     integer not null,
    wished_at  integer not null
) strict, without rowid;

alter table workers add column loaded text check (json_valid(loaded));   -- residency::Loaded by model
