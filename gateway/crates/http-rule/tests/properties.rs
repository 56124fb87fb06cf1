//! The table against a matcher that is slow and obvious: every route is tried, every way to spread `**` is tried, and
//! the best of those that match is found by comparing templates.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

use std::cmp::{Ordering, Reverse};
use std::iter::once;
use std::sync::LazyLock;

use http_rule::{Finding, Lookup, MethodPattern, Outcome, Segment, Table, TableBuilder, Template, contest};
use proptest::collection::vec;
use proptest::prelude::*;

#[derive(Debug, Clone)]
struct Rule {
    method: MethodPattern,
    template: Template,
}

/// What a route must do with a path: the values of its variables, still escaped.
fn naive_match(template: &Template, path: &str) -> Option<Vec<String>> {
    let mut segments: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
    if let Some(verb) = template.verb() {
        let last = segments.last_mut()?;
        *last = last.strip_suffix(&format!(":{verb}"))?;
    }
    if segments == [""] {
        segments.clear();
    }
    let spread = spread(template.segments(), &segments)?;
    let value = |from: usize, to: usize| {
        let taken: Vec<&str> = spread.get(from..to).unwrap().iter().flatten().copied().collect();
        taken.join("/")
    };
    Some(
        template
            .variables()
            .iter()
            .map(|variable| value(variable.segments.start, variable.segments.end))
            .collect(),
    )
}

/// Which segments of the path each segment of the template takes.
fn spread<'p>(template: &[Segment], path: &[&'p str]) -> Option<Vec<Vec<&'p str>>> {
    let Some((first, rest)) = template.split_first() else {
        return path.is_empty().then(Vec::new);
    };
    let takes = match first {
        Segment::Multi => 0..=path.len(),
        _ => 1..=1,
    };
    takes.into_iter().find_map(|n| {
        let (taken, left) = path.split_at_checked(n)?;
        let fits = match first {
            Segment::Literal(text) => taken == [text.as_str()],
            Segment::Single => taken != [""],
            Segment::Multi => true,
        };
        let mut spread = fits.then(|| spread(rest, left))??;
        spread.insert(0, taken.to_vec());
        Some(spread)
    })
}

/// Verbs first; then literal, `*`, the end, `**`, from the left; behind `**` the longer tail, then its segments.
fn naive_order(one: &Rule, other: &Rule, method: &str) -> Ordering {
    let key = |rule: &Rule| {
        let class = |segment: &Segment| match segment {
            Segment::Literal(_) => 0,
            Segment::Single => 1,
            Segment::Multi => 3,
        };
        let classes: Vec<u8> = rule.template.segments().iter().map(class).chain(once(2)).collect();
        let before = classes.iter().position(|class| *class == 3).map_or(classes.len(), |multi| multi + 1);
        let (before, tail) = (classes[..before].to_vec(), classes[before..].to_vec());
        let method = match &rule.method {
            MethodPattern::Named(name) if name == method => 0,
            MethodPattern::Named(_) => 1,
            MethodPattern::Any => 2,
        };
        (rule.template.verb().is_none(), before, Reverse(tail.len()), tail, method)
    };
    key(one).cmp(&key(other))
}

fn takes(rule: &Rule, method: &str) -> bool {
    match &rule.method {
        MethodPattern::Any => true,
        MethodPattern::Named(name) => name == method || (method == "HEAD" && name == "GET"),
    }
}

/// The answer on one line, as [`answer`] has it.
fn naive_answer(rules: &[Rule], method: &str, path: &str) -> String {
    let on_path: Vec<(usize, &Rule, Vec<String>)> = rules
        .iter()
        .enumerate()
        .filter_map(|(index, rule)| Some((index, rule, naive_match(&rule.template, path)?)))
        .collect();
    let taking = on_path.iter().filter(|(_, rule, _)| takes(rule, method));
    // `min_by` returns the first of equals: of two that conflict, the one that was inserted first.
    if let Some((index, _, captures)) = taking.min_by(|one, other| naive_order(one.1, other.1, method)) {
        return format!("{index} {captures:?}");
    }
    let mut allowed: Vec<String> = on_path.iter().map(|(_, rule, _)| rule.method.to_string()).collect();
    if allowed.iter().any(|method| method == "GET") {
        allowed.push("HEAD".into());
    }
    allowed.sort();
    allowed.dedup();
    format!("allowed {}", allowed.join(", "))
}

fn answer(table: &Table<()>, method: &str, path: &str) -> String {
    match table.lookup(method, path).unwrap() {
        Lookup::Found(found) => format!("{} {:?}", found.route, found.captures.iter().collect::<Vec<_>>()),
        Lookup::MethodNotAllowed(allowed) => format!("allowed {allowed}"),
        Lookup::NotFound => "allowed ".to_owned(),
    }
}

