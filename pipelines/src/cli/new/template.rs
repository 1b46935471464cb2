//! Templates with places for names: `{{name}}` is put in, `{{#name}} … {{/name}}` stands only where there is one, and
//! `{{^name}} … {{/name}}` only where there is none.

/// The text of a template with these names.
pub(super) fn filled<'n>(template: &str, name: impl Fn(&str) -> Option<&'n str>) -> String {
    let mut text = parts(template, &name);
    while let Some(at) = text.find("{{") {
        let end = at + text[at..].find("}}").expect("templates close what they open") + 2;
        let wanted = &text[at + 2..end - 2];
        let found = name(wanted).expect("a template asks for what has been looked for").to_owned();
        text.replace_range(at..end, &found);
    }
    text
}

/// The text without the parts that have no place in it.
fn parts<'n>(template: &str, name: &dyn Fn(&str) -> Option<&'n str>) -> String {
    let (mut text, mut rest) = (String::new(), template);
    while let Some(at) = [rest.find("{{#"), rest.find("{{^")].into_iter().flatten().min() {
        let (before, from) = rest.split_at(at);
        let (opened, inside) = from.split_once("}}").expect("templates close what they open");
        let of = &opened[3..];
        let (inner, after) = inside.split_once(&format!("{{{{/{of}}}}}")).expect("parts have an end");
        text.push_str(before);
        let has = name(of).is_some();
        // A mark on a line of its own takes the line with it.
        if has == opened.starts_with("{{#") {
            text.push_str(&parts(inner.strip_prefix('\n').unwrap_or(inner), name));
        }
        rest = if inner.starts_with('\n') { after.strip_prefix('\n').unwrap_or(after) } else { after };
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::filled;

    #[test]
    fn parts_stand_where_there_is_a_name() {
        let template = "a: {{a}}{{#b}}, b: {{b}}{{/b}}\n{{#b}}\nb\n{{/b}}\n{{^b}}\nnone\n{{/b}}\nend\n";
        let with = |name: &str| ["a", "b"].into_iter().find(|known| *known == name);
        assert_eq!(filled(template, with), "a: a, b: b\nb\nend\n");
        let without = |name: &str| ["a"].into_iter().find(|known| *known == name);
        assert_eq!(filled(template, without), "a: a\nnone\nend\n");
    }
}
