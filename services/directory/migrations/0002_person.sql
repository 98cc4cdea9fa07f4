-- What administrators are called and where mail reaches them. Beside the log, so that it can be erased (K-8).
create table if not exists directory.person (administrator uuid primary key, display_name text, email text);
