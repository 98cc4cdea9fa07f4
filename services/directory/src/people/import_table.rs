//! The tables `directory.person_import` and `directory.person_import_part`: lines that wait, and how far they are.

use bus::Context;
use contracts::{
    Actor, OperationId, OrganizationId, Problem,
    directory::{AddPerson, ImportPeople, LineError, PersonImportCompleted},
};
use deadpool_postgres::{Object, Pool};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use crate::person::away;

/// Most errors of an import that are told.
const TOLD: usize = 1_000;

/// A line as it waits: the word by which the person is recognized is hashed already.
#[derive(Debug, Serialize, Deserialize)]
pub struct Waiting {
    /// Its number.
    pub line: u32,
    /// What it says.
    pub person: AddPerson,
    /// The kept form of the word.
    pub secret_id: Option<String>,
}

/// An import that is not at its end.
#[derive(Debug)]
pub struct Open {
    /// Which.
    pub id: Uuid,
    /// In which organization it was begun.
    pub organization: OrganizationId,
    /// By whom.
    pub actor: Actor,
    /// The part that is next.
    pub next: i32,
    /// How many there are.
    pub parts: i32,
    /// Lines to work off.
    pub lines: u32,
    /// Lines that could not be read.
    pub unreadable: u32,
}

/// What became of a part.
#[derive(Debug, Default)]
pub struct Worked {
    /// Persons that it added.
    pub added: u32,
    /// Lines of persons who were there.
    pub existing: u32,
    /// What is wrong with the others.
    pub errors: Vec<LineError>,
}

impl Worked {
    /// How many lines were refused; one may have several errors.
    pub fn refused(&self) -> u32 {
        let mut lines: Vec<u32> = self.errors.iter().map(|error| error.line).collect();
        lines.dedup();
        u32::try_from(lines.len()).unwrap_or(u32::MAX)
    }
}

/// The tables.
#[derive(Clone)]
pub struct ImportTable {
    pool: Pool,
}

impl ImportTable {
    /// The tables behind this pool.
    pub fn new(pool: Pool) -> Self {
        Self { pool }
    }

    /// Keeps a part of an import that has not begun; one that has stays as it is.
    pub async fn stage(&self, import: OperationId, part: u32, lines: &[Waiting]) -> Result<(), Problem> {
        let sql = "insert into directory.person_import_part (import, part, lines) \
                   select $1::uuid, $2::int, $3::jsonb where not exists (select from directory.person_import where id = $1) \
                   on conflict (import, part) do update set lines = excluded.lines, kept_at = now()";
        let (part, lines) = (number(part), json!(lines));
        self.client().await?.execute(sql, &[&import.uuid(), &part, &lines]).await.map_err(away)?;
        Ok(())
    }

    /// Whether every part of an import is kept.
    pub async fn is_whole(&self, import: Uuid, parts: u32) -> Result<bool, Problem> {
        let sql = "select count(*) from directory.person_import_part where import = $1 and part < $2";
        let row = self.client().await?.query_one(sql, &[&import, &number(parts)]).await.map_err(away)?;
        Ok(row.get::<_, i64>(0) == i64::from(parts))
    }

    /// Whether an import has begun.
    pub async fn is_begun(&self, import: Uuid) -> Result<bool, Problem> {
        let sql = "select exists (select from directory.person_import where id = $1)";
        let row = self.client().await?.query_one(sql, &[&import]).await.map_err(away)?;
        Ok(row.get(0))
    }

    /// Begins an import. A repeat changes nothing.
    pub async fn begin(&self, context: &Context, command: &ImportPeople) -> Result<(), Problem> {
        let sql = "insert into directory.person_import (id, organization, actor, parts, lines, unreadable, started_at, \
                   refused, errors) values ($1, $2, $3, $4, $5, $6, now(), $6, $7) on conflict (id) do nothing";
        let told = &command.errors[..command.errors.len().min(TOLD)];
        let (actor, unreadable) = (context.actor.to_string(), number(command.unreadable));
        let (parts, lines, errors) = (number(command.parts), number(command.lines), json!(told));
        let (id, organization) = (context.command_id, context.tenant.uuid());
        let values: [&(dyn tokio_postgres::types::ToSql + Sync); 7] =
            [&id, &organization, &actor, &parts, &lines, &unreadable, &errors];
        self.client().await?.execute(sql, &values).await.map_err(away)?;
        Ok(())
    }

