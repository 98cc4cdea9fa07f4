-- The log and what stands beside it. Position, not time, is the order of everything.

-- Who this installation is: part of the origin of its checkpoints, so that two logs are never taken for one.
create table log.installation (id uuid primary key);
create unique index one_row on log.installation ((true));
insert into log.installation (id) values (gen_random_uuid());

-- A new epoch is begun by an operator when the log was restored behind what was published.
create table log.epoch (
  shard smallint, epoch int, base bigint not null, at timestamptz not null default now(),
  primary key (shard, epoch));
insert into log.epoch (shard, epoch, base) values (0, 1, 0);

create table log.tenant (tenant uuid primary key, shard smallint not null);              -- explicit map, not a hash
create table log.writer (category text collate "C", role name, primary key (category, role));
create table log.reader (category text collate "C", role name, primary key (category, role));  -- '*' = every category

create table log.event (
  shard smallint not null, position bigint not null check (position > 0),
  tenant uuid not null, category text collate "C" not null,
  stream uuid not null, version int not null check (version > 0),
  id uuid not null,                                                     -- UUIDv7
  type text collate "C" not null,                                       -- <category>.<past_tense>: a subject on NATS
  schema smallint not null check (schema > 0),
  recorded_at timestamptz not null,                                     -- set under the lock, one instant per append, strictly rising
  command_id uuid not null, causation_id uuid not null, correlation_id uuid not null,
  actor text collate "C" not null, traceparent text collate "C",
  payload json not null,                                                -- json keeps the exact bytes
  hash bytea not null,
  primary key (shard, position),
  constraint type_is_of_category check (starts_with(type, category || '.') and type ~ '^[a-z0-9_]+[.][a-z0-9_]+$'),
  constraint headers_are_one_line check (actor !~ '[[:cntrl:]]' and traceparent !~ '[[:cntrl:]]'),      -- both travel as NATS headers
  constraint payload_is_small_and_holds_no_key check (octet_length(payload::text) <= 262144 and strpos(payload::text, 'PRIVATE KEY') = 0),
  constraint hash_is_of_payload check (hash = sha256(convert_to(payload::text, 'UTF8')))
) partition by range (shard, position);
create index on log.event (category, shard, position);

create table log.stream (
  stream uuid primary key, shard smallint not null, tenant uuid not null, category text collate "C" not null,
  version int not null) with (fillfactor = 80);

-- Answers already given, swept after 35 days: a cache, not history.
create table log.command (
  command_id uuid primary key, fingerprint bytea not null, shard smallint not null,
  first bigint not null, last bigint not null, version int not null, at timestamptz not null);
create index on log.command (at);

-- Level 0 holds leaf hashes, level n the roots of full tiles of level n - 1; always 256 of them.
create table log.tile (
  shard smallint, level smallint, index bigint, hashes bytea not null check (octet_length(hashes) = 8192),
  primary key (shard, level, index));

-- `leaves`: hashes of the events this head is the first to cover and that no full tile holds yet. With the tiles
-- they say of every sealed row what it was, so that a changed one can be named.
create table log.tree_head (
  shard smallint, size bigint, root bytea not null, note text not null, leaves bytea not null,
  at timestamptz not null default now(), primary key (shard, size));

-- Commands accepted while NATS is away.
create table log.inbox (
  command_id uuid primary key, fingerprint bytea not null, service text not null, subject text not null,
  headers json not null, body bytea not null, deadline timestamptz not null,
  accepted_at timestamptz not null default now(), lease_until timestamptz, attempts int not null default 0, reply json);
