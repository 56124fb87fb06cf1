//! The JSON Schema of routes.yaml knows exactly the keys that the gateway reads, takes every configuration that `check`
//! takes, and refuses those whose keys or types are wrong.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use gateway::config;
use serde_json::{Map, Value, json};

/// Nothing is near this key, so that the gateway answers with all the keys that it takes.
const NO_KEY: &str = "zzzzzzzzzzzz";
/// What the description of a key begins with that the gateway refuses as `not-supported`.
const NOT_YET: &str = "Not yet: ";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// What the configurations of `tests/config` may read.
fn environment(name: &str) -> Option<String> {
    match name {
        "HOST" => Some("users.example".to_owned()),
        "EMPTY" => Some(String::new()),
        "SECRET" => Some("correct horse battery staple, and so on".to_owned()),
        "TIMEOUT" => Some("soon".to_owned()),
        _ => None,
    }
}

/// A step from the top of a file to a value in it.
#[derive(Clone)]
enum Step {
    /// Into the value of a key, which these stand beside.
    Key(String, Map<String, Value>),
    /// Into the first item of a list.
    Item,
}

/// A file that has this value there.
fn file(steps: &[Step], value: Value) -> Value {
    steps.iter().rev().fold(value, |value, step| match step {
        Step::Item => json!([value]),
        Step::Key(name, beside) => {
            let mut mapping = beside.clone();
            mapping.insert(name.clone(), value);
            mapping.into()
        }
    })
}

fn display(steps: &[Step]) -> String {
    let names = steps.iter().map(|step| match step {
        Step::Key(name, _) => format!(".{name}"),
        Step::Item => "[]".to_owned(),
    });
    names.collect()
}

struct Schema(Value);

/// A mapping that the schema describes, and where it can stand.
struct Place<'s> {
    steps: Vec<Step>,
    schema: &'s Value,
}

impl Schema {
    fn read() -> Self {
        Self(serde_json::from_str(config::SCHEMA).unwrap())
    }

    /// Follows references; what stands beside them are descriptions, defaults and examples.
    fn resolve<'s>(&'s self, mut schema: &'s Value) -> &'s Value {
        while let Some(target) = schema["$ref"].as_str() {
            schema = self.0.pointer(target.strip_prefix('#').unwrap()).expect(target);
        }
        schema
    }

    fn is_not_yet(&self, schema: &Value) -> bool {
        let described = |schema: &Value| schema["description"].as_str().map(|text| text.starts_with(NOT_YET));
        described(schema).or_else(|| described(self.resolve(schema))).unwrap_or(false)
    }

    /// A value that the schema takes.
    fn sample(&self, schema: &Value) -> Value {
        let said = |schema: &Value| schema["examples"].get(0).or_else(|| schema.get("default")).cloned();
        if let Some(value) = said(schema).or_else(|| said(self.resolve(schema))) {
            return value;
        }
        let schema = self.resolve(schema);
        if let Some(value) = schema.get("const").or_else(|| schema["enum"].get(0)) {
            return value.clone();
        }
        if let Some(first) = schema["anyOf"].get(0) {
            return self.sample(first);
        }
        match &schema["type"] {
            Value::String(kind) if kind == "object" => self.beside(schema, "").into(),
            Value::String(kind) if kind == "array" => json!([]),
            Value::Array(kinds) if kinds.contains(&json!("null")) => Value::Null,
            Value::String(kind) if kind == "integer" => schema["minimum"].clone(),
            _ => json!("example"),
        }
    }

    /// What has to stand beside `key` in a mapping.
    fn beside(&self, schema: &Value, key: &str) -> Map<String, Value> {
        let method = schema["allOf"][0]["oneOf"][0]["required"].as_array();
        let is_method = ["get", "put", "post", "delete", "patch", "custom"].contains(&key);
        let needed = [
            schema["required"].as_array(),
            schema["dependentRequired"][key].as_array(),
            method.filter(|_| !is_method),
        ];
        let names = needed.into_iter().flatten().flatten().map(|name| name.as_str().unwrap());
        let others = names.filter(|name| *name != key);
        others.map(|name| (name.to_owned(), self.sample(&schema["properties"][name]))).collect()
    }