    /// The imports that are not at their end, the oldest first.
    pub async fn open(&self) -> Result<Vec<Open>, Problem> {
        let sql = "select id, organization, actor, next, parts, lines, unreadable from directory.person_import where not finished \
                   order by started_at limit 100";
        let rows = self.client().await?.query(sql, &[]).await.map_err(away)?;
        let open = rows.iter().filter_map(|row| {
            Some(Open {
                id: row.get(0),
                organization: OrganizationId(row.get(1)),
                actor: row.get::<_, String>(2).parse().ok()?,
                next: row.get(3),
                parts: row.get(4),
                lines: u32::try_from(row.get::<_, i32>(5)).unwrap_or(0),
                unreadable: u32::try_from(row.get::<_, i32>(6)).unwrap_or(0),
            })
        });
        Ok(open.collect())
    }

    /// The lines of a part; none if it was worked off.
    pub async fn part(&self, import: Uuid, part: i32) -> Result<Vec<Waiting>, Problem> {
        let sql = "select lines from directory.person_import_part where import = $1 and part = $2";
        let row = self.client().await?.query_opt(sql, &[&import, &part]).await.map_err(away)?;
        let Some(row) = row else { return Ok(vec![]) };
        serde_json::from_value(row.get(0)).map_err(|error| {
            tracing::error!(%error, subject = %import, sequence = part, "lines of an import cannot be read");
            Problem::internal()
        })
    }

    /// Notes what became of a part, once, and forgets its lines.
    pub async fn worked(&self, import: Uuid, part: i32, worked: &Worked) -> Result<(), Problem> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(away)?;
        let note = "update directory.person_import set next = next + 1, added = added + $3, existing = existing + $4, \
                    refused = refused + $5, done = done + $3 + $4 + $5, \
                    errors = case when jsonb_array_length(errors) < $7 then errors || $6 else errors end \
                    where id = $1 and next = $2";
        let errors = json!(worked.errors);
        let (added, existing, refused) =
            (number(worked.added), number(worked.existing), number(worked.refused()));
        let most = i32::try_from(TOLD).unwrap_or(i32::MAX);
        let values: [&(dyn tokio_postgres::types::ToSql + Sync); 7] =
            [&import, &part, &added, &existing, &refused, &errors, &most];
        transaction.execute(note, &values).await.map_err(away)?;
        let forget = "delete from directory.person_import_part where import = $1 and part = $2";
        transaction.execute(forget, &[&import, &part]).await.map_err(away)?;
        transaction.commit().await.map_err(away)
    }

    /// What came of an import.
    pub async fn sum(&self, import: Uuid) -> Result<PersonImportCompleted, Problem> {
        let sql = "select added, existing, refused from directory.person_import where id = $1";
        let row = self.client().await?.query_one(sql, &[&import]).await.map_err(away)?;
        let count = |at: usize| u32::try_from(row.get::<_, i32>(at)).unwrap_or(0);
        Ok(PersonImportCompleted { added: count(0), existing: count(1), refused: count(2) })
    }

    /// Notes that an import is at its end.
    pub async fn finish(&self, import: Uuid) -> Result<(), Problem> {
        let sql = "update directory.person_import set finished = true where id = $1";
        self.client().await?.execute(sql, &[&import]).await.map_err(away)?;
        Ok(())
    }

    /// Forgets lines whose import never began: whoever sent them was cut off a day ago.
    pub async fn forget_abandoned(&self) -> Result<u64, Problem> {
        let sql = "delete from directory.person_import_part p where kept_at < now() - interval '1 day' \
                   and not exists (select from directory.person_import i where i.id = p.import)";
        self.client().await?.execute(sql, &[]).await.map_err(away)
    }

    async fn client(&self) -> Result<Object, Problem> {
        self.pool.get().await.map_err(away)
    }
}

fn number(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}
