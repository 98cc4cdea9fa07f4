-- Sign-ins that were begun at an identity provider: by SHA-256 of what the provider repeats, each good for one end.
create table if not exists directory.provider_sign_in (state bytea primary key, provider uuid not null, session uuid,
    began_at timestamptz not null);
create index if not exists provider_sign_in_began_at on directory.provider_sign_in (began_at);
