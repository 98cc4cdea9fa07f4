//! What lists ask of PostgreSQL.

use contracts::{Service, Timestamp};

use uuid::Uuid;

use super::*;
use crate::{operation::Operation, resources::domains::DOMAINS};

static VIEW: View = View {
    service: Service::Inventory,
    name: "certificate",
    kind: "certificate",
    prefix: "crt",
    fields: &[
        Field::text("commonName", "common_name").optional(),
        Field::word::<contracts::inventory::CertificateStatus>("status", "status"),
        Field::time("notAfter", "not_after"),
        Field::id("profileId", "profile_id", "prf").optional(),
    ],
    document: crate::view::part_of::<contracts::inventory::CertificateView>,
    rights: crate::view::Rights::CERTIFICATE,
    named: false,
    labelled: true,
    search: Some("names"),
    sort: "-createdAt",
};

fn select(text: &str) -> Result<Select<'static>, Problem> {
    let operation = VIEW.lists(Operation::get("/certificates", "listCertificates", ""));
    Select::of(&VIEW, &Query::read(Some(text), &operation).unwrap(), &Reach::EVERYTHING)
}

fn conditions(text: &str) -> (String, Vec<Value>) {
    let select = select(text).unwrap();
    let (_, rest) = select.sql.split_once(" where ").unwrap();
    (rest.split_once(" order by ").unwrap().0.to_owned(), select.values)
}

#[test]
fn a_list_without_parameters_is_newest_first() {
    let select = select("").unwrap();
    assert_eq!(
        select.sql,
        "select id, version, document::text, created_at, id from api_inventory.certificate \
         order by created_at desc, id desc limit 51"
    );
}

