-- The certificates that hold a text (a pattern of ILIKE) and labels, within the reader's scope; null when they are more than
-- `most`. The view is a security barrier, behind which such conditions are not looked up in an index; here they are, and the
-- scope is applied by the function itself.
create or replace function api_inventory.certificates_found(pattern text, has_labels jsonb, most int) returns uuid[]
language plpgsql stable security definer set search_path = pg_catalog as $$
declare
  scope text := coalesce(current_setting('chancery.scope', true), '');
  live int := (select generation from inventory.projection where name = 'certificate' and state = 'live');
  conditions text := 'true';
  found uuid[];
begin
  if scope = '' then
    return '{}';
  end if;
  if live is null then
    return null;
  end if;
  if scope <> '*' then
    conditions := format('organization = any (%L::uuid[])', string_to_array(scope, ','));
  end if;
  -- As constants, so that it is known how rare they are.
  if pattern is not null then
    conditions := conditions || format(' and search ilike %L', pattern);
  end if;
  if has_labels is not null then
    conditions := conditions || format(' and labels @> %L::jsonb', has_labels);
  end if;
  execute format('select coalesce(array_agg(id), ''{}'') from (select id from inventory.certificate_g%s where %s limit %s) f',
    live, conditions, most + 1) into found;
  return case when cardinality(found) > most then null else found end;
end $$;
