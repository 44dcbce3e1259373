-- How a bulk's file is written: bulk::Layout.
--
-- Equal in meaning to migrations/postgres/20261121180000_layouts.sql.

alter table bulks add column layout text not null default '{"format": "jsonl"}' check (json_valid(layout));