fn table(rules: &[Rule]) -> (Table<()>, Vec<Finding>) {
    let mut builder = TableBuilder::new();
    for rule in rules {
        builder.insert(rule.method.clone(), rule.template.clone(), ());
    }
    builder.build()
}

/// Templates over an alphabet so small that they overlap in every way.
fn template() -> impl Strategy<Value = Template> {
    let before = vec(prop_oneof![Just("a"), Just("b"), Just("*"), Just("{}"), Just("{}")], 0..4);
    let in_tail = prop_oneof![Just("a"), Just("b"), Just("*"), Just("{}")];
    let tail = proptest::option::of((any::<bool>(), vec(in_tail, 0..3)));
    let verb = prop_oneof![4 => Just(""), 1 => Just(":a"), 1 => Just(":v")];
    (before, tail, verb, any::<bool>()).prop_map(|(before, tail, verb, whole)| {
        let mut text = String::new();
        for (index, segment) in before.iter().enumerate() {
            text += "/";
            text += &if *segment == "{}" { format!("{{x{index}}}") } else { (*segment).to_owned() };
        }
        if let Some((captured, tail)) = tail {
            // A variable holds no variable.
            let within = captured && whole;
            let segment = |(index, segment): (usize, &&str)| match *segment {
                "{}" if within => "/*".to_owned(),
                "{}" => format!("/{{y{index}}}"),
                segment => format!("/{segment}"),
            };
            let tail: String = tail.iter().enumerate().map(segment).collect();
            text += &match (captured, whole) {
                (true, true) => format!("/{{m=**{tail}}}"),
                (true, false) => format!("/{{m=**}}{tail}"),
                _ => format!("/**{tail}"),
            };
        }
        if text.is_empty() {
            text += "/";
        } else {
            text += verb;
        }
        Template::parse(&text).unwrap()
    })
}

fn rules() -> impl Strategy<Value = Vec<Rule>> {
    let method = prop_oneof![3 => Just("GET"), 2 => Just("POST"), 1 => Just("HEAD"), 1 => Just("*")];
    vec((method, template()).prop_map(|(method, template)| Rule { method: method.into(), template }), 1..12)
}

fn path() -> impl Strategy<Value = String> {
    let segment = prop_oneof![4 => Just("a"), 4 => Just("b"), 2 => Just("c"), 1 => Just(""), 1 => Just("a:v"), 1 => Just(":a")];
    let last = prop_oneof![3 => Just(""), 1 => Just(":a"), 1 => Just(":v"), 1 => Just(":x"), 1 => Just("/")];
    (vec(segment, 0..6), last).prop_map(|(segments, last)| format!("/{}{last}", segments.join("/")))
}

fn method() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just("GET"), Just("POST"), Just("HEAD"), Just("PUT")]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn the_table_answers_as_the_naive_matcher_does(rules in rules(), method in method(), path in path()) {
        let (table, _) = table(&rules);
        prop_assert_eq!(answer(&table, method, &path), naive_answer(&rules, method, &path));
    }

    #[test]
    fn the_explanation_agrees_with_the_lookup(rules in rules(), method in method(), path in path()) {
        let (table, _) = table(&rules);
        let candidates = table.explain(method, &path);
        let matched: Vec<usize> =
            candidates.iter().filter(|c| c.outcome == Outcome::Matched).map(|c| c.route).collect();
        match table.lookup(method, &path).unwrap() {
            Lookup::Found(found) => prop_assert_eq!(matched, [found.route]),
            _ => prop_assert!(matched.is_empty()),
        }
        for candidate in candidates {
            let on_path = naive_match(&rules[candidate.route].template, &path).is_some();
            let failed = matches!(candidate.outcome, Outcome::FailedAt { .. });
            prop_assert_eq!(on_path, !failed, "{:?}", candidate);
        }
    }

    #[test]
    fn any_text_parses_or_is_refused_with_a_span_within_it(text in "\\PC{0,24}|[/a*{}=.:%é]{0,16}") {
        match Template::parse(&text) {
            Ok(template) => {
                prop_assert_eq!(template.source(), &text);
                for variable in template.variables() {
                    prop_assert_eq!(&text[variable.span.clone()], &variable.field_path);
                }
            }
            Err(error) => {
                prop_assert!(text.get(error.span()).is_some());
                prop_assert!(!error.to_string().is_empty());
            }
        }
    }

    #[test]
    fn any_path_is_answered(rules in rules(), path in "\\PC{0,24}|[/ab:%2eEfF.é]{0,24}") {
        let (table, _) = table(&rules);
        let _ = table.lookup("GET", &path);
        let _ = table.explain("GET", &path);
    }

    /// A literal's normal form matches the literal however it is spelled in the request.
    #[test]
    fn escaping_a_literal_changes_nothing(literal in "[a-z0-9._~-]{1,8}", escaped in vec(any::<bool>(), 8)) {
        prop_assume!(literal != "." && literal != "..");
        let spelled: String = literal.bytes().zip(&escaped)
            .map(|(byte, escaped)| if *escaped { format!("%{byte:02x}") } else { char::from(byte).to_string() })
            .collect();
        let template = Template::parse(&format!("/{literal}")).unwrap();
        let (table, _) = table(&[Rule { method: MethodPattern::Any, template }]);
        prop_assert_eq!(answer(&table, "GET", &format!("/{spelled}")), "0 []");
    }
}

