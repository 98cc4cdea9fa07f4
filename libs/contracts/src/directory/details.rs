//! What is known about an organization or a department beside its name: description and address.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Declares structs that hold [`Details`] beside their own fields. Absent values are left out of events and commands, and
/// are `null` in what a reader is shown.
macro_rules! with_details {
    (shown: $($rest:tt)*) => { with_details! { @ [default] $($rest)* } };
    (kept: $($rest:tt)*) => { with_details! { @ [default, skip_serializing_if = "Option::is_none"] $($rest)* } };
    (@ [$($serde:tt)*] $(#[$meta:meta])* pub struct $name:ident { $($(#[$field_meta:meta])* pub $field:ident: $type:ty,)* }) => {
        $(#[$meta])*
        pub struct $name {
            $($(#[$field_meta])* pub $field: $type,)*
            /// What people call it.
            #[serde($($serde)*)]
            pub display_name: Option<String>,
            /// What it is.
            #[serde($($serde)*)]
            pub description: Option<String>,
            /// Street and number, up to four lines.
            #[serde($($serde)*)]
            pub address_lines: Option<Vec<String>>,
            /// City.
            #[serde($($serde)*)]
            pub city: Option<String>,
            /// State or province.
            #[serde($($serde)*)]
            pub state: Option<String>,
            /// Postal code.
            #[serde($($serde)*)]
            pub postal_code: Option<String>,
            /// Country: two capital letters (ISO 3166-1).
            #[serde($($serde)*)]
            pub country: Option<String>,
            /// Where its people find help: an `https:` or `mailto:` address.
            #[serde($($serde)*)]
            pub support_url: Option<String>,
        }

        impl $name {
            /// Its own fields, in order, with description and address.
            #[must_use]
            #[allow(clippy::too_many_arguments)] // its fields
            pub fn new($($field: $type,)* details: $crate::directory::Details) -> Self {
                let $crate::directory::Details { display_name, description, address_lines, city, state, postal_code, country, support_url } = details;
                Self { $($field,)* display_name, description, address_lines, city, state, postal_code, country, support_url }
            }

            /// Description and address.
            #[must_use]
            pub fn details(&self) -> $crate::directory::Details {
                $crate::directory::Details {
                    display_name: self.display_name.clone(),
                    description: self.description.clone(),
                    address_lines: self.address_lines.clone(),
                    city: self.city.clone(),
                    state: self.state.clone(),
                    postal_code: self.postal_code.clone(),
                    country: self.country.clone(),
                    support_url: self.support_url.clone(),
                }
            }

            /// The same with this description and address.
            #[must_use]
            pub fn with(self, details: $crate::directory::Details) -> Self {
                let $crate::directory::Details { display_name, description, address_lines, city, state, postal_code, country, support_url } = details;
                Self { display_name, description, address_lines, city, state, postal_code, country, support_url, ..self }
            }
        }
    };
}
pub(crate) use with_details;

/// Description and address.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Details {
    /// What people call it.
    pub display_name: Option<String>,
    /// What it is.
    pub description: Option<String>,
    /// Street and number, up to four lines.
    pub address_lines: Option<Vec<String>>,
    /// City.
    pub city: Option<String>,
    /// State or province.
    pub state: Option<String>,
    /// Postal code.
    pub postal_code: Option<String>,
    /// Country: two capital letters (ISO 3166-1).
    pub country: Option<String>,
    /// Where its people find help: an `https:` or `mailto:` address.
    pub support_url: Option<String>,
}

impl Details {
    /// These, with what `changes` names in their place; what it names as empty is taken away.
    #[must_use]
    pub fn changed(self, changes: Self) -> Self {
        fn text(now: Option<String>, change: Option<String>) -> Option<String> {
            change.or(now).filter(|text| !text.is_empty())
        }
        Self {
            display_name: text(self.display_name, changes.display_name),
            description: text(self.description, changes.description),
            address_lines: changes.address_lines.or(self.address_lines).filter(|lines| !lines.is_empty()),
            city: text(self.city, changes.city),
            state: text(self.state, changes.state),
            postal_code: text(self.postal_code, changes.postal_code),
            country: text(self.country, changes.country),
            support_url: text(self.support_url, changes.support_url),
        }
    }

    /// Whether any part of an address is known.
    #[must_use]
    pub const fn has_address(&self) -> bool {
        self.address_lines.is_some()
            || self.city.is_some()
            || self.state.is_some()
            || self.postal_code.is_some()
            || self.country.is_some()
    }

    /// The same with another's address.
    #[must_use]
    pub fn at_address_of(self, other: Self) -> Self {
        let Self { display_name, description, support_url, .. } = self;
        Self { display_name, description, support_url, ..other }
    }
}
