-- Credentials: what people gave us to use elsewhere, wrapped as keys are. Gone when destroyed.
create table keystore.wrapped_credential (
  credential_id uuid primary key,
  purpose text not null,
  organization uuid not null, organization_key int not null,
  data_key bytea not null, secret bytea not null,
  made_at timestamptz not null default now(),
  foreign key (organization, organization_key) references keystore.organization_key);
