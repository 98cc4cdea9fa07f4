//! How many certificates there are of each kind, kept as they come: figures of a million need not look at each.

use runtime::projection::{Generation, Scope, View};

/// What is counted apart, as columns with a value (`''` and the nil UUID for none), and what of a certificate it is. The day
/// a validity ends is UTC's.
const KINDS: [(&str, &str, &str); 9] = [
    ("organization", "uuid", "organization"),
    ("department", "uuid", "coalesce(department, '00000000-0000-0000-0000-000000000000'::uuid)"),
    ("profile_id", "uuid", "coalesce(profile_id, '00000000-0000-0000-0000-000000000000'::uuid)"),
    ("certificate_type", "text", "coalesce(certificate_type, '')"),
    ("issuer_name", "text", "left(issuer_name, 200)"),
    ("key_algorithm", "text", "key_algorithm"),
    ("origin", "text", "origin"),
    ("archived", "boolean", "archived_at is not null"),
    ("last_day", "date", "(not_after at time zone 'UTC')::date"),
];

/// The columns of a certificate that tell its kind.
pub(super) const COUNTED: &str = "organization, department, profile_id, certificate_type, issuer_name, key_algorithm, origin, \
     archived_at, not_after";

fn columns() -> String {
    KINDS.map(|(name, ..)| name).join(", ")
}

/// The table: a row per kind that there is.
pub(super) fn table(generation: &Generation) -> String {
    let table = generation.table("certificate_count");
    let columns: Vec<String> =
        KINDS.iter().map(|(name, kind, _)| format!("{name} {kind} not null")).collect();
    format!(
        "create table {table} ({}, certificates bigint not null, unique ({}));\n",
        columns.join(", "),
        self::columns()
    )
}

/// `api_inventory.certificate_count`: columns as those of `certificate`, and how many.
pub(super) fn view(generation: &Generation) -> View {
    View {
        name: "certificate_count",
        select: format!(
            "select organization, nullif(department, '00000000-0000-0000-0000-000000000000'::uuid) as department, \
             nullif(profile_id, '00000000-0000-0000-0000-000000000000'::uuid) as profile_id, \
             nullif(certificate_type, '') as certificate_type, issuer_name, key_algorithm, origin, archived, last_day, \
             certificates from {}",
            generation.table("certificate_count")
        ),
        scope: Scope::Organization("organization"),
    }
}

/// The end of a statement in which `rows` are certificates: each counts `by` in its kind.
pub(super) fn adding(generation: &Generation, rows: &str, by: &str) -> String {
    let (table, columns) = (generation.table("certificate_count"), columns());
    let values = KINDS.map(|(.., value)| value).join(", ");
    format!(
        "insert into {table} as kept ({columns}, certificates) \
         select {values}, sum({by}) from {rows} group by {places} \
         on conflict ({columns}) do update set certificates = kept.certificates + excluded.certificates",
        places = (1..=KINDS.len()).map(|place| place.to_string()).collect::<Vec<_>>().join(", ")
    )
}
