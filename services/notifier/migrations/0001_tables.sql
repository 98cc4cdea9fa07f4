-- What is people's, beside the log, so that it can be erased (the log holds ids and outcomes).

-- To whom a notification goes and what it says. A secret link or code is masked: it is drawn anew at each attempt.
create table notifier.message (
  notification uuid primary key,
  recipient_name text, address text,
  facts jsonb not null, subject text, body text,
  waiting boolean not null default false, -- for mail to be set up
  made_at timestamptz not null default now());
create index message_waiting on notifier.message (notification) where waiting;
create index message_address on notifier.message (address);

-- What the server said at each attempt.
create table notifier.attempt (
  notification uuid not null, at timestamptz not null,
  ok boolean not null, step text, code int, answer text not null,
  primary key (notification, at));

-- Addresses that a server refused for good: no mail goes there until one is sent again on request.
create table notifier.suppressed (
  address text primary key, notification uuid not null, answer text not null,
  since timestamptz not null default now());
