//! The grammar: what parses to what, and what is refused where and why.

use super::*;
use crate::path::{MAX_PATH_BYTES, MAX_SEGMENTS};
use TemplateErrorKind as Kind;

/// A template's parts on one line: segments, then variables as `path=from..to`, `+` for multi, then the verb.
fn parts(text: &str) -> String {
    let template = Template::parse(text).unwrap_or_else(|error| panic!("{error}"));
    let mut line = String::new();
    for segment in template.segments() {
        line += match segment {
            Segment::Literal(text) => text,
            Segment::Single => "*",
            Segment::Multi => "**",
        };
        line += " ";
    }
    for variable in template.variables() {
        assert_eq!(&template.source()[variable.span.clone()], variable.field_path);
        let multi = if variable.multi { "+" } else { "" };
        line += &format!("{}={:?}{multi} ", variable.field_path, variable.segments);
    }
    line += &template.verb().map(|verb| format!(":{verb}")).unwrap_or_default();
    assert_eq!(template.to_string(), text);
    line.trim_end().to_owned()
}

#[test]
fn templates() {
    for (text, expected, why) in [
        ("/", "", "the root"),
        ("/a/b", "a b", "literals"),
        ("/*/**", "* **", "wildcards"),
        ("/**/a/b", "** a b", "literals may follow `**`"),
        ("/{a}", "* a=0..1", "a variable without a pattern"),
        ("/{a=*}", "* a=0..1", "is one with `*`"),
        ("/{a=**}", "** a=0..1+", "`**` is multi alone"),
        ("/{a=x}", "x a=0..1", "one literal is one segment"),
        ("/v1/{a.b_c.d2=shelves/*/books/**}:go", "v1 shelves * books ** a.b_c.d2=1..5+ :go", "all at once"),
        ("/{a}/{b=x/*}/{c=**}/end", "* x * ** end a=0..1 b=1..3+ c=3..4+", "side by side"),
        ("/{x=**/y/z}/foo", "** y z foo x=0..3+", "literals after `**`, in the variable and behind it"),
        ("/a/**/*", "a ** *", "`*` may follow `**`"),
        ("/a/**/{x}", "a ** * x=2..3", "a variable may follow `**`"),
        ("/a/{y=**}/{x=foo}", "a ** foo y=1..2+ x=2..3", "a variable of a literal, too"),
        ("/{a=**/b/*}/{c}:go", "** b * * a=0..3+ c=3..4 :go", "a tail in the variable and behind it"),
        ("/{a=x/**/y}/{b=*/z}", "x ** y * z a=0..3+ b=3..5+", "a variable of several segments in the tail"),
        ("/{a}:go", "* a=0..1 :go", "a verb after a variable"),
        ("/**:go", "** :go", "a verb after `**`"),
        ("/a:b", "a :b", "a verb after a literal"),
        ("/{_}/{A1}", "* * _=0..1 A1=1..2", "names"),
        ("/{a.b}/{ab}/{a.c}", "* * * a.b=0..1 ab=1..2 a.c=2..3", "no clash"),
        ("/%41%2f%c3%a9", "A%2F%C3%A9", "the normal form"),
        ("/café/a@b!$&'(),;=+", "caf%C3%A9 a@b!$&'(),;=+", "what may stand in a path"),
        ("/.well-known/...", ".well-known ...", "not dot segments"),
        ("/a%3Ab", "a%3Ab", "no verb"),
    ] {
        assert_eq!(parts(text), expected, "{text}: {why}");
    }
}

