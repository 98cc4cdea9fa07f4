//! Uploaded files are read in a process of their own (P-1): the same program, with an empty environment, little memory, few
//! seconds and no way to open anything. What comes back is what may be known of a file; private keys do not.
//!
//! [`read`] is the side that asks. [`answer`] is the other one: bytes in, bytes out.

use std::{process::Stdio, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use contracts::{Code, Problem, SecretText};
use pki::{
    file::{self, Contents, FileError, Format, Passphrases, key_ring},
    spki,
};
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    process::Command,
    sync::Semaphore,
};
use zeroize::Zeroizing;

/// The hidden command of the program that reads one file from its standard input.
pub const COMMAND: &str = "read-file";
/// How long reading a file may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// More than is ever found in a file that is read.
const MOST_ANSWERED: u64 = 256 << 20;
/// How many files are read at once.
static AT_ONCE: Semaphore = Semaphore::const_new(2);

/// What a file holds.
#[derive(Debug, Serialize, Deserialize)]
pub struct Found {
    /// Its format.
    pub format: Format,
    /// The certificates, DER in base64.
    pub certificates: Vec<String>,
    /// The private keys, by their public halves.
    pub keys: Vec<FoundKey>,
    /// How many CSRs.
    pub requests: usize,
    /// What a user should know.
    pub notes: Vec<String>,
    /// What was not read.
    pub faults: Vec<Fault>,
    /// The files of an archive.
    pub members: Vec<Member>,
}

/// A private key, which stayed where it was read.
#[derive(Debug, Serialize, Deserialize)]
pub struct FoundKey {
    /// Kind and size, such as `rsa_2048`.
    pub algorithm: String,
    /// SHA-256 of its public half, hexadecimal.
    pub spki_sha256: String,
}

/// A file of an archive.
#[derive(Debug, Serialize, Deserialize)]
pub struct Member {
    /// Its name, to show.
    pub name: String,
    /// What it holds.
    pub found: Result<Found, Fault>,
}

/// Why something was not read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    /// A stable code, such as `wrong_passphrase`.
    pub code: String,
    /// Words, with the place.
    pub detail: String,
}

#[derive(Deserialize)]
struct Asked {
    passphrases: Vec<String>,
    length: usize,
}

/// Reads a file elsewhere. Errors: `service_unavailable` when no process can be had.
pub async fn read(file: &[u8], passphrases: &[SecretText]) -> Result<Result<Found, Fault>, Problem> {
    let away = |error: std::io::Error| {
        tracing::warn!(%error, "no process to read a file with");
        Problem::new(Code::ServiceUnavailable, "the file cannot be read at the moment; try again")
    };
    let _place = AT_ONCE.acquire().await;
    let program = std::env::current_exe().map_err(away)?;
    let mut child = Command::new(program)
        .arg(COMMAND)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(away)?;
    let told: Vec<&str> = passphrases.iter().map(SecretText::reveal).collect();
    let asked =
        Zeroizing::new(serde_json::json!({"passphrases": told, "length": file.len()}).to_string() + "\n");
    let talk = async {
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(asked.as_bytes()).await?;
            stdin.write_all(file).await?;
        }
        let mut answer = vec![];
        if let Some(stdout) = child.stdout.take() {
            stdout.take(MOST_ANSWERED).read_to_end(&mut answer).await?;
        }
        child.wait().await?;
        Ok::<_, std::io::Error>(answer)
    };
    let answer = match tokio::time::timeout(PATIENCE, talk).await {
        Ok(Ok(answer)) => answer,
        // It ended before it had taken everything, or took too long.
        Ok(Err(_)) | Err(_) => vec![],
    };
    let beyond = Fault {
        code: "file_too_costly".to_owned(),
        detail: "reading the file takes more time or memory than a file is given".to_owned(),
    };
    Ok(serde_json::from_slice(&answer).unwrap_or(Err(beyond)))
}

