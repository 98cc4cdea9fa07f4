-- Bytes of documents: beside the log, and gone for good once a document is removed.
create table document_content (
  id uuid primary key, organization uuid not null, certificate uuid not null, kept_at timestamptz not null default now(),
  bytes bytea not null);
-- Files on their way in.
create table document_part (
  upload uuid not null, part int not null, kept_at timestamptz not null default now(), bytes bytea not null,
  primary key (upload, part));
create view api_inventory.document_content with (security_barrier) as
  select d.id, d.organization, d.certificate, d.bytes from document_content d
  where current_setting('chancery.scope', true) = '*'
     or d.organization = any (string_to_array(nullif(current_setting('chancery.scope', true), '*'), ',')::uuid[]);
