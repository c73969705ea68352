//! Standard input as JSON lines, for programs: each is an object that asks for one thing. Pure.

use serde_json::{Map, Value};

use crate::protocol::request::{Command, saying};

/// What may be asked for, for whoever has asked for something else.
const KNOWN: &str = "{\"say\": TEXT}, {\"to\": NAME, \"say\": TEXT}, {\"do\": TEXT}, {\"nick\": NAME} or {\"command\": \"/…\"}";

/// The lines that an input line asks to send, or why it does not.
pub(super) fn lines_of(input: &str) -> Result<Vec<String>, String> {
    let object = match serde_json::from_str(input) {
        Ok(Value::Object(object)) => object,
        Ok(_) => return Err(format!("that is no object; it should be {KNOWN}")),
        Err(why) => return Err(format!("that is no JSON: {why}")),
    };
    let mut keys: Vec<&str> = object.keys().map(String::as_str).collect();
    keys.sort_unstable();
    let text = |key| text_of(&object, key);
    match keys[..] {
        ["say"] => each_line(text("say")?, |line| saying(line).into_owned()),
        ["say", "to"] => {
            let to = one_line(text("to")?)?;
            if to.is_empty() || to.contains(char::is_whitespace) {
                return Err(format!("{to:?} is no name"));
            }
            each_line(text("say")?, |line| format!("{} {to} {line}", Command::Msg.word()))
        }
        ["do"] => each_line(text("do")?, |line| format!("{} {line}", Command::Me.word())),
        ["nick"] => Ok(vec![format!("{} {}", Command::Nick.word(), one_line(text("nick")?)?)]),
        ["command"] => match one_line(text("command")?)? {
            command if command.starts_with('/') && !command.starts_with("//") => {
                Ok(vec![command.to_owned()])
            }
            _ => Err("a command begins with /; to say something: {\"say\": TEXT}".to_owned()),
        },
        [] => Err(format!("that is empty; it should be {KNOWN}")),
        _ => Err(format!("{} do not go together; it should be {KNOWN}", keys.join(", "))),
    }
}

fn text_of<'a>(object: &'a Map<String, Value>, key: &str) -> Result<&'a str, String> {
    object.get(key).and_then(Value::as_str).ok_or_else(|| format!("{key:?} is no text"))
}

/// Each line of a text that has something in it; others would split a line that has an end in it in the same way.
fn each_line(text: &str, make: impl Fn(&str) -> String) -> Result<Vec<String>, String> {
    let lines: Vec<_> =
        text.split(['\n', '\r']).filter(|line| !line.trim().is_empty()).map(make).collect();
    if lines.is_empty() { Err("there is nothing to say in it".to_owned()) } else { Ok(lines) }
}

fn one_line(text: &str) -> Result<&str, String> {
    let has_end = text.contains(['\n', '\r']);
    if has_end { Err("that has a line end in it".to_owned()) } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert, proptest};

    use super::*;

    #[test]
    fn what_a_program_asks_for_is_a_line_for_the_server() {
        for (input, lines) in [
            (r#"{"say": "hello"}"#, &["hello"][..]),
            (r#"{"say": "/who"}"#, &["//who"]),
            (r#"{"say": "one\n\n  two\r\n/three\n"}"#, &["one", "  two", "//three"]),
            (r#"{"say": "gr\u00fc\u00df \ud83d\ude00"}"#, &["grüß 😀"]),
            (r#"{"say": "/x", "to": "bob"}"#, &["/msg bob /x"]),
            (r#"{"to": "bob", "say": "a\nb"}"#, &["/msg bob a", "/msg bob b"]),
            (r#"{"do": "waves"}"#, &["/me waves"]),
            (r#"{"nick": "robert"}"#, &["/nick robert"]),
            (r#" {"command": "/who"} "#, &["/who"]),
        ] {
            let expected: Vec<_> = lines.iter().map(|line| (*line).to_owned()).collect();
            assert_eq!(lines_of(input), Ok(expected), "{input}");
        }
    }

    #[test]
    fn what_is_no_such_object_is_told_and_nothing_is_sent() {
        let deep = "[".repeat(100_000);
        for (input, part) in [
            ("hello", "no JSON"),
            ("{", "no JSON"),
            (r#"{"say": "\ud800"}"#, "no JSON"),
            (deep.as_str(), "no JSON"),
            ("\u{0}", "no JSON"),
            ("[]", "no object"),
            ("1e999999", "no JSON"),
            ("7", "no object"),
            ("{}", "empty"),
            (r#"{"say": 123456789012345678901234567890}"#, "\"say\" is no text"),
            (r#"{"say": null}"#, "\"say\" is no text"),
            (r#"{"say": " \n "}"#, "nothing to say"),
            (r#"{"say": "x", "colour": "red"}"#, "colour, say do not go together"),
            (r#"{"who": true}"#, "{\"command\""),
            (r#"{"to": "bob"}"#, "to do not go together"),
            (r#"{"to": "b ob", "say": "x"}"#, "no name"),
            (r#"{"to": "bob\n", "say": "x"}"#, "line end"),
            (r#"{"nick": "a\nb"}"#, "line end"),
            (r#"{"command": "who"}"#, "begins with /"),
            (r#"{"command": "//who"}"#, "begins with /"),
        ] {
            let why = lines_of(input).expect_err(input);
            assert!(why.contains(part), "{input:.50}: {why}");
        }
    }

    proptest! {
        #[test]
        fn no_text_becomes_more_than_its_lines(text in any::<String>()) {
            let input = serde_json::json!({ "say": text }).to_string();
            if let Ok(lines) = lines_of(&input) {
                prop_assert!(lines.iter().all(|line| !line.contains(['\n', '\r'])));
                let is_text = |line: &String| !line.starts_with('/') || line.starts_with("//");
                prop_assert!(lines.iter().all(is_text), "{:?}", lines);
            }
        }
    }
}