/// What the process answers to what it was given; nothing where that was cut off.
#[must_use]
pub fn answer(input: &[u8]) -> Vec<u8> {
    let Some(end) = input.iter().position(|byte| *byte == b'\n') else { return vec![] };
    let (asked, file) = (serde_json::from_slice::<Asked>(&input[..end]), &input[end + 1..]);
    let Some(asked) = asked.ok().filter(|asked| asked.length == file.len()) else { return vec![] };
    let result = found(file::read(file, &Passphrases::new(asked.passphrases)));
    serde_json::to_vec(&result).unwrap_or_default()
}

fn found(result: Result<Contents, FileError>) -> Result<Found, Fault> {
    let contents = result.map_err(|error| Fault::of(&error, None))?;
    let mut notes: Vec<String> = contents.notes.iter().map(ToString::to_string).collect();
    notes.extend(missing_issuers(&contents));
    let mut faults: Vec<Fault> =
        contents.problems.iter().map(|problem| Fault::of(&problem.error, Some(&problem.place))).collect();
    let strangers = contents.keys.iter().filter(|key| contents.certificate_of(key).is_none());
    if !contents.certificates.is_empty() && strangers.count() > 0 {
        let detail = "a private key in the file belongs to none of its certificates".to_owned();
        faults.push(Fault { code: Code::KeyMismatch.as_str().to_owned(), detail });
    }
    Ok(Found {
        format: contents.format,
        certificates: contents
            .certificates
            .iter()
            .map(|one| STANDARD.encode(one.certificate.der()))
            .collect(),
        keys: contents.keys.iter().map(FoundKey::of).collect(),
        requests: contents.requests.len(),
        notes,
        faults,
        members: contents
            .members
            .into_iter()
            .map(|member| Member { name: member.name, found: found(member.result) })
            .collect(),
    })
}

/// Whose certificates would be needed above those that the file has.
fn missing_issuers(contents: &Contents) -> Vec<String> {
    let all = || contents.certificates.iter().map(|found| &found.certificate);
    let missing = all().filter(|certificate| {
        !certificate.is_ca()
            && !certificate.is_self_issued()
            && !all().any(|one| one.subject_der() == certificate.issuer_der())
    });
    missing.map(|one| format!("the issuer's certificate '{}' is not in the file", one.issuer())).collect()
}

impl FoundKey {
    fn of(found: &file::FoundKey) -> Self {
        let spki_sha256 = hex::encode(spki::spki_sha256(found.key.spki()));
        Self { algorithm: found.key.describe().0, spki_sha256 }
    }
}

impl Fault {
    fn of(error: &FileError, place: Option<&str>) -> Self {
        let detail = place.map_or_else(|| error.to_string(), |place| format!("{place}: {error}"));
        Self { code: error.code().to_owned(), detail }
    }

    /// The same with what to do about it, for a file of this name.
    #[must_use]
    pub fn about(self, file_name: &str) -> Self {
        if self.code != FileError::KeyRing.code() {
            return self;
        }
        let steps = key_ring::steps(file_name).join("; ");
        Self { detail: format!("{}: {steps}; then import what they wrote", self.detail), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(file: &[u8], length: usize) -> Vec<u8> {
        [format!("{{\"passphrases\":[],\"length\":{length}}}\n").as_bytes(), file].concat()
    }

    #[test]
    fn what_is_read_is_answered_and_what_is_cut_off_is_not() {
        let answered: Result<Found, Fault> = serde_json::from_slice(&answer(&asked(b"hello", 5))).unwrap();
        assert_eq!(answered.unwrap_err().code, "file_unrecognized");
        assert_eq!(answer(&asked(b"hell", 5)), b"");
        assert_eq!(answer(b"{}"), b"");
    }

    #[test]
    fn a_key_ring_comes_with_the_steps_out_of_it() {
        let fault = Fault::of(&FileError::KeyRing, None).about("old.kyr");
        assert!(fault.detail.contains("kyrtool show keys -k old.kyr"), "{}", fault.detail);
    }
}
