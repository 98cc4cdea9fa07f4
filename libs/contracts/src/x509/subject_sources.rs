//! Where the values of a certificate's subject come from: the request, or the organization.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::SubjectAttribute;

/// Where the value of one subject attribute comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SubjectSource {
    /// From the request, as it is.
    #[default]
    Request,
    /// From the request; where that has none, from the organization.
    Fill,
    /// From the organization, whatever the request says; an organization without a value leaves the attribute out.
    Replace,
}

impl SubjectSource {
    fn is_request(&self) -> bool {
        *self == Self::Request
    }
}

/// Where the values of a subject come from. The common name is always the request's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SubjectSources {
    /// O: the organization's display name, or else its name.
    #[serde(default, skip_serializing_if = "SubjectSource::is_request")]
    pub organization: SubjectSource,
    /// OU: the display name of the department it is for, or else its name.
    #[serde(default, skip_serializing_if = "SubjectSource::is_request")]
    pub organizational_unit: SubjectSource,
    /// L: the organization's city.
    #[serde(default, skip_serializing_if = "SubjectSource::is_request")]
    pub locality: SubjectSource,
    /// ST: the organization's state or province.
    #[serde(default, skip_serializing_if = "SubjectSource::is_request")]
    pub state: SubjectSource,
    /// C: the organization's country.
    #[serde(default, skip_serializing_if = "SubjectSource::is_request")]
    pub country: SubjectSource,
}

impl SubjectSources {
    /// Whether everything comes from the request.
    #[must_use]
    pub fn is_request(&self) -> bool {
        *self == Self::default()
    }
}

/// A subject attribute that differs from what was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SubjectChange {
    /// Which.
    pub attribute: SubjectAttribute,
    /// The values asked for; none when there was no such attribute.
    pub found: Vec<String>,
    /// The values in the certificate; none when the attribute is left out.
    pub used: Vec<String>,
}
