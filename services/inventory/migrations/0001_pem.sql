-- A certificate as PEM: 64 characters a line (RFC 7468 §2). The read model keeps the DER alone.
create or replace function inventory.pem(der bytea) returns text language sql immutable strict parallel safe as $$
  select E'-----BEGIN CERTIFICATE-----\n'
      || regexp_replace(replace(encode(der, 'base64'), E'\n', ''), '(.{1,64})', E'\\1\n', 'g')
      || E'-----END CERTIFICATE-----\n' $$;
