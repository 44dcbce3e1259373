-- Answers that are kept for whoever asks the same of the same model again.
--
-- Equal in meaning to migrations/postgres/20261122000000_cached.sql. A row is nobody's result: it outlives the job that it
-- was made for, and goes when its time is over or room is needed. An object may hold answers of several rows of one owner.

create table cached (
    owner      text not null,
    key        blob not null,                -- of owner, model, parameters and input: cache::Scope
    bytes      integer not null,             -- what it takes, here or in its object
    expires_at integer not null,
    answer     text,                         -- a small one, as JSON
    object     text,                         -- where a larger one stands, with its media
    "offset"   integer,
    length     integer,
    primary key (owner, key),
    check ((answer is null) <> (object is null)),
    check ((object is null) = ("offset" is null) and (object is null) = (length is null))
) strict;
create index cached_to_expire on cached (expires_at, owner, key);
create index cached_by_object on cached (object) where object is not null;
