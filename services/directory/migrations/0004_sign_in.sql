-- Passwords, hashed by argon2id with the parameters that stand beside each. Beside the log, so that they can be erased.
create table if not exists directory.password (administrator uuid primary key, salt bytea not null, hash bytea not null,
    memory int not null, passes int not null, lanes int not null);
-- What failed of late, by account (SHA-256 of the sign-in name) and by address: lock-outs outlive a restart (A-3).
create table if not exists directory.sign_in_guard (kind text not null, key bytea not null, failures int not null,
    last_at timestamptz not null, primary key (kind, key));
create index if not exists sign_in_guard_last_at on directory.sign_in_guard (last_at);
-- The last step of one-time passwords that was used, and when codes were tried that did not fit.
create table if not exists directory.second_factor (administrator uuid primary key, step bigint not null,
    tries timestamptz[] not null);
-- Recovery codes, hashed; a used one is gone.
create table if not exists directory.recovery_code (administrator uuid not null, hash bytea not null,
    primary key (administrator, hash));
-- When sessions were last used. A sample beside the log: losing it lengthens a rest, never a session.
create table if not exists directory.session_use (session uuid primary key, at timestamptz not null);
