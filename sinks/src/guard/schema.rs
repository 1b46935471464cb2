//! The JSON Schema of a reply, as text, since the order of its fields counts.

/// The most ids that are listed one by one: a grammar of more is slow to make.
const MOST_LISTED: usize = 256;

pub(super) fn response_format(emotions: &[String], actions: &[String], refs: &[&str], most: u32) -> String {
    let action = if actions.is_empty() {
        r#"{"type":"null"}"#.to_owned()
    } else {
        let actions = actions.iter().map(|action| quoted(action)).chain(["null".to_owned()]);
        format!(r#"{{"enum":[{}]}}"#, actions.collect::<Vec<_>>().join(","))
    };
    let item = if refs.is_empty() || refs.len() > MOST_LISTED {
        format!(r#"{{"type":"string","maxLength":{}}}"#, super::form::MOST_WORD_BYTES)
    } else {
        format!(r#"{{"enum":[{}]}}"#, list(refs.iter().copied()))
    };
    // No longest line: a grammar would end it within a sentence as if it were whole.
    format!(
        concat!(
            r#"{{"type":"json_schema","json_schema":{{"name":"reply","strict":true,"schema":{{"type":"object","properties":{{"#,
            r#""emotion":{{"enum":[{emotions}]}},"action":{action},"refs":{{"type":"array","items":{item},"maxItems":{most}}},"#,
            r#""line":{{"type":"string","minLength":1}}}},"#,
            r#""required":["emotion","action","refs","line"],"additionalProperties":false}}}}}}"#
        ),
        emotions = list(emotions.iter().map(String::as_str)),
        action = action,
        item = item,
        most = most,
    )
}

fn list<'t>(texts: impl Iterator<Item = &'t str>) -> String {
    texts.map(quoted).collect::<Vec<_>>().join(",")
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn the_schema_lists_what_may_be_said_in_the_order_in_which_it_is_read() {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let format = response_format(&words(&["calm", "so \"so\""]), &words(&["wave"]), &["wolf"], 3);
        expect![[r#"{"type":"json_schema","json_schema":{"name":"reply","strict":true,"schema":{"type":"object","properties":{"emotion":{"enum":["calm","so \"so\""]},"action":{"enum":["wave",null]},"refs":{"type":"array","items":{"enum":["wolf"]},"maxItems":3},"line":{"type":"string","minLength":1}},"required":["emotion","action","refs","line"],"additionalProperties":false}}}"#]]
            .assert_eq(&format);
        assert!(serde_json::from_str::<serde_json::Value>(&format).is_ok());
        let free = response_format(&words(&["calm"]), &[], &[], 3);
        assert!(
            free.contains(
                r#""action":{"type":"null"},"refs":{"type":"array","items":{"type":"string","maxLength":64}"#
            ),
            "{free}"
        );
        assert!(serde_json::from_str::<serde_json::Value>(&free).is_ok());
    }
}
