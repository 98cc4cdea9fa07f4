//! `chancery api`: any call of the HTTP API.

use clap::Args;
use http::Method;

use super::{
    api::Api,
    failure::Failure,
    listing::{read_input, refuse_private_key},
    output,
};

/// Make any call of the HTTP API
#[derive(Args, Debug)]
pub struct Raw {
    /// GET, POST, PATCH, PUT or DELETE
    method: String,
    /// Path and query, such as '/certificates?status=active'; /api/v1 is put in front
    path: String,
    /// Body: JSON text, @FILE or - for standard input
    #[arg(short = 'd', long = "data")]
    data: Option<String>,
}

impl Raw {
    pub(super) async fn run(self, api: &Api) -> Result<(), Failure> {
        let method: Method = self
            .method
            .to_uppercase()
            .parse()
            .map_err(|_| Failure::Usage(format!("'{}' is not a method of HTTP", self.method)))?;
        let path = if self.path.starts_with("/api/") {
            self.path
        } else {
            format!("/api/v1/{}", self.path.trim_start_matches('/'))
        };
        let body = match self.data.as_deref() {
            None => None,
            Some("-") => Some(read_input("-")?),
            Some(data) => {
                Some(data.strip_prefix('@').map_or_else(|| Ok(data.as_bytes().to_vec()), read_input)?)
            }
        };
        let body = match body {
            None => None,
            Some(bytes) => {
                refuse_private_key("the body", &bytes)?;
                Some(
                    serde_json::from_slice(&bytes)
                        .map_err(|error| Failure::Usage(format!("the body is not JSON: {error}")))?,
                )
            }
        };
        let answer = if method == Method::GET {
            api.get(&path, &[]).await?
        } else {
            api.change(method, &path, body.as_ref()).await?
        };
        output::body(&answer.body);
        Ok(())
    }
}
