-- Who persons are: beside the log, so that it can be erased (K-8). `import`: which import added them.
create table if not exists directory.person_details (
  id uuid primary key, organization uuid not null, email text not null, first_name text not null, middle_name text,
  last_name text not null, alternative_emails text[] not null, secret_id text, import uuid);
create unique index if not exists person_details_email on directory.person_details (organization, lower(email));
-- Imports of persons, and their lines until they are worked off.
create table if not exists directory.person_import (
  id uuid primary key, organization uuid not null, actor text not null, parts int not null, lines int not null,
  unreadable int not null, started_at timestamptz not null, next int not null default 0, done int not null default 0,
  added int not null default 0, existing int not null default 0, refused int not null default 0,
  errors jsonb not null default '[]', finished boolean not null default false);
create table if not exists directory.person_import_part (
  import uuid not null, part int not null, lines jsonb not null, kept_at timestamptz not null default now(),
  primary key (import, part));
