-- Files that owners upload or are given, as ordered pieces of objects; uploads in parts that become files.
--
-- Equal in meaning to migrations/sqlite/20261121114500_files.sql.

create table files (
    id         uuid primary key,
    owner      text not null,
    filename   text not null,
    purpose    text not null,
    status     text not null check (status in ('uploaded', 'processed', 'error')),
    bytes      bigint not null,             -- the sum of its pieces' lengths
    created_at timestamptz not null,
    expires_at timestamptz
);
create index files_by_owner on files (owner, id) include (bytes);
create index files_by_expiry on files (expires_at) where expires_at is not null;

create table file_pieces (
    file     uuid not null references files (id) on delete cascade,
    position integer not null,              -- the content is the pieces in this order
    object   text not null,
    "offset" bigint not null,
    length   bigint not null,
    own      boolean not null,              -- the object is this file's alone and goes with it; else a segment
    primary key (file, position)
);
create index file_pieces_own on file_pieces (object) where own;

create table uploads (
    id         uuid primary key,
    owner      text not null,
    filename   text not null,
    purpose    text not null,
    bytes      bigint not null,             -- as declared; the parts must add up to it
    mime_type  text not null,
    status     text not null check (status in ('pending', 'completed', 'cancelled', 'expired')),
    file_life  bigint,                      -- microseconds that the file is kept
    file       uuid,                        -- what it has become; that may be gone again
    created_at timestamptz not null,
    expires_at timestamptz not null
);
create index uploads_by_owner on uploads (owner, status);
create index uploads_by_expiry on uploads (expires_at);

create table upload_parts (
    id         uuid primary key,
    upload     uuid not null references uploads (id) on delete cascade,
    object     text not null,
    bytes      bigint not null,
    created_at timestamptz not null
);
create index upload_parts_by_upload on upload_parts (upload) include (bytes);
create index upload_parts_by_object on upload_parts (object);

-- What counts against an owner's room, in one place.
create view storage as
    select owner, bytes from files
    union all
    select uploads.owner, upload_parts.bytes from uploads join upload_parts on upload_parts.upload = uploads.id;