#[test]
fn filters_become_conditions_and_values_parameters() {
    let time = |text: &str| text.parse::<Timestamp>().unwrap().0;
    for (text, sql, values) in [
        (
            "status=active,expired",
            "status = any($1::text[])",
            vec![Value::Texts(vec!["active".into(), "expired".into()])],
        ),
        (
            "status[ne]=active",
            "(status = any($1::text[])) is not true",
            vec![Value::Texts(vec!["active".into()])],
        ),
        (
            "notAfter[lt]=2027-01-01T00:00:00Z",
            "not_after < $1::timestamptz",
            vec![Value::Time(time("2027-01-01T00:00:00Z"))],
        ),
        (
            "commonName[contains]=50%25_a",
            "common_name ilike $1::text",
            vec![Value::Text(r"%50\%\_a%".into())],
        ),
        ("commonName[startsWith]=a'b", "common_name ilike $1::text", vec![Value::Text("a'b%".into())]),
        ("commonName[exists]=false", "common_name is null", vec![]),
        ("q=shop", "search ilike $1::text", vec![Value::Text("%shop%".into())]),
        ("labels.env=prod", "(labels @> $1::text::jsonb)", vec![Value::Text(r#"{"env":"prod"}"#.into())]),
        (
            "labels.env=prod,a'b",
            "(labels @> $1::text::jsonb or labels @> $2::text::jsonb)",
            vec![Value::Text(r#"{"env":"prod"}"#.into()), Value::Text(r#"{"env":"a'b"}"#.into())],
        ),
        ("labels.a.b[exists]=true", "labels ->> $1::text is not null", vec![Value::Text("a.b".into())]),
        (
            "profileId=00000000-0000-0000-0000-000000000007",
            "profile_id = any($1::uuid[]) and \
             coalesce(profile_id, '00000000-0000-0000-0000-000000000000'::uuid) = any($1::uuid[])",
            vec![Value::Ids(vec![Uuid::from_u128(7)])],
        ),
    ] {
        assert_eq!(conditions(text), (sql.to_owned(), values), "{text}");
    }
}

#[test]
fn a_page_goes_on_where_the_one_before_ended() {
    let first = select("sort=-notAfter,commonName&limit=10").unwrap();
    let keys = ["2027-01-01T00:00:00Z", "shop", "00000000-0000-0000-0000-000000000007"].map(str::to_owned);
    let cursor = cursor::write(first.binding, &keys);
    let (sql, values) = conditions(&format!("limit=20&sort=-notAfter,commonName&cursor={cursor}"));
    assert_eq!(
        sql,
        "(not_after <= $1::timestamptz and (not_after < $1::timestamptz or \
         left(coalesce(common_name, ''), 200) >= $2::text and (left(coalesce(common_name, ''), 200) > $2::text or id > $3::uuid)))"
    );
    let cursor =
        cursor::write(select("sort=-notAfter").unwrap().binding, &[&keys[0], &keys[2]].map(Clone::clone));
    let (sql, _) = conditions(&format!("sort=-notAfter&cursor={cursor}"));
    assert_eq!(
        sql, "(not_after, id) < ($1::timestamptz, $2::uuid)",
        "one way for all: an index finds the place"
    );
    assert_eq!(values[2], Value::Id(Uuid::from_u128(7)));
    let forged = cursor::write(first.binding, &["x", "y", "z"].map(str::to_owned));
    let problem = select(&format!("sort=-notAfter,commonName&cursor={forged}")).unwrap_err();
    assert_eq!(problem.code, Code::InvalidCursor);
}

#[test]
fn rows_without_a_value_come_first() {
    let order = |text: &str| select(text).unwrap().sql.rsplit(" order by ").next().unwrap().to_owned();
    assert_eq!(
        order("sort=profileId"),
        "coalesce(profile_id, '00000000-0000-0000-0000-000000000000'::uuid), id limit 51"
    );
    assert_eq!(order("sort=-commonName"), "left(coalesce(common_name, ''), 200) desc, id desc limit 51");
}

#[test]
fn what_cannot_be_filtered_or_sorted_by_is_refused() {
    for (text, code) in [
        ("sort=color", Code::MalformedRequest),
        ("sort=labels", Code::MalformedRequest),
        ("profileId=crt_00000000000000000000000007", Code::WrongIdType),
        ("profileId=x", Code::MalformedRequest),
        ("labels.env[gt]=a", Code::MalformedRequest),
    ] {
        assert_eq!(select(text).unwrap_err().code, code, "{text}");
    }
    let problem = select("sort=-notaftr").unwrap_err();
    assert!(problem.errors[0].detail.contains("did you mean 'notAfter'?"), "{}", problem.errors[0].detail);
}

#[test]
fn what_the_caller_does_not_reach_is_left_out() {
    let operation = VIEW.lists(Operation::get("/certificates", "listCertificates", ""));
    let query = Query::read(Some("status=active"), &operation).unwrap();
    let condition = (
        "id = any($::uuid[]) or department = $::uuid".to_owned(),
        vec![Value::Ids(vec![]), Value::Id(Uuid::nil())],
    );
    let reach = Reach { scope: runtime::database::Scope::All, condition: Some(condition) };
    let select = Select::of(&VIEW, &query, &reach).unwrap();
    assert!(
        select
            .sql
            .contains(" where (id = any($1::uuid[]) or department = $2::uuid) and status = any($3::text[]) "),
        "{}",
        select.sql
    );
}

#[test]
fn organizations_that_the_caller_does_not_reach_are_not_looked_for() {
    use contracts::OrganizationId;
    use runtime::database::Scope;

    let (own, foreign) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let reach = Reach { scope: Scope::Organizations(vec![OrganizationId(own)]), condition: None };
    let operation = DOMAINS.lists(Operation::get("/domains", "listDomains", ""));
    let values = |reach: &Reach, filter: &str| {
        let text = format!("{filter}={},{}", OrganizationId(own), OrganizationId(foreign));
        Select::of(&DOMAINS, &Query::read(Some(&text), &operation).unwrap(), reach).unwrap().values
    };
    for filter in ["organizationId", "organizationId%5Bne%5D"] {
        assert_eq!(values(&reach, filter), [Value::Ids(vec![own])]);
        assert_eq!(values(&Reach::EVERYTHING, filter), [Value::Ids(vec![own, foreign])]);
    }
}

#[test]
fn every_word_has_its_meaning_or_none_has() {
    for field in crate::resources::certificates::CERTIFICATES.fields() {
        let crate::view::FieldKind::Word(schema) = field.kind else { continue };
        let words = crate::view::words(&schema(&mut schemars::SchemaGenerator::default()));
        let mut meant: Vec<&str> = field.meaning.iter().map(|(word, _)| *word).collect();
        meant.sort_unstable();
        let mut words: Vec<&str> = words.iter().map(String::as_str).collect();
        words.sort_unstable();
        assert!(meant.is_empty() || meant == words, "{}: {meant:?} of {words:?}", field.name);
    }
}
