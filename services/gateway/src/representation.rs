//! The forms certificates are answered in: JSON, PEM, DER, PKCS #7.

use contracts::Problem;
use http::{HeaderMap, StatusCode, header};
use pki::Certificate;

use crate::{answer::Answer, call::Call, read};

/// Content types of a single certificate.
pub const OF_ONE: &[&str] = &["application/json", PEM, DER, PKCS7];
/// Content types of a chain.
pub const OF_CHAIN: &[&str] = &["application/json", PEM, PKCS7];

const PEM: &str = "application/pem-certificate-chain";
const DER: &str = "application/pkix-cert";
const PKCS7: &str = "application/pkcs7-mime";

/// A form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The document.
    Json,
    /// PEM blocks.
    Pem,
    /// The bytes.
    Der,
    /// A certificates-only PKCS #7.
    Pkcs7,
}

/// The form that `?format=` names, else the one of `Accept` that is liked best, else JSON.
#[must_use]
pub fn wanted(call: &Call) -> Form {
    match call.query.get("format") {
        Some("pem") => Form::Pem,
        Some("der") => Form::Der,
        Some("p7b") => Form::Pkcs7,
        Some(_) => Form::Json,
        None => accepted(&call.headers),
    }
}

fn accepted(headers: &HeaderMap) -> Form {
    let texts = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut best = (0.0, Form::Json);
    for range in texts.flat_map(|text| text.split(',')) {
        let mut parts = range.split(';').map(str::trim);
        let form = match parts.next().unwrap_or_default().to_ascii_lowercase().as_str() {
            "application/json" | "application/*" | "*/*" => Form::Json,
            PEM | "application/x-pem-file" => Form::Pem,
            DER | "application/x-x509-cert" => Form::Der,
            PKCS7 => Form::Pkcs7,
            _ => continue,
        };
        let quality = parts.find_map(|part| part.strip_prefix("q=")?.parse::<f32>().ok()).unwrap_or(1.0);
        if quality > best.0 {
            best = (quality, form);
        }
    }
    best.1
}

/// Answers with certificates in a form that is not JSON. `name` is the file's, without its ending.
pub fn answer(certificates: &[&Certificate], form: Form, name: &str) -> Result<Answer, Problem> {
    let (media, ending, body) = match form {
        Form::Pem | Form::Json => (
            PEM,
            "pem",
            certificates.iter().map(|certificate| certificate.to_pem()).collect::<String>().into_bytes(),
        ),
        Form::Der => {
            (DER, "cer", certificates.first().map_or(vec![], |certificate| certificate.der().to_vec()))
        }
        Form::Pkcs7 => {
            ("application/pkcs7-mime; smime-type=certs-only", "p7b", pki::pkcs7::write(certificates))
        }
    };
    let disposition = format!("attachment; filename=\"{name}.{ending}\"");
    Ok(Answer::new(StatusCode::OK, media, body).with(header::CONTENT_DISPOSITION, disposition))
}

/// Reads a certificate as a view holds it. Errors: `internal`, since we wrote it.
pub fn certificate(pem: &str) -> Result<Certificate, Problem> {
    Certificate::read(pem.as_bytes()).map_err(read::internal)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn the_form_liked_best_is_answered() {
        for (accept, form) in [
            ("*/*", Form::Json),
            ("text/html, */*;q=0.8", Form::Json),
            ("application/pem-certificate-chain", Form::Pem),
            ("application/json;q=0.5, application/pkix-cert", Form::Der),
            ("application/pkcs7-mime;smime-type=certs-only", Form::Pkcs7),
            ("image/png", Form::Json),
        ] {
            let headers = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))]);
            assert_eq!(accepted(&headers), form, "{accept}");
        }
        assert_eq!(accepted(&HeaderMap::new()), Form::Json);
    }
}
