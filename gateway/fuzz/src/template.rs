//! Path templates: any text is parsed or refused with a place; any path is found or not, and the same way twice.

use http_rule::{Lookup, MethodPattern, TableBuilder, Template};

/// Lines of templates; the last line is a path to look up.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Some((templates, path)) = text.rsplit_once('\n') else {
        parse(text);
        return;
    };
    let mut builder = TableBuilder::new();
    for (index, template) in templates.lines().take(64).filter_map(parse).enumerate() {
        let method = if index % 3 == 0 { MethodPattern::Any } else { MethodPattern::Named("GET".to_owned()) };
        builder.insert(method, template, index);
    }
    let (table, _) = builder.build();
    if let Ok(Lookup::Found(found)) = table.lookup("GET", path) {
        let route = table.route(*found.value).expect("the value is the index of its route");
        assert_eq!(found.captures.iter().count(), route.template.variables().len());
    }
    let _ = table.explain("GET", path);
}

fn parse(text: &str) -> Option<Template> {
    match Template::parse(text) {
        Ok(template) => {
            assert_eq!(template.source(), text);
            let shown = template.to_string();
            let again = Template::parse(&shown).unwrap_or_else(|error| panic!("{shown}: {error}"));
            assert_eq!(again.to_string(), shown);
            Some(template)
        }
        Err(error) => {
            let span = error.span();
            assert!(span.start <= span.end && span.end <= text.len(), "{span:?} of {text:?}");
            assert!(
                text.is_char_boundary(span.start) && text.is_char_boundary(span.end),
                "{span:?} of {text:?}"
            );
            assert!(!error.to_string().is_empty());
            None
        }
    }
}
