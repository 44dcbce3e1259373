-- What a failed attempt's batches were like, beside where its time went.
--
-- Equal in meaning to migrations/sqlite/20261121131500_account.sql. The latest attempt's stands in `jobs.timings`.

alter table attempts add column timings jsonb;   -- none if the worker did not live to tell