/// All paths of up to five segments from what templates are made of, with and without verbs; longer ones tell no more
/// of templates that are no longer.
static ALL_PATHS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let mut stems = vec![String::new()];
    let mut longest = stems.clone();
    for _ in 0..5 {
        longest = longest
            .iter()
            .flat_map(|stem| ["a", "b", "c"].map(|segment| format!("{stem}/{segment}")))
            .collect();
        stems.extend(longest.iter().cloned());
    }
    // Without segments, too: `/:a` is what `/**:a` takes and `/*/**:a` does not.
    let root = once("/".to_owned());
    let with_verb = |stem: String| ["", ":a", ":v"].map(|verb| format!("{stem}{verb}"));
    root.chain(stems.into_iter().skip(1)).flat_map(with_verb).collect()
});

/// Two rules; half of the pairs are alike, so that one may hide the other.
fn pair() -> impl Strategy<Value = [Rule; 2]> {
    let any_two = (rules(), rules()).prop_map(|(one, other)| [one[0].clone(), other[0].clone()]);
    let text =
        (0..2_usize, vec(prop_oneof![Just("/a"), Just("/b"), Just("/*")], 0..3)).prop_map(|(stars, tail)| {
            Template::parse(&format!("/a{}/**{}", "/*".repeat(stars), tail.concat())).unwrap()
        });
    let method = || prop_oneof![Just("GET"), Just("HEAD"), Just("*")].prop_map(MethodPattern::from);
    let alike = ([method(), method()], [text.clone(), text])
        .prop_map(|([m, n], [t, u])| [Rule { method: m, template: t }, Rule { method: n, template: u }]);
    prop_oneof![any_two, alike]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    /// A route is found to be shadowed by another one exactly when no path shows it in a table of the two.
    #[test]
    fn shadows_are_found_exactly([one, other] in pair()) {
        let (table, findings) = table(&[one.clone(), other.clone()]);
        let mut reached = [false; 2];
        for path in &*ALL_PATHS {
            for method in ["GET", "HEAD", "POST", "PUT"] {
                if let Lookup::Found(found) = table.lookup(method, path).unwrap() {
                    reached[found.route] = true;
                }
            }
        }
        let same = one.method == other.method
            && one.template.verb() == other.template.verb()
            && one.template.segments() == other.template.segments();
        let expected = match (same, reached) {
            (true, _) => vec![Finding::Conflict { first: 0, second: 1 }],
            (false, [true, true]) => vec![],
            (false, [true, false]) => vec![Finding::Shadowed { route: 1, by: 0 }],
            (false, [false, _]) => vec![Finding::Shadowed { route: 0, by: 1 }],
        };
        prop_assert_eq!(findings, expected, "{} {} and {} {}", one.method, one.template, other.method, other.template);
    }

    /// A contest of two routes is found, and decided, exactly as a table of the two answers.
    #[test]
    fn contests_are_found_exactly([one, other] in pair()) {
        let (both, _) = table(&[one.clone(), other.clone()]);
        let mut winners = [false; 2];
        for path in &*ALL_PATHS {
            let on_path = |rule: &Rule| naive_match(&rule.template, path).is_some();
            if !on_path(&one) || !on_path(&other) {
                continue;
            }
            for method in ["GET", "HEAD", "POST", "PUT"] {
                if takes(&one, method) && takes(&other, method)
                    && let Lookup::Found(found) = both.lookup(method, path).unwrap()
                {
                    winners[found.route] = true;
                }
            }
        }
        let same = one.method == other.method
            && one.template.verb() == other.template.verb()
            && one.template.segments() == other.template.segments();
        let expected = match winners {
            _ if same => Some(Ordering::Equal),
            [true, false] => Some(Ordering::Less),
            [false, true] => Some(Ordering::Greater),
            [false, false] => None,
            [true, true] => unreachable!("one of two routes is always preferred"),
        };
        let found = contest((&one.method, &one.template), (&other.method, &other.template));
        prop_assert_eq!(found, expected, "{} {} and {} {}", one.method, one.template, other.method, other.template);
    }
}