#[test]
fn errors_say_where() {
    for (text, kind, marked) in [
        // What is marked stands between the brackets.
        ("[]", Kind::NoLeadingSlash, "begins with `/`"),
        ("[f]oo/bar", Kind::NoLeadingSlash, "write `/foo/bar`"),
        ("[{]a}", Kind::NoLeadingSlash, "begins"),
        ("/foo[/]", Kind::TrailingSlash, "`/**`"),
        ("/{a=b[/]}", Kind::TrailingSlash, "end in `/`"),
        ("/[/]a", Kind::EmptySegment, "empty"),
        ("/a/[/]b", Kind::EmptySegment, "empty"),
        ("/{a=b/[/]c}", Kind::EmptySegment, "empty"),
        ("/a/[:]", Kind::EmptySegment, "empty"),
        ("/users/[:id]", Kind::ColonVariable, "`{id}`"),
        ("/users/[:id]/orders", Kind::ColonVariable, "`{id}`"),
        ("/x[?]y", Kind::Character('?'), "query"),
        ("/{x}[?]y={y}", Kind::Character('?'), "query"),
        ("/x[#]y", Kind::Character('#'), "fragment"),
        ("/x[ ]y", Kind::Character(' '), "whitespace"),
        ("/x[\t]", Kind::Character('\t'), "`%09`"),
        ("/x[\u{a0}]", Kind::Character('\u{a0}'), "`%C2%A0`"),
        ("/x[\n]", Kind::Character('\n'), "whitespace"),
        ("/x[\0]", Kind::Character('\0'), "`%00`"),
        ("/users/[<]id>", Kind::Character('<'), "`{name}`"),
        ("/a[\\]b", Kind::Character('\\'), "`%5C`"),
        ("/{[ ]a}", Kind::Character(' '), "whitespace"),
        ("/a[%]", Kind::BadEscape, "malformed"),
        ("/a[%4]/b", Kind::BadEscape, "malformed"),
        ("/a[%zz]", Kind::BadEscape, "`%25`"),
        ("/[a%ff]/b", Kind::NotUtf8, "UTF-8"),
        ("/a/[..]/b", Kind::DotSegment, "refused"),
        ("/a/[%2e]", Kind::DotSegment, "refused"),
        ("/[a{x=b/**}]/{y=*}", Kind::MixedSegment, "mixes"),
        ("/[{x}y]", Kind::MixedSegment, "mixes"),
        ("/[{x}{y}]", Kind::MixedSegment, "mixes"),
        ("/[{x}-{y}]/z", Kind::MixedSegment, "mixes"),
        ("/foo/[bar*]", Kind::MixedSegment, "`bar*`"),
        ("/[***]", Kind::MixedSegment, "mixes"),
        ("/[*a]", Kind::MixedSegment, "mixes"),
        ("/a/[{]b", Kind::UnclosedVariable, "never closed"),
        ("/a/[{]b=*", Kind::UnclosedVariable, "never closed"),
        ("/a/[{]b=c/", Kind::UnclosedVariable, "never closed"),
        ("/a/[{]", Kind::UnclosedVariable, "never closed"),
        ("/a/[{]b/c", Kind::UnclosedVariable, "never closed"),
        ("/a[}]", Kind::UnopenedVariable, "`%7D`"),
        ("/[}]a", Kind::UnopenedVariable, "no `{`"),
        ("/{a}[}]", Kind::UnopenedVariable, "no `{`"),
        ("/{[]}", Kind::EmptyName, "missing"),
        ("/{a.[]}", Kind::EmptyName, "missing"),
        ("/{[].a}", Kind::EmptyName, "missing"),
        ("/{a.[].b}", Kind::EmptyName, "missing"),
        ("/{[]=*}", Kind::EmptyName, "missing"),
        ("/{[*rest]}", Kind::StarName, "`{rest=**}`"),
        ("/{[**]}", Kind::StarName, "`{name=**}`"),
        ("/{[1]}", Kind::BadName, "name of a field"),
        ("/{[field-]}", Kind::BadName, "`field-`"),
        ("/{[id:int]}", Kind::BadName, "follows `=`"),
        ("/{a.[1b]}", Kind::BadName, "`1b`"),
        ("/{[é]}", Kind::BadName, "`é`"),
        ("/{x[=]}", Kind::EmptyPattern, "`=`"),
        ("/{name=[/]v1/**}", Kind::SlashInVariable, "`/{name=a/**}`"),
        ("/{a=[{]b}}", Kind::NestedVariable, "within"),
        ("/{a=x/[{]b}}", Kind::NestedVariable, "within"),
        ("/{[{]a}}", Kind::NestedVariable, "within"),
        ("/{a=b[:]c}", Kind::VerbInVariable, "last `}`"),
        ("/{a=[:]c}", Kind::VerbInVariable, "last `}`"),
        ("/a/**/[**]", Kind::SecondMulti, "at most one `**`"),
        ("/a/**/foo/[**]", Kind::SecondMulti, "write `*`"),
        ("/a/{y=**}/{x=b/[**]}", Kind::SecondMulti, "at most one"),
        ("/{x=**/b/[**]}", Kind::SecondMulti, "at most one"),
        ("/**/{x}/[**]:go", Kind::SecondMulti, "at most one"),
        ("/{a}/{[a]}", Kind::DuplicateVariable, "`a` is captured twice"),
        ("/{a}/{[a.b]}", Kind::VariableWithinVariable, "`a.b` and `a`"),
        ("/{a.b.c}/{[a.b]}", Kind::VariableWithinVariable, "`a.b` and `a.b.c`"),
        ("/a[:]", Kind::EmptyVerb, "missing"),
        ("/foo/bar[:baz]/buzz", Kind::VerbNotLast, "`:baz`"),
        ("/a[:b]:c", Kind::VerbNotLast, "`:b`"),
        ("/a[:]:c", Kind::VerbNotLast, "the verb"),
        ("/a:[*]", Kind::BadVerb, "literal"),
        ("/a:b[{]c}", Kind::BadVerb, "literal"),
        ("/a:b[}]", Kind::BadVerb, "literal"),
        ("/a:b[?]c", Kind::Character('?'), "query"),
    ] {
        let (before, rest) = marked_at(text);
        let text = text.replacen('[', "", 1).replacen(']', "", 1);
        let error = Template::parse(&text).expect_err(&text);
        assert_eq!((error.kind(), error.span()), (kind, before..rest), "{text}: {error}");
        assert!(error.to_string().contains(marked), "{text}: {error}");
        assert!(text.get(error.span()).is_some(), "{text}: the span lies between characters");
    }
}

