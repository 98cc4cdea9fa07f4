//! Certificates from P-256 CSRs over HTTPS: how many, how fast, at what cost; how soon their events arrive; what the
//! process holds in memory; how long the next start takes.

use std::{
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use bus::{Bus, BusOptions, LogMessages};
use contracts::Service;
use runtime::clock::{Clock as _, SystemClock};
use testkit::Installation;

use super::{
    Failure,
    figures::{self, Latencies},
    line,
    load::{self, Target},
};

/// Names in the command lines of the processes that a certificate costs.
const SERVERS: &[&str] = &["chancery up", "postgres", "nats-server"];

/// Prints the figures for `total` certificates by 64 clients.
pub async fn run(total: usize) -> Result<(), Failure> {
    let mut installation = Installation::up().await;
    let target = target(&installation)?;
    let csrs = Arc::new(csrs(64)?);
    let pid = installation.pid("up");
    let synced = figures::sync_time(&installation.data_dir())?;
    line(&format!("disk: a 4 KiB write with fdatasync takes {:.2} ms", millis(synced)));
    line(&format!("memory: {:.0} MiB after the start", figures::resident_mib(pid)));

    let mut alone = load::issue(&target, 1, 500, csrs.clone()).await?;
    line(&format!(
        "1 client: p50 {:.2} ms, p99 {:.2} ms",
        millis(alone.latencies.percentile(0.5)),
        millis(alone.latencies.percentile(0.99)),
    ));
    delivery(&installation, &target, csrs.clone()).await?;

    load::issue(&target, 64, 2_000, csrs.clone()).await?; // connections, caches and plans are warm after this
    let before = figures::cpu_seconds(SERVERS);
    let mut many = load::issue(&target, 64, total, csrs).await?;
    let each = (figures::cpu_seconds(SERVERS) - before) / total as f64;
    line(&format!(
        "64 clients: {:.0} certificates/s, p50 {:.1} ms, p99 {:.1} ms, {:.2} ms of CPU each, {} of {total} issued",
        many.issued as f64 / many.elapsed.as_secs_f64(),
        millis(many.latencies.percentile(0.5)),
        millis(many.latencies.percentile(0.99)),
        each * 1e3,
        many.issued,
    ));
    line(&format!("memory: {:.0} MiB after {total} certificates", figures::resident_mib(pid)));

    installation.stop().await;
    let began = Instant::now();
    installation.start().await;
    let events = 3 * (total + 2_500);
    line(&format!(
        "second start: ready after {:.1} s with about {events} events",
        began.elapsed().as_secs_f64()
    ));
    installation.stop().await;
    Ok(())
}

/// 500 events a second for ten seconds: from the log's own time of each to its arrival at a subscriber.
async fn delivery(
    installation: &Installation,
    target: &Target,
    csrs: Arc<Vec<String>>,
) -> Result<(), Failure> {
    let seed = installation.secrets().nats_seed(Service::Inventory.into())?;
    let options = BusOptions::new(installation.nats_url(), Service::Inventory, seed.reveal(), || {
        SystemClock::default().now()
    });
    let bus = Bus::connect(options).await?;
    let head = head(installation).await?;
    let mut messages = LogMessages::subscribe(&bus, None, head + 1).await?;
    let load = tokio::spawn(paced(target.clone(), csrs));
    let mut delays = Latencies::default();
    let end = Instant::now() + Duration::from_secs(9);
    while Instant::now() < end {
        let Ok(batch) = tokio::time::timeout(Duration::from_secs(1), messages.next(100)).await else {
            continue;
        };
        let now = SystemClock::default().now();
        delays.extend(batch?.iter().map(|message| (now.0 - message.event.recorded_at.0).unsigned_abs()));
    }
    load.await??;
    line(&format!(
        "delivery at 500 events/s: p50 {:.1} ms, p99 {:.1} ms from commit to subscriber",
        millis(delays.percentile(0.5)),
        millis(delays.percentile(0.99))
    ));
    Ok(())
}

/// 500 events a second are 167 certificates.
async fn paced(target: Target, csrs: Arc<Vec<String>>) -> Result<(), Failure> {
    let mut tick = tokio::time::interval(Duration::from_millis(60));
    for _ in 0..167 {
        tick.tick().await;
        load::issue(&target, 1, 10, csrs.clone()).await?;
    }
    Ok(())
}

async fn head(installation: &Installation) -> Result<i64, Failure> {
    let password = installation.secrets().database_password("chancery_relay")?;
    let client = installation.endpoint().connect("chancery_relay", &password).await?;
    let row = client
        .query_one("select coalesce(max(position), 0) from log.read(0::smallint, 0, null, 1000000)", &[])
        .await?;
    Ok(row.get(0))
}

fn target(installation: &Installation) -> Result<Target, Failure> {
    use rustls_pki_types::{CertificateDer, pem::PemObject as _};
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(installation.ca_file())? {
        roots.add(certificate?)?;
    }
    let tls = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let address = installation.address().trim_start_matches("https://").to_owned();
    Ok(Target { address, tls: Arc::new(tls), token: installation.token() })
}

/// CSRs as openssl makes them.
fn csrs(count: usize) -> Result<Vec<String>, Failure> {
    (0..count)
        .map(|number| {
            let output = Command::new("openssl")
                .args(["req", "-new", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"])
                .args(["-keyout", "/dev/null", "-subj", &format!("/CN=host-{number}.example.com")])
                .output()?;
            Ok(String::from_utf8(output.stdout)?)
        })
        .collect()
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
