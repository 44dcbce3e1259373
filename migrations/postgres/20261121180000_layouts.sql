-- How a bulk's file is written: bulk::Layout.
--
-- Equal in meaning to migrations/sqlite/20261121180000_layouts.sql.

alter table bulks add column layout jsonb not null default '{"format": "jsonl"}';
