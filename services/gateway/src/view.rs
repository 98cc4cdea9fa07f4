//! The read models the gateway lists and shows: views `api_<service>.<name>`, each row with `id`, `organization`,
//! `version`, `created_at`, columns to filter by, and the answer's JSON as `document`.

use std::borrow::Cow;

use contracts::Service;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::Value;

use crate::operation::{Operation, SchemaOf};
use crate::parameter::{Family, Header, Kind, Parameter};

/// A view.
#[derive(Debug)]
pub struct View {
    /// Whose read model.
    pub service: Service,
    /// Its name.
    pub name: &'static str,
    /// What a row is, in words.
    pub kind: &'static str,
    /// Prefix of its ids.
    pub prefix: &'static str,
    /// What lists filter and sort by.
    pub fields: &'static [Field],
    /// What a row's document may hold: [`part_of`] its type.
    pub document: SchemaOf,
    /// What rights over a row are judged by.
    pub rights: Rights,
    /// Whether rows have a unique `name`.
    pub named: bool,
    /// Whether rows have `labels`.
    pub labelled: bool,
    /// What the `search` text of rows is made of, in words; `None` where they have none.
    pub search: Option<&'static str>,
    /// The order of a list that names none.
    pub sort: &'static str,
}

/// What rights over the rows of a view are judged by, beside their organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rights {
    /// Nothing: whoever works in the organization may have to do with them.
    Shared,
    /// They are the organization's as a whole.
    Organization,
    /// Their column `department`, and whose they are.
    Row {
        /// The column that says whose a row is.
        owner: &'static str,
        /// Whether a row is its owner's wherever that person works.
        personal: bool,
        /// Whether they are about certificates: columns `certificate_type`, `profile_id`, `certificate_id`.
        certificates: bool,
    },
    /// Their columns `organizations` and `departments`: where administrators have grants.
    Administrators,
}

impl Rights {
    /// Of certificates and the requests for them.
    pub const CERTIFICATE: Self = Self::Row { owner: "requested_by", personal: false, certificates: true };
}

/// A field of a view.
#[derive(Debug)]
pub struct Field {
    /// As users write it.
    pub name: &'static str,
    /// As SQL does: a column, or an expression in parentheses.
    pub column: &'static str,
    /// What it holds.
    pub kind: FieldKind,
    /// Whether it may be absent.
    pub optional: bool,
    /// Which rows have a word, in terms of columns that have an index; all of its words or none.
    pub meaning: &'static [(&'static str, &'static str)],
    /// Whether the `search` text of a row holds its value.
    pub searched: bool,
    /// Whether its texts are never longer than an index can hold.
    pub short: bool,
    /// The field whose order is its own order, too, and has an index.
    pub sorted_as: Option<&'static str>,
}

/// What a field holds.
#[derive(Clone, Copy, Debug)]
pub enum FieldKind {
    /// A text.
    Text,
    /// One of the words of an enum, which its schema tells.
    Word(SchemaOf),
    /// An instant.
    Time,
    /// An id with this prefix.
    Id(&'static str),
    /// The organizations that a row has to do with, of which one is enough. Callers see, and can look for, those they reach.
    Organizations,
}

/// Characters of a text that count for its place in an order.
pub const BEGINNING: usize = 200;

/// A field of every view.
pub const ID: Field = Field::id("id", "id", "");
const CREATED_AT: Field = Field::time("createdAt", "created_at");
const ORGANIZATION: Field = Field::id("organizationId", "organization", "org");

/// The schema of a type of which nothing but the `id` has to be there.
#[must_use]
pub fn part_of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    let mut schema = T::json_schema(generator);
    schema.insert("required".into(), serde_json::json!(["id"]));
    schema.insert("description".into(), "What `fields` names, and the `id`.".into());
    schema
}

