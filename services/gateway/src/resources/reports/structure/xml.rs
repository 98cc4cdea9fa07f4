//! The structure as XML, valid by `schemas/account-structure.xsd`.

use std::fmt::Write as _;

use runtime::shown::visible;

use super::{AccountStructure, StructureAdministrator};

/// The namespace.
const NAMESPACE: &str = "urn:chancery:account-structure:1";

/// The document.
pub fn written(structure: &AccountStructure) -> String {
    let mut xml = Xml(String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"));
    let generated = structure.generated_at.to_string();
    xml.open("accountStructure", &[("xmlns", Some(NAMESPACE)), ("generatedAt", Some(&generated))]);
    administrators(&mut xml, &structure.administrators);
    for one in &structure.organizations {
        let id = one.id.to_string();
        let attributes = [
            ("id", Some(id.as_str())),
            ("name", Some(&one.name)),
            ("displayName", one.display_name.as_deref()),
            ("status", Some(&one.status)),
        ];
        xml.open("organization", &attributes);
        for department in &one.departments {
            let id = department.id.to_string();
            let attributes = [
                ("id", Some(id.as_str())),
                ("name", Some(&department.name)),
                ("displayName", department.display_name.as_deref()),
                ("status", Some(&department.status)),
            ];
            xml.empty("department", &attributes);
        }
        administrators(&mut xml, &one.administrators);
        for certificate in &one.certificates {
            let (id, department) =
                (certificate.id.to_string(), certificate.department_id.map(|id| id.to_string()));
            let (begin, end) = (certificate.not_before.to_string(), certificate.not_after.to_string());
            let attributes = [
                ("id", Some(id.as_str())),
                ("departmentId", department.as_deref()),
                ("type", certificate.certificate_type.as_deref()),
                ("commonName", certificate.common_name.as_deref()),
                ("serialNumber", Some(&certificate.serial_number)),
                ("status", Some(&certificate.status)),
                ("notBefore", Some(&begin)),
                ("notAfter", Some(&end)),
            ];
            xml.empty("certificate", &attributes);
        }
        xml.close("organization");
    }
    xml.close("accountStructure");
    xml.0
}

fn administrators(xml: &mut Xml, all: &[StructureAdministrator]) {
    for one in all {
        let id = one.id.to_string();
        let attributes = [
            ("id", Some(id.as_str())),
            ("name", Some(&one.name)),
            ("displayName", one.display_name.as_deref()),
            ("status", Some(&one.status)),
        ];
        xml.open("administrator", &attributes);
        for grant in &one.grants {
            let (role, department) = (grant.role.to_string(), grant.department_id.map(|id| id.to_string()));
            let types = grant.certificate_types.as_ref();
            let types =
                types.map(|types| types.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(" "));
            let attributes = [
                ("role", Some(role.as_str())),
                ("departmentId", department.as_deref()),
                ("certificateTypes", types.as_deref()),
            ];
            xml.empty("grant", &attributes);
        }
        xml.close("administrator");
    }
}

struct Xml(String);

impl Xml {
    fn open(&mut self, name: &str, attributes: &[(&str, Option<&str>)]) {
        self.begin(name, attributes);
        self.0.push_str(">\n");
    }

    fn empty(&mut self, name: &str, attributes: &[(&str, Option<&str>)]) {
        self.begin(name, attributes);
        self.0.push_str("/>\n");
    }

    fn close(&mut self, name: &str) {
        _ = writeln!(self.0, "</{name}>");
    }

    fn begin(&mut self, name: &str, attributes: &[(&str, Option<&str>)]) {
        _ = write!(self.0, "<{name}");
        for (attribute, value) in attributes {
            let Some(value) = value else { continue };
            _ = write!(self.0, " {attribute}=\"{}\"", escaped(value));
        }
    }
}

/// A text as it may stand in an attribute; what XML cannot hold, and what cannot be seen, is `\u{..}` (P-3).
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in visible(text, |_| false).chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            // The two that no XML may hold.
            '\u{fffe}' | '\u{ffff}' => escaped.extend(c.escape_unicode()),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_is_markup() {
        for (text, expected) in [
            ("a<b>&\"c\"", "a&lt;b&gt;&amp;&quot;c&quot;"),
            ("a\u{0}\n\u{202e}b", "a\\u{0}\\u{a}\\u{202e}b"),
            ("bücher", "bücher"),
        ] {
            assert_eq!(escaped(text), expected);
        }
    }
}
