-- A keystore may start sealed (K-3): what its master key comes from, and whether people have to open it.
alter table keystore.master_key
  add column provider text,
  add column sealed boolean;

create view api_keystore.standing as select provider, sealed from keystore.master_key;
grant select on api_keystore.standing to chancery_gateway;
