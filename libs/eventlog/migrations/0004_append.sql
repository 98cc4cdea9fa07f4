-- The one way into the log: one autocommit statement, which assigns dense positions under a lock held to commit.

-- o_*: one per command; e_*: one per event, e_op = its command, counted from 1. A stream and a command id occur once
-- per call. Every command succeeds or fails for itself: ok, replayed, key_reuse, wrong_stream or conflict.
-- Nearly always all of them succeed, so that is tried first, without a look: the keys of log.stream and log.command find
-- what is not as expected, it is undone, and each command is looked at (7 µs less for each of 64 events).
-- The plans are pinned: planning these statements anew costs as much as running them.
create function log.append(p_shard smallint,
  o_tenant uuid[], o_category text[], o_stream uuid[], o_expected int[], o_command uuid[], o_fingerprint bytea[],
  o_causation uuid[], o_correlation uuid[], o_actor text[], o_trace text[],
  e_op int[], e_id uuid[], e_type text[], e_schema smallint[], e_payload json[], e_hash bytea[])
returns table (op int, status text, version int, first bigint, last bigint)
language plpgsql security definer set search_path = log, pg_temp set enable_seqscan = off set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare base bigint; at timestamptz; firsts bigint[]; lasts bigint[]; created bigint; moved bigint;
begin
  if current_setting('transaction_isolation') <> 'read committed' then raise exception 'append needs read committed'; end if;
  if exists (select from unnest(o_category) c where not exists (select from log.writer w where w.category = c and w.role = session_user))
    then raise exception '% may not write these categories', session_user using errcode = '42501'; end if;
  perform pg_advisory_xact_lock(7101, p_shard);                       -- next statement takes a fresh snapshot: sees every earlier append
  select e.position, e.recorded_at into base, at from log.event e where e.shard = p_shard order by e.shard desc, e.position desc limit 1;
  base := coalesce(base, (select max(x.base) from log.epoch x where x.shard = p_shard), 0);
  at := greatest(clock_timestamp(), at + interval '1 microsecond');
  select array_agg(base + n.first order by n.op), array_agg(base + n.last order by n.op) into firsts, lasts
    from (select x.op, min(x.ord) as first, max(x.ord) as last from unnest(e_op) with ordinality as x(op, ord) group by x.op) n;
  if 0 <= all (o_expected) then
    begin
      insert into log.event select p_shard, base + x.ord, o_tenant[x.op], o_category[x.op], o_stream[x.op], (o_expected[x.op] + 1 + base + x.ord - firsts[x.op])::int,
          x.id, x.type, x.schema, at, o_command[x.op], o_causation[x.op], o_correlation[x.op], o_actor[x.op], o_trace[x.op], x.payload, x.hash
        from unnest(e_op, e_id, e_type, e_schema, e_payload, e_hash) with ordinality as x(op, id, type, schema, payload, hash, ord);
      insert into log.command select u.command, u.fp, p_shard, u.first, u.last, (u.expected + 1 + u.last - u.first)::int, at
        from unnest(o_command, o_fingerprint, o_expected, firsts, lasts) as u(command, fp, expected, first, last);
      insert into log.stream select u.stream, p_shard, u.tenant, u.category, (1 + u.last - u.first)::int
        from unnest(o_stream, o_tenant, o_category, o_expected, firsts, lasts) as u(stream, tenant, category, expected, first, last) where u.expected = 0;
      get diagnostics created = row_count;
      update log.stream s set version = (u.expected + 1 + u.last - u.first)::int
        from unnest(o_stream, o_tenant, o_category, o_expected, firsts, lasts) as u(stream, tenant, category, expected, first, last)
        where u.expected > 0 and s.stream = u.stream and s.version = u.expected and (s.shard, s.tenant, s.category) = (p_shard, u.tenant, u.category);
      get diagnostics moved = row_count;
      if created + moved <> cardinality(o_stream) then raise unique_violation; end if;
      return query select u.op::int, 'ok', (u.expected + 1 + u.last - u.first)::int, u.first, u.last
        from unnest(o_expected, firsts, lasts) with ordinality as u(expected, first, last, op);
      return;
    exception when unique_violation then null;
    end;
  end if;
  return query
  with o as (
    select u.*, coalesce(s.version, 0) as cur,
      case when c.command_id is not null then case when c.fingerprint = u.fp then 'replayed' else 'key_reuse' end
           when s.stream is not null and (s.shard, s.tenant, s.category) <> (p_shard, u.tenant, u.category) then 'wrong_stream'
           when u.expected >= 0 and u.expected <> coalesce(s.version, 0) then 'conflict' else 'ok' end as st,
      c.first as c_first, c.last as c_last, c.version as c_version
    from unnest(o_tenant, o_category, o_stream, o_expected, o_command, o_fingerprint, o_causation, o_correlation, o_actor, o_trace)
      with ordinality as u(tenant, category, stream, expected, command, fp, causation, correlation, actor, trace, op)
    left join lateral (select * from log.stream x where x.stream = u.stream limit 1) s on true            -- lateral + limit + no seq scan:
    left join lateral (select * from log.command x where x.command_id = u.command limit 1) c on true      -- an index probe whatever the statistics say
  ), e as (
    select o.*, x.id, x.type, x.schema, x.payload, x.hash,
      base + row_number() over (order by x.ord) as pos, (o.cur + row_number() over (partition by o.op order by x.ord))::int as ver
    from unnest(e_op, e_id, e_type, e_schema, e_payload, e_hash) with ordinality as x(op, id, type, schema, payload, hash, ord)
    join o on o.op = x.op and o.st = 'ok'
  ), ins as (
    insert into log.event select p_shard, pos, tenant, category, stream, ver, id, type, schema, at, command, causation, correlation, actor, trace, payload, hash from e
  ), agg as (
    select e.op, e.stream, e.tenant, e.category, e.command, e.fp, min(e.pos) as first, max(e.pos) as last, max(e.ver) as ver from e group by 1,2,3,4,5,6
  ), str as (
    insert into log.stream as t select stream, p_shard, tenant, category, ver from agg on conflict (stream) do update set version = excluded.version
  ), cmd as (insert into log.command select command, fp, p_shard, first, last, ver, at from agg)
  select o.op::int, o.st, coalesce(a.ver, o.c_version, o.cur), coalesce(a.first, o.c_first), coalesce(a.last, o.c_last) from o left join agg a on a.op = o.op order by 1;
end $$;
