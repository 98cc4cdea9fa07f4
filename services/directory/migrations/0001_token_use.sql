-- When tokens were last used. A sample beside the log: losing it loses no fact.
create table if not exists directory.token_use (token uuid primary key, at timestamptz not null);
