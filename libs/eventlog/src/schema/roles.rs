//! Who logs in to PostgreSQL: one role per service, so that the log can check who writes.

use std::fmt::Write;

use contracts::{Service, service::TABLE};

/// SQL that makes the roles, for a superuser connected to the log's database; a repeat changes nothing.
///
/// `log_owner` (no login) owns the log, `chancery_admin` migrates, and each service has a login of its own, because
/// `log.append` checks `session_user`. Passwords are the caller's to set.
#[must_use]
pub fn roles_sql() -> String {
    let mut sql = String::from("set client_min_messages = warning;\n");
    create_role(&mut sql, "log_owner", "nologin");
    create_role(&mut sql, "chancery_admin", "login createrole");
    sql.push_str("grant log_owner to chancery_admin;\n");
    sql.push_str(
        "do $$ begin execute format('grant create on database %I to chancery_admin', current_database()); end $$;\n",
    );
    for row in TABLE {
        let role = row.service.role();
        create_role(&mut sql, &role, "login");
        put(&mut sql, format_args!("grant {role} to chancery_admin;"));
        if !row.writes.is_empty() {
            for setting in WRITER_SETTINGS {
                put(&mut sql, format_args!("alter role {role} set {setting};"));
            }
        }
    }
    sql.push_str("reset client_min_messages;\n");
    sql
}

/// A writer never waits long, and never holds the log's lock while its program thinks.
const WRITER_SETTINGS: [&str; 4] = [
    "lock_timeout = '2s'",
    "statement_timeout = '5s'",
    "idle_in_transaction_session_timeout = '1s'",
    "default_transaction_isolation = 'read committed'",
];

/// SQL that makes a service's schemas, for `chancery_admin` or a superuser; a repeat changes nothing.
///
/// `<service>` holds its tables, `api_<service>` the views that the gateway reads; its own role owns both.
#[must_use]
pub fn service_schemas_sql(service: Service) -> String {
    let role = service.role();
    let gateway = Service::Gateway.role();
    format!(
        "set client_min_messages = warning;
         create schema if not exists {service} authorization {role};
         create schema if not exists api_{service} authorization {role};
         grant usage on schema api_{service} to {gateway};
         alter default privileges for role {role} in schema api_{service} grant select on tables to {gateway};
         reset client_min_messages;\n"
    )
}

/// `create role` that may run twice, also at the same time in two databases of one cluster.
fn create_role(sql: &mut String, role: &str, options: &str) {
    put(
        sql,
        format_args!(
            "do $$ begin if not exists (select from pg_roles where rolname = '{role}') then create role {role} {options}; \
             end if; exception when duplicate_object or unique_violation then null; end $$;"
        ),
    );
}

fn put(sql: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    _ = writeln!(sql, "{line}");
}
