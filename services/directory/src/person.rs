//! What administrators are called and where mail reaches them: beside the log, so that it can be erased (K-8).

use contracts::{AdministratorId, Problem};
use deadpool_postgres::Pool;
use runtime::error::words;

/// What is known of a person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Person {
    /// What people call them.
    pub display_name: Option<String>,
    /// Where mail reaches them.
    pub email: Option<String>,
}

impl Person {
    /// The same, with what is given in its place; what is given as empty is taken away.
    pub fn changed(&self, display_name: Option<String>, email: Option<String>) -> Self {
        let text = |now: &Option<String>, change: Option<String>| {
            change.or_else(|| now.clone()).filter(|text| !text.is_empty())
        };
        Self { display_name: text(&self.display_name, display_name), email: text(&self.email, email) }
    }

    /// The names of the fields in which another differs.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let fields =
            [("displayName", self.display_name == other.display_name), ("email", self.email == other.email)];
        fields.iter().filter(|(_, same)| !same).map(|(field, _)| (*field).to_owned()).collect()
    }
}

/// The table `directory.person`.
pub struct People {
    pool: Pool,
}

impl People {
    /// The table behind this pool.
    pub fn new(pool: Pool) -> Self {
        Self { pool }
    }

    /// Who an administrator is; nothing is known of one who was erased.
    pub async fn find(&self, administrator: AdministratorId) -> Result<Person, Problem> {
        let client = self.pool.get().await.map_err(away)?;
        let statement = client
            .prepare_cached("select display_name, email from directory.person where administrator = $1")
            .await
            .map_err(away)?;
        let row = client.query_opt(&statement, &[&administrator.uuid()]).await.map_err(away)?;
        Ok(row.map_or_else(Person::default, |row| Person { display_name: row.get(0), email: row.get(1) }))
    }

    /// Keeps who an administrator is.
    pub async fn keep(&self, administrator: AdministratorId, person: &Person) -> Result<(), Problem> {
        let client = self.pool.get().await.map_err(away)?;
        let statement = client
            .prepare_cached(
                "insert into directory.person (administrator, display_name, email) values ($1, $2, $3) \
                 on conflict (administrator) do update set display_name = excluded.display_name, email = excluded.email",
            )
            .await
            .map_err(away)?;
        let values: [&(dyn tokio_postgres::types::ToSql + Sync); 3] =
            [&administrator.uuid(), &person.display_name, &person.email];
        client.execute(&statement, &values).await.map_err(away)?;
        Ok(())
    }

    /// Forgets who an administrator was.
    pub async fn erase(&self, administrator: AdministratorId) -> Result<(), Problem> {
        let client = self.pool.get().await.map_err(away)?;
        let statement = client
            .prepare_cached("delete from directory.person where administrator = $1")
            .await
            .map_err(away)?;
        client.execute(&statement, &[&administrator.uuid()]).await.map_err(away)?;
        Ok(())
    }
}

/// What the caller reads when the table cannot be reached. The cause goes to the log alone.
pub fn away(error: impl std::error::Error) -> Problem {
    tracing::warn!(error = words(&error), "a table of the directory cannot be reached");
    Problem::unavailable("the directory's tables cannot be reached at the moment; try again")
}
