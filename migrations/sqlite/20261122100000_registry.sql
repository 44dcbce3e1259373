-- Models in object storage: which there are, by name, and of which files each is made.
--
-- Equal in meaning to migrations/postgres/20261122100000_registry.sql. A file is stored once, however many models have it; what
-- no model names any more is forgotten after a while, and its object with it. `touched_at` keeps what an import has found
-- stored until the import's own rows name it.

create table registry_contents (
    digest     blob primary key,             -- SHA-256 of the bytes
    object     text not null unique,         -- where they stand; never written again once it has been removed
    bytes      integer not null,
    touched_at integer not null
) strict;
create index registry_contents_by_touch on registry_contents (touched_at);

create table registry_models (
    name       text not null,
    owner      text not null,                -- '': everybody's
    digest     blob not null,                -- of its files: registry::digest
    bytes      integer not null,
    source     text not null,                -- where it came from, for people
    created_at integer not null,
    updated_at integer not null,
    primary key (name, owner)
) strict;

create table registry_files (
    model   text not null,
    owner   text not null,
    path    text not null,
    content blob not null references registry_contents (digest),
    primary key (model, owner, path),
    foreign key (model, owner) references registry_models (name, owner) on delete cascade
) strict;
create index registry_files_by_content on registry_files (content);
