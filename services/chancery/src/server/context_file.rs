//! The command line's context for the server on this machine.

use std::path::Path;

use contracts::token::TokenText;
use runtime::config::Environment;

use super::failure::Failure;
use crate::client::context::{Contexts, Server, folder};

/// The name of the context that `up` writes.
const NAME: &str = "local";

/// Writes the context `local` with the first token, and makes it current unless another one is. Without a home there
/// is nowhere to write it, and nobody to read it.
pub(super) fn write(
    environment: &Environment,
    address: &str,
    ca_file: &Path,
    token: &TokenText,
) -> Result<(), Failure> {
    let path = |name| environment.get(name).map(Path::new);
    let Some(folder) = folder(path("XDG_CONFIG_HOME"), path("HOME")) else { return Ok(()) };
    let mut contexts = Contexts::read(&folder).map_err(Failure::file(&folder))?;
    let server = Server {
        server: address.to_owned(),
        ca_file: Some(ca_file.to_owned()),
        token: Some(token.reveal()),
        ..Server::default()
    };
    contexts.context.insert(NAME.into(), server);
    let current = contexts.current.take().filter(|name| contexts.context.contains_key(name));
    contexts.current = Some(current.unwrap_or_else(|| NAME.into()));
    contexts.write(&folder).map_err(Failure::file(&folder))
}