    /// Every mapping with keys of its own, except those below keys that are not supported yet.
    fn places(&self) -> Vec<Place<'_>> {
        let mut found = Vec::new();
        self.walk(&self.0, &[], &mut found);
        found
    }

    fn walk<'s>(&'s self, schema: &'s Value, steps: &[Step], found: &mut Vec<Place<'s>>) {
        if self.is_not_yet(schema) {
            return;
        }
        let schema = self.resolve(schema);
        let then = |step| [steps, &[step]].concat();
        for branch in schema["anyOf"].as_array().into_iter().flatten() {
            self.walk(branch, steps, found);
        }
        if schema["items"].is_object() {
            self.walk(&schema["items"], &then(Step::Item), found);
        }
        if schema["additionalProperties"].is_object() {
            let step = Step::Key("example".to_owned(), Map::new());
            self.walk(&schema["additionalProperties"], &then(step), found);
        }
        if let Some(properties) = schema["properties"].as_object() {
            found.push(Place { steps: steps.to_vec(), schema });
            for (name, property) in properties {
                self.walk(property, &then(Step::Key(name.clone(), self.beside(schema, name))), found);
            }
        }
    }
}

/// The findings of `check` in a file, those in what it includes left out.
fn findings(path: &Path) -> Vec<Value> {
    let found = config::load(path, &environment).diagnostics.to_json();
    let own = Value::from(path.display().to_string());
    found["findings"].as_array().unwrap().iter().filter(|finding| finding["file"] == own).cloned().collect()
}

/// The findings of one code that name a key.
fn findings_about(file: &Value, code: &str, key: &str) -> Vec<Value> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("routes.yaml");
    std::fs::write(&path, file.to_string()).unwrap();
    let names_it = |finding: &Value| finding["message"].as_str().unwrap().contains(&format!("`{key}`"));
    findings(&path).into_iter().filter(|finding| finding["code"] == code && names_it(finding)).collect()
}

/// The keys that the gateway says it takes at a place.
fn taken(schema: &Schema, place: &Place<'_>) -> BTreeSet<String> {
    let unknown = Step::Key(NO_KEY.to_owned(), schema.beside(place.schema, NO_KEY));
    let file = file(&[&place.steps[..], &[unknown]].concat(), json!("example"));
    let told = findings_about(&file, "unknown-key", NO_KEY);
    let told = told.first().unwrap_or_else(|| panic!("check finds no unknown key in {file}"));
    let help = told["help"][0].as_str().unwrap_or_else(|| panic!("{told}"));
    let (_, keys) = help.split_once(" takes: ").expect(help);
    keys.split(", ").map(str::to_owned).collect()
}