impl PartialEq for Field {
    /// Names stand once in a view.
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Field {
    const fn new(name: &'static str, column: &'static str, kind: FieldKind) -> Self {
        Self {
            name,
            column,
            kind,
            optional: false,
            meaning: &[],
            searched: false,
            short: false,
            sorted_as: None,
        }
    }

    /// A text.
    #[must_use]
    pub const fn text(name: &'static str, column: &'static str) -> Self {
        Self::new(name, column, FieldKind::Text)
    }

    /// A word of an enum.
    #[must_use]
    pub const fn word<T: JsonSchema>(name: &'static str, column: &'static str) -> Self {
        Self::new(name, column, FieldKind::Word(T::json_schema))
    }

    /// An instant.
    #[must_use]
    pub const fn time(name: &'static str, column: &'static str) -> Self {
        Self::new(name, column, FieldKind::Time)
    }

    /// An id.
    #[must_use]
    pub const fn id(name: &'static str, column: &'static str, prefix: &'static str) -> Self {
        Self::new(name, column, FieldKind::Id(prefix))
    }

    /// Several organizations.
    #[must_use]
    pub const fn organizations(name: &'static str, column: &'static str) -> Self {
        Self::new(name, column, FieldKind::Organizations)
    }

    /// That may be absent.
    #[must_use]
    pub const fn optional(mut self) -> Self {
        self.optional = true;
        self
    }

    /// Rows with one of its words are those of which this is true, and no others.
    #[must_use]
    pub const fn meaning(mut self, meaning: &'static [(&'static str, &'static str)]) -> Self {
        self.meaning = meaning;
        self
    }

    /// Whose value stands in what is searched, where a part of it is looked up.
    #[must_use]
    pub const fn searched(mut self) -> Self {
        self.searched = true;
        self
    }

    /// Whose texts are short.
    #[must_use]
    pub const fn short(mut self) -> Self {
        self.short = true;
        self
    }

    /// Which is sorted as the field of this name is.
    #[must_use]
    pub const fn sorted_as(mut self, name: &'static str) -> Self {
        self.sorted_as = Some(name);
        self
    }

    /// The operators it takes.
    #[must_use]
    pub fn operators(&self) -> Vec<&'static str> {
        let mut operators: Vec<&str> = match self.kind {
            FieldKind::Text | FieldKind::Word(_) => vec!["ne", "contains", "startsWith"],
            FieldKind::Time => vec!["lt", "lte", "gt", "gte"],
            FieldKind::Id(_) | FieldKind::Organizations => vec!["ne"],
        };
        if self.optional {
            operators.push("exists");
        }
        operators
    }

    /// What rows are put in order by: those without a value come first, and texts by their beginning, so that an index
    /// can hold it however long they are.
    #[must_use]
    pub fn order(&self) -> Cow<'static, str> {
        let present: Cow<'static, str> = match self.least() {
            Some(least) if self.optional => format!("coalesce({}, {least})", self.column).into(),
            _ => self.column.into(),
        };
        match self.kind {
            FieldKind::Text if !self.short => format!("left({present}, {BEGINNING})").into(),
            _ => present,
        }
    }

    /// What stands for no value in an order.
    #[must_use]
    pub fn least(&self) -> Option<&'static str> {
        Some(match self.kind {
            FieldKind::Text | FieldKind::Word(_) => "''",
            FieldKind::Time => "'epoch'::timestamptz",
            FieldKind::Id(_) => "'00000000-0000-0000-0000-000000000000'::uuid",
            FieldKind::Organizations => return None,
        })
    }

    /// Whether lists can be sorted by it.
    #[must_use]
    pub fn sortable(&self) -> bool {
        !matches!(self.kind, FieldKind::Organizations)
    }

    /// What may stand for it without an operator, and with `ne`.
    fn values(&self) -> Kind {
        match self.kind {
            FieldKind::Text | FieldKind::Id(_) | FieldKind::Organizations => Kind::Text,
            FieldKind::Time => Kind::Time,
            FieldKind::Word(schema) => Kind::AnyOf(words(&schema(&mut SchemaGenerator::default()))),
        }
    }
}

impl View {
    /// Its full name.
    #[must_use]
    pub fn table(&self) -> String {
        format!("api_{}.{}", self.service, self.name)
    }

