-- How many requests came of late, so that limits survive a restart and are shared by replicas. Rows live two minutes.
create unlogged table if not exists gateway.request_count (
  key text collate "C" not null, minute bigint not null, count bigint not null, primary key (key, minute));
