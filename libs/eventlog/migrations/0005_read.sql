-- Every way out of the log for services; each sees the categories that log.reader gives its login.

create function log.may_read(p_categories text[]) returns boolean
language plpgsql stable security definer set search_path = log, pg_temp as $$ begin
  if exists (select from unnest(coalesce(p_categories, array['*'])) c where not exists (select from log.reader r where r.category in (c, '*') and r.role = session_user))
    then raise exception '% may not read these categories', session_user using errcode = '42501'; end if; return true; end $$;

-- Below, PL/pgSQL because it keeps its plans: planning over partitions costs more than reading a short page. Plans are
-- pinned: a young partition has no statistics, and the plan that looks cheap sorts the whole remainder for every page.

-- In order, without gaps.
create function log.read(p_shard smallint, p_after bigint, p_categories text[], p_limit int) returns setof log.event
language plpgsql stable security definer set search_path = log, pg_temp set plan_cache_mode = force_generic_plan
set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off set work_mem = '64MB' as $$ begin
  perform log.may_read(p_categories);
  if p_categories is null then
    return query select e.* from log.event e where e.shard = p_shard and e.position > p_after order by e.shard, e.position limit p_limit;
  else
    return query select e.* from log.event e where e.shard = p_shard and e.position > p_after and e.category = any (p_categories) order by e.shard, e.position limit p_limit;
  end if;
end $$;

create function log.read_stream(p_stream uuid, p_after int) returns setof log.event
language plpgsql stable security definer set search_path = log, pg_temp set enable_seqscan = off set plan_cache_mode = force_generic_plan as $$ begin
  return query select e.* from log.event e
    where (select log.may_read(array[s.category]) from log.stream s where s.stream = p_stream) and e.stream = p_stream and e.version > p_after order by e.version;
end $$;

-- Several whole streams at once, in log order.
create function log.read_streams(p_streams uuid[]) returns setof log.event
language plpgsql stable security definer set search_path = log, pg_temp set enable_seqscan = off set plan_cache_mode = force_generic_plan as $$ begin
  perform log.may_read(array(select distinct s.category from log.stream s where s.stream = any (p_streams)));
  return query select e.* from unnest(p_streams) u join log.event e on e.stream = u order by e.shard, e.position;
end $$;

-- Whether none of these categories has an event after p_after up to p_upto.
create function log.level(p_shard smallint, p_after bigint, p_upto bigint, p_categories text[]) returns boolean
language sql stable security definer set search_path = log, pg_temp as $$
  select not exists (select from log.event e where e.shard = p_shard and e.category = any (p_categories) and e.position > p_after and e.position <= p_upto) $$;

create function log.head(p_shard smallint) returns bigint
language plpgsql stable security definer set search_path = log, pg_temp set enable_seqscan = off as $$ begin
  return coalesce((select e.position from log.event e where e.shard = p_shard order by e.shard desc, e.position desc limit 1),
    (select max(x.base) from log.epoch x where x.shard = p_shard), 0);
end $$;

create function log.outcome(p_command uuid) returns setof log.command
language sql stable security definer set search_path = log, pg_temp as $$ select * from log.command where command_id = p_command $$;
