-- Answers to commands are kept for 35 days, longer than anyone repeats one. A few at a time: appends take the same table.

create function log.sweep_answers() returns bigint
language sql security definer set search_path = log, pg_temp as $$
  with old as (select c.command_id from log.command c where c.at < now() - interval '35 days' order by c.at limit 10000),
    swept as (delete from log.command c using old where c.command_id = old.command_id returning 1)
  select count(*) from swept $$;
