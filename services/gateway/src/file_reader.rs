//! Uploaded files are read in a process of their own (P-1): the same program, with an empty environment, little memory, few
//! seconds and no way to open anything. What comes back is what may be known of a file; private keys come back sealed to a
//! one-time key of the keystore, or not at all.
//!
//! [`Reading`] is the side that asks, [`answer`] the other one: bytes in, bytes out.

mod child;
mod places;

use std::{process::Stdio, time::Duration};

use contracts::{
    Code, OrganizationId, Problem, SecretText,
    keystore::{KeyImportOffer, SealedSecret},
};
use pki::file::{FileError, Format, key_ring};
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    process::Command,
    time::Instant,
};
use uuid::Uuid;
use zeroize::Zeroizing;

pub use self::child::answer;
use self::places::{Place, Places};

/// The hidden command of the program that reads one file from its standard input.
pub const COMMAND: &str = "read-file";
/// The program that runs, whatever stands at its path by now: an upgrade may have put another one there.
pub const PROGRAM: &str = "/proc/self/exe";
/// How long reading all files of a call may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// What may be found in all files of one call, in bytes of the answers: 10,000 certificates take 30 MiB.
const MOST_ANSWERED: u64 = 48 << 20;
/// How long others are waited for.
const TURN: Duration = Duration::from_secs(10);
static PLACES: Places = Places::new();

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
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FoundKey {
    /// Kind and size, such as `rsa_2048`.
    pub algorithm: String,
    /// SHA-256 of its public half, hexadecimal.
    pub spki_sha256: String,
    /// What the file calls it.
    pub alias: Option<String>,
    /// The key as PKCS #8, sealed to the keystore, if there was something to seal it to.
    pub sealed: Option<SealedSecret>,
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

/// What private keys are sealed to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SealTo {
    public_key: String,
    organization: OrganizationId,
    id: Uuid,
}

impl SealTo {
    /// The one-time key that the keystore offered to an organization.
    #[must_use]
    pub fn offered(offer: &KeyImportOffer, organization: OrganizationId) -> Self {
        Self { public_key: offer.public_key.clone(), organization, id: offer.id }
    }
}

#[derive(Serialize)]
struct Asking<'a> {
    passphrases: Vec<&'a str>,
    length: usize,
    seal_to: Option<&'a SealTo>,
}

/// The files of one call: one call of an organization at a time, few of all, and bounded in time, and in what is found in all its files.
/// The place is taken until this is dropped, so hold it as long as what was found.
#[derive(Debug)]
pub struct Reading {
    _place: Place,
    left: u64,
    until: Instant,
}

impl Reading {
    /// Waits for its turn. Errors: `service_unavailable` with the time to try again, when others take long.
    pub async fn begin(organization: OrganizationId) -> Result<Self, Problem> {
        let place = PLACES.enter(organization, TURN).await?;
        Ok(Self { _place: place, left: MOST_ANSWERED, until: Instant::now() + PATIENCE })
    }

    /// Reads a file elsewhere. Errors: `service_unavailable` when no process can be had.
    pub async fn read(
        &mut self,
        file: &[u8],
        passphrases: &[SecretText],
        seal_to: Option<&SealTo>,
    ) -> Result<Result<Found, Fault>, Problem> {
        let away = |error: std::io::Error| {
            tracing::warn!(%error, "no process to read a file with");
            Problem::new(Code::ServiceUnavailable, "the file cannot be read at the moment; try again")
        };
        let mut child = Command::new(PROGRAM)
            .arg(COMMAND)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(away)?;
        let asked = asking(file, passphrases, seal_to)?;
        let left = self.left;
        let talk = async {
            if let Some(mut stdin) = child.stdin.take() {
                stdin.write_all(&asked).await?;
                stdin.write_all(file).await?;
            }
            let mut answer = vec![];
            if let Some(stdout) = child.stdout.take() {
                stdout.take(left + 1).read_to_end(&mut answer).await?;
            }
            if answer.len() as u64 > left {
                return Ok(None);
            }
            child.wait().await?;
            Ok::<_, std::io::Error>(Some(answer))
        };
        let answer = match tokio::time::timeout_at(self.until, talk).await {
            Ok(Ok(Some(answer))) => answer,
            Ok(Ok(None)) => {
                return Ok(Err(Fault::new(
                    "file_too_large",
                    "there is more in the files than one import takes",
                )));
            }
            // It ended before it had taken everything, or took too long.
            Ok(Err(_)) | Err(_) => vec![],
        };
        self.left -= answer.len() as u64;
        let beyond = "reading the file takes more time or memory than a file is given";
        Ok(serde_json::from_slice(&answer).unwrap_or_else(|_| Err(Fault::new("file_too_costly", beyond))))
    }
}

/// What the process is told before the file; written once, into memory that is wiped.
fn asking(
    file: &[u8],
    passphrases: &[SecretText],
    seal_to: Option<&SealTo>,
) -> Result<Zeroizing<Vec<u8>>, Problem> {
    let passphrases: Vec<&str> = passphrases.iter().map(SecretText::reveal).collect();
    // A character of JSON takes six bytes at most, so that nothing is copied as it grows.
    let most = passphrases.iter().map(|text| 6 * text.len() + 3).sum::<usize>() + 4096;
    let mut asked = Zeroizing::new(Vec::with_capacity(most));
    let asking = Asking { passphrases, length: file.len(), seal_to };
    serde_json::to_writer(&mut *asked, &asking).map_err(|_| Problem::internal())?;
    asked.push(b'\n');
    Ok(asked)
}

impl Fault {
    fn new(code: &str, detail: &str) -> Self {
        Self { code: code.to_owned(), detail: detail.to_owned() }
    }

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

    #[test]
    fn passphrases_are_written_into_memory_that_does_not_move() {
        let passphrases = [SecretText::new("\u{1}".repeat(1000)), SecretText::new("\"\\".repeat(500))];
        let asked = asking(b"file", &passphrases, None).unwrap();
        assert!(asked.len() <= 6 * 2000 + 6 + 4096 && asked.capacity() == 6 * 2000 + 6 + 4096);
    }

    #[test]
    fn a_key_ring_comes_with_the_steps_out_of_it() {
        let fault = Fault::of(&FileError::KeyRing, None).about("old.kyr");
        assert!(fault.detail.contains("kyrtool show keys -k old.kyr"), "{}", fault.detail);
    }
}
