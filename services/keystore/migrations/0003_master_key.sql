-- The master key can be replaced (B9). `id` names the one that opens this database. While everything is wrapped anew, the
-- one before stands here under the new one, so that whoever has the new one has both; it is gone once nothing needs it.
alter table keystore.master_key
  add column previous_id uuid,
  add column previous bytea,
  add column replaced_at timestamptz,
  add check ((previous_id is null) = (previous is null));

-- Which master key an organization's key is under.
alter table keystore.organization_key add column master_key uuid;
update keystore.organization_key set master_key = (select id from keystore.master_key);
alter table keystore.organization_key alter column master_key set not null;

-- Public: which master key it is, and how far a rotation is. Counted only while one goes on.
create view api_keystore.master_key as
select m.id, m.previous_id, m.made_at, m.replaced_at,
  case when m.previous_id is not null then
    (select count(*) from keystore.organization_key o where o.made_at < m.replaced_at)
    + (select count(*) from keystore.wrapped_key) + (select count(*) from keystore.wrapped_credential) end as total,
  case when m.previous_id is not null then
    (select count(*) from keystore.organization_key o where o.made_at < m.replaced_at and o.master_key = m.id)
    + (select count(*) from keystore.wrapped_key w join keystore.organization_key o
       on o.organization = w.organization and o.version = w.organization_key where o.made_at >= m.replaced_at)
    + (select count(*) from keystore.wrapped_credential w join keystore.organization_key o
       on o.organization = w.organization and o.version = w.organization_key where o.made_at >= m.replaced_at)
  end as done
from keystore.master_key m;
grant usage on schema api_keystore to chancery_gateway;
grant select on api_keystore.master_key to chancery_gateway;
