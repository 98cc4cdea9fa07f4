-- Shares of the master key (K-3): how many are needed, how many were entered, and until when those are kept.
alter table keystore.master_key
  add column shares_needed smallint,
  add column shares_entered smallint,
  add column shares_until timestamptz;

create or replace view api_keystore.standing as select provider, sealed, shares_needed,
  case when shares_until > now() then shares_entered else 0::smallint end as shares_entered
from keystore.master_key;
