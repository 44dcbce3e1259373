-- What is wished of models in memory, and what workers have there.
--
-- Equal in meaning to migrations/sqlite/20261122110000_residency.sql. A row is the latest wish about a model, for every worker that
-- serves it; its number grows, so that each is carried out once by each.

create table model_wishes (
    model      text primary key,
    wish       text not null check (wish in ('load', 'keep', 'unload')),
    keep_alive bigint,                -- microseconds without work; -1: until another needs the room; null: as is usual
    number     bigint not null,
    wished_at  timestamptz not null
);

alter table workers add column loaded jsonb;   -- residency::Loaded by model
