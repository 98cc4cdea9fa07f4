-- Partitions of 20,000,000 positions. There is no default partition on purpose: a missing one is a clear error.
--
-- The table is made alone and then attached, because `create table … partition of` would take an ACCESS EXCLUSIVE
-- lock on the log: behind a running dump it would wait, and every append and read behind it. Attaching takes
-- SHARE UPDATE EXCLUSIVE only.

create function log.add_partition(p_shard smallint, p_from bigint, p_to bigint) returns void
language plpgsql security definer set search_path = log, pg_temp set lock_timeout = '2s' as $$
declare t text := format('event_%s_%s', p_shard, p_from);
begin
  execute format('create table log.%I (like log.event including defaults including constraints)', t);
  execute format('alter table log.event attach partition log.%I for values from (%s,%s) to (%s,%s)', t, p_shard, p_from, p_shard, p_to);
  execute format('create unique index on log.%I (stream, version)', t);            -- a net: uniqueness comes from log.stream under the lock
  execute format('alter table log.%I enable always trigger append_only', t);
  execute format('create trigger no_truncate before truncate on log.%I for each statement execute function log.forbid()', t);
  execute format('alter table log.%I enable always trigger no_truncate', t);
  execute format('revoke update, delete, truncate on log.%I from log_owner', t);
end $$;

select log.add_partition(0::smallint, 0, 20000000);
select log.add_partition(0::smallint, 20000000, 40000000);
