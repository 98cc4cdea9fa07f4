//! `chancery rebuild`: a read model again from the log, beside the one in use.
//!
//! The service that owns the read model does the work; here it is asked, and watched.

use std::time::Duration;

use clap::Args;
use contracts::{Service, service::TABLE};
use deadpool_postgres::Pool;
use indicatif::{ProgressBar, ProgressStyle};
use runtime::{database::DatabaseError, rebuild, secrets::Secrets};

use super::{
    failure::Failure,
    options::{self, ServerOptions},
    terminal,
};

/// Build a read model again from the log, beside the one in use
#[derive(Args, Debug)]
pub struct Rebuild {
    /// Name of a projection, or `all`
    projection: String,
    #[command(flatten)]
    options: ServerOptions,
}

/// The pause between two looks at how far it is.
const LOOK: Duration = Duration::from_millis(200);
/// After so many looks a service that has not begun is said to be awaited.
const UNTOUCHED: u64 = 25;

impl Rebuild {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let (config, _, _) = self.options.load()?;
        let endpoint = options::endpoint(&config)?;
        let secrets = Secrets::at(&config.server.secrets_dir);
        let (mut known, mut rebuilt) = (Vec::new(), 0);
        for service in TABLE.iter().filter(|row| row.projects).map(|row| row.service) {
            let pool = options::pool(&endpoint, &secrets, service, 1).await?;
            for name in projections(&pool, service).await? {
                if self.projection == "all" || self.projection == name {
                    follow(&pool, service, &name).await?;
                    rebuilt += 1;
                }
                known.push(name);
            }
        }
        if rebuilt > 0 {
            return Ok(());
        }
        let words =
            format!("there is no projection '{}'; there are: {}, all", self.projection, known.join(", "));
        Err(Failure::Usage(words))
    }
}

/// The projections of a service that are live.
async fn projections(pool: &Pool, service: Service) -> Result<Vec<String>, Failure> {
    let client = pool.get().await.map_err(DatabaseError::from)?;
    let table = format!("{service}.projection");
    let exists: bool = client.query_one("select to_regclass($1) is not null", &[&table]).await?.get(0);
    if !exists {
        return Ok(Vec::new());
    }
    let query = format!("select name from {table} where state = 'live' order by name");
    Ok(client.query(&query, &[]).await?.iter().map(|row| row.get(0)).collect())
}

/// Asks for a rebuild and shows how far the service is, until the new one is read.
async fn follow(pool: &Pool, service: Service, name: &str) -> Result<(), Failure> {
    let client = pool.get().await.map_err(DatabaseError::from)?;
    let Some(generation) = rebuild::request(&client, service, name).await? else { return Ok(()) };
    let head: i64 = client.query_one("select log.head(0::smallint)", &[]).await?.get(0);
    let bar =
        ProgressBar::new(u64::try_from(head).unwrap_or(0)).with_style(style()).with_message(name.to_owned());
    let query =
        format!("select state, position from {service}.projection where name = $1 and generation = $2");
    for look in 0u64.. {
        let row = client.query_opt(&query, &[&name, &generation]).await?;
        let Some(row) = row else {
            return Err(Failure::Other(format!("the rebuild of {name} was given up")));
        };
        let position = u64::try_from(row.get::<_, i64>(1)).unwrap_or(0);
        bar.set_position(position);
        if position == 0 && look == UNTOUCHED {
            let words = format!("{name}: {service} has not begun; it will when it runs");
            bar.suspend(|| terminal::note(&words));
        }
        if row.get::<_, String>(0) == "live" {
            bar.finish_and_clear();
            terminal::line(&format!("{name} was built again from {head} events (generation {generation})"));
            return Ok(());
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}

fn style() -> ProgressStyle {
    let template = "{msg}  {wide_bar} {human_pos}/{human_len} events, {per_sec}, {eta} left; {elapsed}";
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
