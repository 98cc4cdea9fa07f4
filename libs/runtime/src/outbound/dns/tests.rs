use hickory_resolver::proto::rr::rdata::{CNAME, TXT};

use super::*;

fn name(text: &str) -> Name {
    parsed(text).unwrap()
}

fn alias(from: &str, to: &str) -> Record {
    Record::from_rdata(name(from), 60, RData::CNAME(CNAME(name(to))))
}

fn txt(at: &str, text: &str) -> Record {
    Record::from_rdata(name(at), 60, RData::TXT(TXT::new(vec![text.to_owned()])))
}

fn follow(from: &str, answers: &[Record]) -> Result<Step, LookupError> {
    Chain::new(name(from)).follow(RecordType::TXT, answers)
}

#[test]
fn the_order_of_records_is_of_no_importance() {
    let answers =
        [txt("c.example", "token"), alias("b.example", "c.example"), alias("A.example", "b.Example")];
    assert!(matches!(follow("a.example", &answers), Ok(Step::Found(found)) if found.len() == 1));
    let reversed: Vec<_> = answers.into_iter().rev().collect();
    assert!(matches!(follow("a.example", &reversed), Ok(Step::Found(found)) if found.len() == 1));
}

#[test]
fn a_record_of_another_name_is_no_answer() {
    let answers = [txt("other.example", "token")];
    assert!(matches!(follow("a.example", &answers), Ok(Step::AskFor(next)) if next == name("a.example")));
}

#[test]
fn aliases_that_lead_in_a_circle_are_refused() {
    let circle = [alias("a.example", "b.example"), alias("b.example", "a.example")];
    assert_eq!(follow("a.example", &circle).err(), Some(LookupError::Loop("a.example".into())));
    let own = [alias("a.example", "a.example")];
    assert_eq!(follow("a.example", &own).err(), Some(LookupError::Loop("a.example".into())));
}

#[test]
fn eight_aliases_are_followed_and_nine_are_not() {
    let row = |length: usize| -> Vec<Record> {
        let alias = |i: usize| alias(&format!("n{i}.example"), &format!("n{}.example", i + 1));
        (0..length).map(alias).chain([txt(&format!("n{length}.example"), "token")]).collect()
    };
    assert!(matches!(follow("n0.example", &row(8)), Ok(Step::Found(_))));
    assert_eq!(follow("n0.example", &row(9)).err(), Some(LookupError::TooLong("n0.example".into())));
}

#[test]
fn two_aliases_of_one_name_are_refused() {
    let answers = [alias("a.example", "b.example"), alias("a.example", "c.example")];
    assert_eq!(follow("a.example", &answers).err(), Some(LookupError::Ambiguous("a.example".into())));
}

#[test]
fn what_is_no_name_is_not_asked_for() {
    for wrong in ["", ".", "a..b", "ü.example", &"a".repeat(64), &"a.".repeat(130)] {
        assert!(matches!(parsed(wrong), Err(LookupError::Name(_))), "{wrong}");
    }
    assert!(parsed("_chancery-challenge.example.com").is_ok());
}
