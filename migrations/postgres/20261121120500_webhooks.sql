-- Whom to tell of what happened, and what became of telling them.
--
-- Equal in meaning to migrations/sqlite/20261121120500_webhooks.sql. Secrets must be read to sign with, so they stand
-- here as they are.

create table webhooks (
    id            uuid primary key,
    owner         text not null,
    url           text not null,
    events        jsonb not null,           -- job::EventType, each a word
    secrets       jsonb not null,           -- the present one, then those that still count: store::Secrets
    disabled_at   timestamptz,
    disabled_for  text check (disabled_for in ('owner', 'gone', 'failing')),
    failing_since timestamptz,              -- nothing but failure since then
    created_at    timestamptz not null,
    updated_at    timestamptz not null
);
create index webhooks_by_owner on webhooks (owner, id);

-- What an owner's messages are signed with, beside an endpoint's own secret.
create table signing (
    owner   text primary key,
    secrets jsonb not null,                 -- for jobs' own webhooks, like those of an endpoint
    key     text not null                   -- `whsk_…`; its public half is shown
);

create table deliveries (
    id         uuid primary key,            -- `msg_…`
    owner      text not null,
    webhook    uuid references webhooks (id) on delete cascade,
    url        text,                        -- the job's own; an endpoint's stands in its row
    receiver   text not null,               -- scheme, host and port: what is bounded together
    type       text not null,               -- an event's, or `webhook.test`
    job        uuid,
    event      jsonb not null,              -- webhook::Happening
    source     text unique,                 -- event and endpoint, so that nothing is told twice
    body       text,                        -- made with the first try, and the same on every other
    state      text not null check (state in ('pending', 'succeeded', 'failed', 'skipped')),
    tries      integer not null,            -- all of them
    step       integer not null,            -- those since it was last put on its way: the place in the schedule
    next_at    timestamptz,                 -- of a pending one: the next try, or the end of its sender's lease
    leased     boolean not null default false,
    created_at timestamptz not null,
    ended_at   timestamptz
);
create index deliveries_pending on deliveries (owner, receiver, next_at, id) where state = 'pending';
create index deliveries_leased on deliveries (owner, receiver, next_at) where leased;
create index deliveries_by_webhook on deliveries (webhook, id);
create index deliveries_with_body on deliveries (job) where body is not null;
create index deliveries_ended on deliveries (ended_at) where ended_at is not null;

create table tries (
    delivery uuid not null references deliveries (id) on delete cascade,
    number   integer not null,
    at       timestamptz not null,
    took_ms  double precision not null,
    status   integer,                       -- what the receiver answered
    answer   text not null,                 -- the first bytes of it
    error    text,                          -- why it did not
    primary key (delivery, number)
);

-- Few jobs have a webhook of their own, and the fan-out asks about every event.
create index jobs_with_webhook on jobs (id) where webhook is not null;

-- A message may hold the result. What is deleted is deleted here too; that something was told stays.
create function forget_messages() returns trigger language plpgsql as $$
begin
    update deliveries set body = null where body is not null and job in (select id from gone);
    return null;
end $$;
create trigger jobs_forgotten after delete on jobs
    referencing old table as gone for each statement execute function forget_messages();
