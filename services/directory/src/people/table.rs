//! The table `directory.person_details`.

use contracts::{OrganizationId, PersonId, Problem};
use deadpool_postgres::{Object, Pool};
use tokio_postgres::Row;
use uuid::Uuid;

use super::details::Details;
use crate::person::away;

const COLUMNS: &str = "id, organization, email, first_name, middle_name, last_name, alternative_emails, secret_id is not null, import";

/// What the table says of a person.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Who.
    pub id: PersonId,
    /// Of which organization.
    pub organization: OrganizationId,
    /// Names and addresses.
    pub details: Details,
    /// Whether there is a word by which they are recognized.
    pub has_secret_id: bool,
    /// The import that added them.
    pub import: Option<Uuid>,
}

/// A person to be kept.
#[derive(Clone, Debug)]
pub struct Keep {
    /// Who.
    pub id: PersonId,
    /// Of which organization.
    pub organization: OrganizationId,
    /// Names and addresses.
    pub details: Details,
    /// The kept form of the word by which they are recognized.
    pub secret_id: Option<String>,
    /// The import that adds them.
    pub import: Option<Uuid>,
}

/// What becomes of the word by which a person is recognized.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretChange {
    /// It stays.
    Stays,
    /// It is this, in its kept form, or none.
    Becomes(Option<String>),
}

/// The table.
#[derive(Clone)]
pub struct DetailsTable {
    pool: Pool,
}

impl DetailsTable {
    /// The table behind this pool.
    pub fn new(pool: Pool) -> Self {
        Self { pool }
    }

    /// Who a person is; nothing is known of one who was erased.
    pub async fn find(&self, person: PersonId) -> Result<Option<Kept>, Problem> {
        let sql = format!("select {COLUMNS} from directory.person_details where id = $1");
        let client = self.client().await?;
        let statement = client.prepare_cached(&sql).await.map_err(away)?;
        let row = client.query_opt(&statement, &[&person.uuid()]).await.map_err(away)?;
        Ok(row.as_ref().map(kept))
    }

    /// Those with these addresses in their organizations.
    pub async fn with_emails(&self, emails: &[(OrganizationId, &str)]) -> Result<Vec<Kept>, Problem> {
        let organizations: Vec<Uuid> = emails.iter().map(|(organization, _)| organization.uuid()).collect();
        let emails: Vec<&str> = emails.iter().map(|(_, email)| *email).collect();
        let sql = format!(
            "select {COLUMNS} from directory.person_details where (organization, lower(email)) in \
             (select organization, lower(email) from unnest($1::uuid[], $2::text[]) as x(organization, email))"
        );
        let client = self.client().await?;
        let statement = client.prepare_cached(&sql).await.map_err(away)?;
        let rows = client.query(&statement, &[&organizations, &emails]).await.map_err(away)?;
        Ok(rows.iter().map(kept).collect())
    }

    /// Keeps persons, all or none; what was kept of them is replaced.
    pub async fn keep(&self, people: &[Keep]) -> Result<(), Problem> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(away)?;
        let statement = transaction
            .prepare_cached(
                "insert into directory.person_details (id, organization, email, first_name, middle_name, last_name, \
                 alternative_emails, secret_id, import) values ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
                 on conflict (id) do update set email = excluded.email, first_name = excluded.first_name, \
                 middle_name = excluded.middle_name, last_name = excluded.last_name, \
                 alternative_emails = excluded.alternative_emails, secret_id = excluded.secret_id, \
                 import = excluded.import",
            )
            .await
            .map_err(away)?;
        for person in people {
            let details = &person.details;
            let values: [&(dyn tokio_postgres::types::ToSql + Sync); 9] = [
                &person.id.uuid(),
                &person.organization.uuid(),
                &details.email,
                &details.first_name,
                &details.middle_name,
                &details.last_name,
                &details.alternative_emails,
                &person.secret_id,
                &person.import,
            ];
            transaction.execute(&statement, &values).await.map_err(away)?;
        }
        transaction.commit().await.map_err(away)
    }

    /// Changes what is kept of a person.
    pub async fn change(
        &self,
        person: PersonId,
        details: &Details,
        secret: &SecretChange,
    ) -> Result<(), Problem> {
        let (changes, becomes) = match secret {
            SecretChange::Stays => (false, None),
            SecretChange::Becomes(becomes) => (true, becomes.as_deref()),
        };
        let client = self.client().await?;
        let statement = client
            .prepare_cached(
                "update directory.person_details set email = $2, first_name = $3, middle_name = $4, last_name = $5, \
                 alternative_emails = $6, secret_id = case when $7 then $8 else secret_id end where id = $1",
            )
            .await
            .map_err(away)?;
        let values: [&(dyn tokio_postgres::types::ToSql + Sync); 8] = [
            &person.uuid(),
            &details.email,
            &details.first_name,
            &details.middle_name,
            &details.last_name,
            &details.alternative_emails,
            &changes,
            &becomes,
        ];
        client.execute(&statement, &values).await.map_err(away)?;
        Ok(())
    }

    /// Forgets who a person was.
    pub async fn erase(&self, person: PersonId) -> Result<(), Problem> {
        let client = self.client().await?;
        let statement = client
            .prepare_cached("delete from directory.person_details where id = $1")
            .await
            .map_err(away)?;
        client.execute(&statement, &[&person.uuid()]).await.map_err(away)?;
        Ok(())
    }

    /// Forgets those whom the log says to be erased: whoever erases them may be cut off in between.
    pub async fn forget_erased(&self) -> Result<u64, Problem> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(away)?;
        transaction.execute("select set_config('chancery.scope', '*', true)", &[]).await.map_err(away)?;
        let forget = "delete from directory.person_details where id in \
                      (select id from api_directory.person where status = 'erased')";
        let forgotten = transaction.execute(forget, &[]).await.map_err(away)?;
        transaction.commit().await.map_err(away)?;
        Ok(forgotten)
    }

    async fn client(&self) -> Result<Object, Problem> {
        self.pool.get().await.map_err(away)
    }
}

fn kept(row: &Row) -> Kept {
    Kept {
        id: PersonId(row.get(0)),
        organization: OrganizationId(row.get(1)),
        details: Details {
            email: row.get(2),
            first_name: row.get(3),
            middle_name: row.get(4),
            last_name: row.get(5),
            alternative_emails: row.get(6),
        },
        has_secret_id: row.get(7),
        import: row.get(8),
    }
}
