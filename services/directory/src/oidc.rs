//! OpenID Connect: what is believed of a provider and of the tokens that it issues. Pure, but for [`client`]: the
//! documents come in, a verdict comes out.

pub mod attempt;
pub mod claims;
pub mod client;
pub mod discovery;
pub mod id_token;
pub mod keys;
