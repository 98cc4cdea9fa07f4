-- keystore's own tables: not derived from the log, and nobody else's (N-6). The first four are what a backup of the
-- keystore holds; its backup class is short-lived (K-8).

-- Which master key this database belongs to. The salt is public; a passphrase needs it.
create table keystore.master_key (
  single boolean primary key default true check (single),
  salt bytea not null check (octet_length(salt) = 16),
  id uuid,
  made_at timestamptz not null default now());

-- An organization's keys, under the master key. The newest version wraps; the others still open.
create table keystore.organization_key (
  organization uuid not null, version int not null check (version > 0),
  wrapped bytea not null, made_at timestamptz not null default now(),
  primary key (organization, version));

-- Private keys: the data key under the organization key, the key itself under the data key. Gone when destroyed.
create table keystore.wrapped_key (
  key_id uuid primary key,
  organization uuid not null, organization_key int not null,
  data_key bytea not null, private_key bytea not null,
  made_at timestamptz not null default now(),
  foreign key (organization, organization_key) references keystore.organization_key);

-- The signature journal (C-3): one released signature per intent, for ever.
create table keystore.signature (
  intent_event uuid primary key,
  key_id uuid not null, tbs_sha256 bytea not null check (octet_length(tbs_sha256) = 32), signature bytea not null,
  created_at timestamptz not null default now());

-- The last head of the log that was signed, per shard: no smaller or different tree is signed after it.
create table keystore.checkpoint (
  shard smallint primary key,
  size bigint not null check (size >= 0), root bytea not null check (octet_length(root) = 32), note text not null,
  signed_at timestamptz not null default now());

-- The keys that checkpoints are verified with, as `<name>+<hash>+<key>`.
create table keystore.checkpoint_key (
  shard smallint primary key, key_id uuid not null, verifier_key text not null,
  made_at timestamptz not null default now());

-- Public: `log verify` reads it, whatever the scope.
create view api_keystore.checkpoint_key as select shard, key_id, verifier_key, made_at from keystore.checkpoint_key;
grant usage on schema api_keystore to chancery_relay;
grant select on api_keystore.checkpoint_key to chancery_relay;