    /// Every field: its own, and those that rows of every view have, unless its own go by that name.
    pub fn fields(&self) -> impl Iterator<Item = &Field> {
        let own = |name| self.fields.iter().any(|field| field.name == name);
        self.fields.iter().chain([&CREATED_AT, &ORGANIZATION].into_iter().filter(move |f| !own(f.name)))
    }

    /// The field of this name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields().find(|field| field.name == name)
    }

    /// Adds what every list of rows takes.
    #[must_use]
    pub fn lists(&self, operation: Operation) -> Operation {
        let sortable: Vec<&str> = self.fields().filter(|f| f.sortable()).map(|f| f.name).collect();
        let sort = format!(
            "Fields to sort by, `-` for descending, such as `{}`. Fields: {}.",
            self.sort,
            sortable.join(", ")
        );
        let words = "Only these fields of each item and its `id`, separated by commas.";
        let mut operation = self
            .narrows(operation, words)
            .query(Parameter::new(
                "limit",
                Kind::Integer { least: 1, most: 200 },
                "How many at most; 50 if missing.",
            ))
            .query(Parameter::text("cursor", "Where the page before ended: its `nextCursor`."))
            .query(Parameter::new("sort", Kind::Text, sort))
            .header(Header::MIN_POSITION)
            .problem(contracts::Code::InvalidCursor)
            .problem(contracts::Code::ProjectionBehind);
        if let Some(search) = self.search {
            let words = format!("Contains this text; case does not count. It is looked for in: {search}.");
            operation = operation.query(Parameter::new("q", Kind::Text, words));
        }
        if self.labelled {
            operation = operation.family(Family {
                prefix: "labels.",
                form: "labels.<key>",
                description: "`labels.env=prod`: has this label; `labels.env[exists]=true`: has any such label.",
            });
        }
        for field in self.fields() {
            operation = operation.query(parameter(field));
            for operator in field.operators() {
                operation = operation.query(with_operator(field, operator));
            }
        }
        operation
    }

    /// Adds what showing one row takes.
    #[must_use]
    pub fn shows(&self, operation: Operation) -> Operation {
        self.narrows(operation, "Only these fields and the `id`, separated by commas.")
            .header(Header::MIN_POSITION)
            .problem(contracts::Code::ProjectionBehind)
    }

    /// Lets callers choose among the fields of a document, also those that are left out when they are empty.
    fn narrows(&self, mut operation: Operation, words: &'static str) -> Operation {
        let schema = (self.document)(&mut SchemaGenerator::default());
        let properties = schema.get("properties").and_then(Value::as_object);
        let names = properties.into_iter().flat_map(|properties| properties.keys().cloned()).collect();
        operation.part = Some(self.document);
        operation.query(Parameter::new("fields", Kind::SomeOf(names), words))
    }
}

fn parameter(field: &Field) -> Parameter {
    let words = match field.kind {
        FieldKind::Time => "Exactly this instant.",
        _ => "One of these values, separated by commas.",
    };
    Parameter::new(field.name, field.values(), words)
}

fn with_operator(field: &Field, operator: &'static str) -> Parameter {
    let (kind, words) = match operator {
        "exists" => (Kind::Boolean, "Whether there is a value."),
        "ne" => (field.values(), "None of these values, separated by commas."),
        "contains" => (Kind::Text, "Contains this text; case does not count."),
        "startsWith" => (Kind::Text, "Starts with this text; case does not count."),
        "lt" => (Kind::Time, "Before."),
        "lte" => (Kind::Time, "Not after."),
        "gt" => (Kind::Time, "After."),
        _ => (Kind::Time, "Not before."),
    };
    Parameter::new(format!("{}[{operator}]", field.name), kind, words)
}

/// The words of an enum: `enum`, or a `const` each where they are described one by one.
pub(crate) fn words(schema: &Schema) -> Vec<String> {
    let list = |name: &str| schema.get(name).and_then(Value::as_array).into_iter().flatten();
    let described = list("oneOf").flat_map(|one| match one.get("const") {
        Some(word) => vec![word],
        None => one.get("enum").and_then(Value::as_array).into_iter().flatten().collect(),
    });
    list("enum").chain(described).filter_map(Value::as_str).map(str::to_owned).collect()
}
