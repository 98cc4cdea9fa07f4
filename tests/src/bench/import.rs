//! A ZIP of certificates that others issued, imported in one call: how long it takes until each of them stands in the log, and
//! how long when all are known.

use std::{fs, path::Path, process::Command, time::Instant};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rcgen::{CertificateParams, KeyPair};
use serde_json::json;
use testkit::Installation;

use super::{Failure, line};

/// Prints the figures for an archive of `total` files.
pub async fn run(total: usize) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let archive = archive(folder.path(), total)?;
    let mut installation = Installation::up().await;
    let body = json!({"files": [{"name": "made.zip", "content": STANDARD.encode(&archive)}]});
    for expected in ["imported", "known"] {
        let began = Instant::now();
        let report = installation.https().post("/api/v1/imports", &body).await.expect(200).json();
        line(&format!(
            "import: {} of {total} certificates {expected} in {:.1} s, out of a ZIP of {:.1} MiB",
            report[expected],
            began.elapsed().as_secs_f64(),
            archive.len() as f64 / f64::from(1 << 20)
        ));
    }
    installation.stop().await;
    Ok(())
}

/// A ZIP with a certificate in each file.
fn archive(folder: &Path, total: usize) -> Result<Vec<u8>, Failure> {
    let key = KeyPair::generate()?;
    for number in 0..total {
        let certificate =
            CertificateParams::new(vec![format!("host-{number}.example.com")])?.self_signed(&key)?;
        fs::write(folder.join(format!("{number}.pem")), certificate.pem())?;
    }
    let script = "import glob, zipfile\nz = zipfile.ZipFile('made.zip', 'w', zipfile.ZIP_DEFLATED)\n\
                  [z.write(name) for name in glob.glob('*.pem')]\nz.close()";
    let made = Command::new("python3").args(["-c", script]).current_dir(folder).status()?;
    if !made.success() {
        return Err("python3 makes no ZIP".into());
    }
    Ok(fs::read(folder.join("made.zip"))?)
}
