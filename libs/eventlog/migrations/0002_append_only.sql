-- Nothing recorded is ever changed. Triggers are `enable always`: they fire under session_replication_role too.

create function log.forbid() returns trigger language plpgsql as $$
begin
  raise exception '% on %: append-only', tg_op, tg_table_name using errcode = '42501';
end $$;

create trigger append_only before update or delete on log.event for each row execute function log.forbid();
create trigger no_truncate before truncate on log.event for each statement execute function log.forbid();
create trigger append_only before update or delete or truncate on log.tree_head for each statement execute function log.forbid();
create trigger append_only before update or delete or truncate on log.tile for each statement execute function log.forbid();
alter table log.event enable always trigger append_only;
alter table log.event enable always trigger no_truncate;
alter table log.tree_head enable always trigger append_only;
alter table log.tile enable always trigger append_only;
revoke update, delete, truncate on log.event, log.tree_head, log.tile from log_owner;