fn marked_at(text: &str) -> (usize, usize) {
    (text.find('[').unwrap(), text.find(']').unwrap() - 1)
}

#[test]
fn errors_point_at_what_they_speak_of() {
    for (text, related) in [("/{a}/{a}", "a"), ("/{a.b}/{a}", "a.b"), ("/x/**/{y=**}", "**")] {
        let error = Template::parse(text).unwrap_err();
        assert_eq!(&text[error.related().unwrap()], related);
        assert!(error.related().unwrap().start < error.span().start);
    }
}

#[test]
fn errors_read_well() {
    for (text, expected) in [
        (
            "/users/:id",
            "path template `/users/:id`, column 8: `:id` is a verb that no segment comes before; a variable is \
             written `{id}`",
        ),
        (
            "/é/{a}/{a}",
            "path template `/é/{a}/{a}`, column 9: `a` is captured twice; name another field, or write `*` where the \
             value does not matter",
        ),
    ] {
        assert_eq!(Template::parse(text).unwrap_err().to_string(), expected);
    }
}

#[test]
fn too_much_is_refused_and_not_quoted() {
    let error = Template::parse(&"/a".repeat(MAX_SEGMENTS + 1)).unwrap_err();
    assert_eq!(error.kind(), Kind::TooManySegments);
    let error = Template::parse(&format!("/{}", "a".repeat(MAX_PATH_BYTES))).unwrap_err();
    assert_eq!(error.kind(), Kind::TooLong);
    assert!(error.to_string().len() < 300);
}