#[test]
fn the_schema_has_every_key_that_the_gateway_reads() {
    let schema = Schema::read();
    let mut wrong = Vec::new();
    let places = schema.places();
    assert!(places.len() > 25, "the walk found only {}", places.len());
    for place in &places {
        let known: BTreeSet<String> =
            place.schema["properties"].as_object().unwrap().keys().cloned().collect();
        for key in taken(&schema, place).difference(&known) {
            wrong.push(format!("{}: add `{key}` to gateway/routes.schema.json", display(&place.steps)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_gateway_reads_every_key_of_the_schema_and_refuses_those_that_it_calls_not_yet() {
    let schema = Schema::read();
    let mut wrong = Vec::new();
    for place in schema.places() {
        for (key, property) in place.schema["properties"].as_object().unwrap() {
            let step = Step::Key(key.clone(), schema.beside(place.schema, key));
            let at = [&place.steps[..], &[step]].concat();
            let file = file(&at, schema.sample(property));
            if !findings_about(&file, "unknown-key", key).is_empty() {
                wrong.push(format!("{}: the gateway does not know this key", display(&at)));
            }
            let refused = !findings_about(&file, "not-supported", key).is_empty();
            if refused != schema.is_not_yet(property) {
                let told = if refused { "put before" } else { "take away from" };
                let key = display(&at);
                wrong
                    .push(format!("{key}: {told} its description `{NOT_YET}` in gateway/routes.schema.json"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn validator() -> jsonschema::Validator {
    let schema = Schema::read().0;
    jsonschema::meta::validate(&schema).unwrap_or_else(|error| panic!("{error}"));
    jsonschema::validator_for(&schema).unwrap_or_else(|error| panic!("{error}"))
}

/// YAML as any other reader of it would see it.
fn yaml(text: &str) -> Option<Value> {
    let options = serde_yaml::options! { strict_booleans: true };
    serde_yaml::from_str_with_options(text, options).ok()
}

fn errors(validator: &jsonschema::Validator, file: &Value) -> Vec<String> {
    validator.iter_errors(file).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

fn files_below(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path, extension));
        } else if path.extension().is_some_and(|found| found == extension) {
            files.push(path);
        }
    }
    files.sort();
    files
}

#[test]
fn the_schema_takes_the_examples() {
    let validator = validator();
    let mut files = files_below(&root().join("examples"), "yaml");
    files.extend([root().join("routes.yaml"), root().join("bench/routes.yaml")]);
    assert!(files.len() >= 6, "{files:?}");
    for file in files {
        let value = yaml(&std::fs::read_to_string(&file).unwrap()).unwrap();
        let wrong = errors(&validator, &value);
        assert!(wrong.is_empty(), "{}:\n{}", file.display(), wrong.join("\n"));
    }
}

#[test]
fn the_schema_takes_what_the_documentation_shows() {
    let validator = validator();
    let top = Schema::read().0["properties"].as_object().unwrap().clone();
    let mut files = files_below(&root().join("docs"), "md");
    files.push(root().join("README.md"));
    let mut seen = 0;
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        for block in text.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap()) {
            let Some(value) = yaml(block) else { continue };
            let is_routes_yaml =
                value.as_object().is_some_and(|map| map.keys().any(|key| top.contains_key(key)));
            if !is_routes_yaml {
                continue;
            }
            seen += 1;
            let wrong = errors(&validator, &value);
            assert!(wrong.is_empty(), "{}:\n{block}\n{}", file.display(), wrong.join("\n"));
        }
    }
    assert!(seen >= 10, "only {seen} blocks were looked at");
}

/// Of each configuration of `tests/config`: `check` takes it, and so does the schema; its keys, types or quantities are
/// wrong, and the schema says so, too. What else can be wrong is beyond a schema.
#[test]
fn the_schema_and_check_agree_on_the_broken_configurations() {
    const TOLD_BY_BOTH: &[&str] =
        &["unknown-key", "wrong-type", "missing-key", "bad-duration", "bad-size", "bad-percent"];
    let validator = validator();
    let (mut taken, mut refused) = (0, 0);
    let mut wrong = Vec::new();
    for path in files_below(Path::new("tests/config"), "yaml") {
        // What is no text is no YAML, either.
        let text = String::from_utf8(std::fs::read(&path).unwrap()).unwrap_or_default();
        let Some(value) = yaml(&text) else { continue };
        let errors = errors(&validator, &value);
        let ok = config::load(&path, &environment).config.is_some();
        let found = findings(&path);
        // A quantity from the environment is not known to an editor.
        let told = found.iter().any(|finding| {
            let in_text = finding["labels"]
                .as_array()
                .unwrap()
                .iter()
                .all(|label| !label["source"].as_str().unwrap().contains("${"));
            in_text && TOLD_BY_BOTH.contains(&finding["code"].as_str().unwrap())
        });
        if ok && !errors.is_empty() {
            wrong.push(format!("{}: check takes it, the schema says {errors:?}", path.display()));
        }
        if told && errors.is_empty() {
            let codes: Vec<&Value> = found.iter().map(|finding| &finding["message"]).collect();
            wrong.push(format!("{}: the schema takes it, check says {codes:?}", path.display()));
        }
        taken += usize::from(ok);
        refused += usize::from(told);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(taken >= 5 && refused >= 20, "{taken} taken, {refused} refused");
}

#[test]
fn the_worked_example_offers_the_schema_to_editors() {
    let mut files = files_below(&root().join("examples"), "yaml");
    files.push(root().join("routes.yaml"));
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("# yaml-language-server: $schema="));
        let path = line.unwrap_or_else(|| panic!("{}: no `$schema=` line", file.display()));
        let schema = file.parent().unwrap().join(path).canonicalize().unwrap();
        assert_eq!(schema, root().join("gateway/routes.schema.json").canonicalize().unwrap());
    }
}
