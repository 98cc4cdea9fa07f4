use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use proptest::prelude::*;

use super::*;

const HEADER: &str = "email,firstName,lastName,alternativeEmails\n";

fn sheet(lines: &str) -> Sheet {
    read(format!("{HEADER}{lines}").as_bytes()).unwrap()
}

/// The one error of a line: its number, column and code.
fn refusal(line: &str) -> (u32, Option<String>, String) {
    let sheet = sheet(&format!("{line}\nok@example.com,O,K,\n"));
    assert_eq!(sheet.lines.len(), 1, "the line after it is read: {line:?}");
    assert_eq!(sheet.unreadable(), 1);
    let LineError { line, column, code, .. } = sheet.errors.into_iter().next().unwrap();
    (line, column, code)
}

#[test]
fn each_fault_of_a_line_has_its_code_and_place() {
    for (line, column, code) in [
        ("=1+1,A,B,", Some("email"), "formula"),
        ("a@example.com,+A,B,", Some("firstName"), "formula"),
        ("a@example.com,-A,B,", Some("firstName"), "formula"),
        ("a@example.com,A,@B,", Some("lastName"), "formula"),
        ("a@example.com,\tA,B,", Some("firstName"), "formula"),
        ("a@example.com,A,\rB,", Some("lastName"), "formula"),
        ("a@example.com,A\0,B,", Some("firstName"), "nul"),
        ("a@example.com,\"A,B,", None, "broken_quoting"),
        ("a@example.com,A\"x,B,", None, "broken_quoting"),
        ("a@example.com,\"A\"x,B,", None, "broken_quoting"),
        ("a@example.com,A,B", None, "wrong_columns"),
        ("a@example.com,A,B,,", None, "wrong_columns"),
        (",A,B,", Some("email"), "required"),
        ("a@example.com,A, ,", Some("lastName"), "required"),
    ] {
        assert_eq!(refusal(line), (2, column.map(str::to_owned), code.into()), "{line:?}");
    }
    let latin = [HEADER.as_bytes(), b"a@example.com,Andr\xe9,B,\nok@example.com,O,K,\n"].concat();
    let sheet = read(&latin).unwrap();
    assert_eq!((sheet.errors[0].line, sheet.errors[0].code.as_str()), (2, "wrong_encoding"));
    assert_eq!(sheet.lines.len(), 1);
}

#[test]
fn a_second_line_with_the_same_address_is_refused() {
    let sheet = sheet("a@example.com,A,B,\n\nA@Example.com,C,D,\n");
    assert_eq!((sheet.lines.len(), sheet.errors.len()), (1, 1));
    assert_eq!((sheet.errors[0].line, sheet.errors[0].code.as_str()), (4, "duplicate"));
    assert_eq!(sheet.errors[0].detail, "line 2 has this address, too");
}

#[test]
fn a_file_without_a_header_that_fits_is_refused_as_a_whole() {
    for (file, code) in [
        (&b""[..], "wrong_header"),
        (b"\xff\xfee\0m\0a\0i\0l\0", "wrong_encoding"),
        (b"a@example.com,A,B\n", "wrong_header"),
        (b"email,firstName\n", "wrong_header"),
        (b"email,firstName,lastName,email\n", "wrong_header"),
        (b"email;firstName;lastName\n", "wrong_header"),
        (b"\"email,firstName,lastName\n", "broken_quoting"),
    ] {
        let problem = read(file).unwrap_err();
        assert_eq!(
            (problem.code, problem.errors[0].code.as_str()),
            (Code::ValidationFailed, code),
            "{file:?}"
        );
    }
}

#[test]
fn names_of_columns_are_found_however_they_are_written() {
    let file = "\u{feff}Last Name,FIRST_NAME,E-Mail,Alternative E-mails,Secret ID\r\n\
                \"O\"\"Hara, Jr.\",Ada,a@example.com,\"b@example.com, c@example.com;d@example.com\",x\r\n";
    let sheet = read(file.as_bytes()).unwrap();
    let person = &sheet.lines[0].person;
    assert_eq!((sheet.lines[0].line, person.last_name.as_str()), (2, "O\"Hara, Jr."));
    assert_eq!(person.alternative_emails, ["b@example.com", "c@example.com", "d@example.com"]);
    assert_eq!(person.secret_id.as_ref().unwrap().reveal(), "x");
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused_by_line(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let file = [HEADER.as_bytes(), &bytes].concat();
        let sheet = read(&file).unwrap();
        let _ = read(&bytes);
        let all = file.iter().filter(|byte| **byte == b'\n').count() + 1;
        let numbers: Vec<u32> = sheet.lines.iter().map(|line| line.line).collect();
        let wrong: BTreeSet<u32> = sheet.errors.iter().map(|error| error.line).collect();
        prop_assert!(numbers.iter().all(|line| !wrong.contains(line)), "a line is in or out");
        prop_assert!(numbers.iter().chain(&wrong).all(|line| (2..=all).contains(&(*line as usize))));
        let filled = lines(&file).count() - 1;
        prop_assert_eq!(numbers.len() + wrong.len(), filled, "every line is told of");
    }
}

/// What Python's csv module reads, strictly, of each line that we take; and it takes none that we refuse.
#[test]
fn cells_are_those_that_python_reads() {
    let alphabet = ["a", ",", "\"", "\"\"", " ", "é", "'", ";", "x\"", "\",", ",\""];
    let mut state = 7_u64;
    let mut draw = |most: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % most
    };
    let drawn = (0..2_000).map(|_| (0..draw(12)).map(|_| alphabet[draw(alphabet.len())]).collect::<String>());
    let drawn: Vec<String> = drawn.filter(|line| !line.is_empty()).collect();
    let program = "import csv,json,sys\nfor line in json.load(sys.stdin):\n    print(json.dumps(next(csv.reader([line]))))";
    let mut python = Command::new("python3")
        .args(["-c", program])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    python.stdin.take().unwrap().write_all(serde_json::to_string(&drawn).unwrap().as_bytes()).unwrap();
    let said = String::from_utf8(python.wait_with_output().unwrap().stdout).unwrap();
    let theirs: Vec<Vec<String>> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(theirs.len(), drawn.len());
    let mut read = 0;
    for (line, theirs) in drawn.iter().zip(theirs) {
        let Ok(ours) = cells(line.as_bytes()) else { continue };
        read += 1;
        assert_eq!(ours, theirs, "{line:?}");
    }
    assert!(read > 300, "{read}");
}
