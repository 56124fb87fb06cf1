//! Sources that are servers: asked while the configuration is loaded, and weighed against what they said before.
//!
//! A server that cannot be reached costs a gateway that runs its own services only, and what it has said before stays in
//! use. For `check` it is an error, as long as nothing is known of it.

use std::sync::Arc;
use std::time::Duration;

use transcode::Schema;

use crate::config::diagnostic::{Code, Diagnostic, Place};
use crate::config::lower::routes::Taking;
use crate::config::lower::upstreams::Upstreams;
use crate::config::raw::At;
use crate::config::{Before, Context, Why};
use crate::descriptors::changes::{self, Change};
use crate::descriptors::{Question, ReflectError, Reflected, reflect_all};

/// How long a server has.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long it has when somebody waits for a saved file, and the gateway runs without an answer, too.
const SHORT_PATIENCE: Duration = Duration::from_secs(2);
/// Changes that a finding lists; more are counted.
const SHOWN: usize = 10;
/// The label of a server whose change is held back.
const STAYS: &str = "the descriptors of before stay";

/// What the servers said.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// What is used of each.
    pub(super) answers: Vec<Answer>,
    /// The upstreams that were asked, or should have been.
    pub(super) asked: Vec<Arc<str>>,
    /// Those that cannot be reached, and of which nothing is known.
    pub(super) silent: Vec<Arc<str>>,
    /// Whether one has said nothing that can be used.
    pub(super) is_broken: bool,
}

/// What a server describes.
#[derive(Debug)]
pub(super) struct Answer {
    /// The server.
    pub(super) upstream: Arc<str>,
    /// What is used of it.
    pub(super) used: Reflected,
    /// What it described before, if that is something else.
    pub(super) previous: Option<Reflected>,
    /// The place that names it.
    pub(super) place: Place,
}

impl Told {
    /// Goes back to what the servers of these routes described before. Returns whether anything is different now.
    pub(super) fn hold(&mut self, takings: &[Taking], context: &mut Context) -> bool {
        let mut held = false;
        for answer in &mut self.answers {
            let texts: Vec<&str> = takings
                .iter()
                .filter(|taking| taking.server == answer.upstream)
                .map(|taking| taking.text.as_str())
                .collect();
            if texts.is_empty() {
                continue;
            }
            if let Some(previous) = answer.previous.take() {
                answer.used = previous;
                held = true;
                context.push(taking(&answer.upstream, &texts).at(answer.place, STAYS));
            }
        }
        held
    }
}

/// Asks the upstreams of these names.
pub(super) fn ask(
    servers: &[&At<String>],
    upstreams: &Upstreams,
    before: Option<&Before<'_>>,
    context: &mut Context,
) -> Told {
    let mut told = Told::default();
    let mut questions = Vec::new();
    let mut places = Vec::new();
    for at in servers {
        let name = upstreams.resolve(at, context);
        told.asked.extend(name.clone());
        let spec = name.and_then(|name| Some((upstreams.specs.get(&name)?.clone(), name)));
        let Some((spec, upstream)) = spec else {
            // What is wrong with the upstream has been told.
            told.is_broken = true;
            continue;
        };
        let hurry = before.is_some_and(|before| {
            let is_known = before.config.reflected.contains_key(&upstream);
            before.why == Why::Saved && (is_known || before.config.undescribed.contains(&upstream))
        });
        questions.push(Question { upstream, spec, patience: if hurry { SHORT_PATIENCE } else { PATIENCE } });
        places.push(at.place);
    }
    let answers = reflect_all(&questions);
    for ((question, place), answer) in questions.into_iter().zip(places).zip(answers) {
        let known = before.and_then(|before| before.config.reflected.get(&question.upstream));
        let ordered = before.is_none_or(|before| before.why == Why::Ordered);
        match weigh(&question.upstream, answer, known, ordered) {
            Ok((reflected, finding)) => {
                let previous = known.filter(|known| **known != reflected).cloned();
                let answer = Answer { upstream: question.upstream, used: reflected, previous, place };
                told.answers.push(answer);
                context.found.extend(finding.map(|finding| finding.at(place, STAYS)));
            }
            Err(error) if error.is_transient() && context.serves => {
                context.push(unreachable(&question.upstream, &error).at(place, "asked here"));
                told.silent.push(question.upstream);
            }
            Err(error) => {
                told.is_broken = true;
                context.push(cannot_ask(&question.upstream, &error).at(place, "asked here"));
            }
        }
    }
    told
}

/// What is to be used of a server, and what to say about it; an error when there is nothing.
fn weigh(
    name: &str,
    answer: Result<Reflected, ReflectError>,
    known: Option<&Reflected>,
    ordered: bool,
) -> Result<(Reflected, Option<Diagnostic>), ReflectError> {
    let Some(known) = known else {
        return Ok((answer?, None));
    };
    let fresh = match answer {
        Ok(fresh) => fresh,
        Err(error) => return Ok((known.clone(), Some(kept(name, &error)))),
    };
    if ordered || fresh == *known {
        return Ok((fresh, None));
    }
    let finding = match between(known, &fresh) {
        Ok(changes) => {
            let breaking: Vec<Change> = changes.into_iter().filter(Change::is_breaking).collect();
            if breaking.is_empty() {
                return Ok((fresh, None));
            }
            held_back(name, &breaking)
        }
        Err(text) => unusable(name, &text),
    };
    Ok((known.clone(), Some(finding)))
}

/// What is different, or why the new ones cannot be used.
fn between(old: &Reflected, new: &Reflected) -> Result<Vec<Change>, String> {
    let schema = |reflected: &Reflected| {
        let input = crate::descriptors::Input::reflected("", reflected.clone());
        let mut loaded = crate::descriptors::load(&[input]);
        let error = loaded.errors.pop().map(|error| error.kind.to_string());
        loaded.schema.ok_or_else(|| error.unwrap_or_default())
    };
    let new: Arc<Schema> = schema(new)?;
    // One that needs the other sources cannot be compared by itself: those decide when all are linked.
    let Ok(old) = schema(old) else { return Ok(Vec::new()) };
    Ok(changes::between(old.pool(), new.pool()))
}

fn cannot_ask(name: &str, error: &ReflectError) -> Diagnostic {
    let help = match error {
        ReflectError::NotServed => {
            "switch server reflection on there, or name a descriptor set (`gateway descriptors` makes one)"
        }
        ReflectError::Unreachable(_) | ReflectError::Late(_) => {
            "start the server first, or mend the address of the upstream; a descriptor set needs no server"
        }
        _ => "look at the log of the server; a descriptor set needs no server",
    };
    Diagnostic::error(Code::Reflection, format!("cannot ask `{name}` for its descriptors: {error}"))
        .with_help(help)
}

fn unreachable(name: &str, error: &ReflectError) -> Diagnostic {
    Diagnostic::warning(Code::Reflection, format!("cannot ask `{name}` for its descriptors: {error}"))
        .with_note("until it answers, routes of services that no other source describes answer 503; a gateway that runs keeps asking")
        .with_help("start the server, or correct the address of the upstream; a descriptor set needs no server")
}

fn kept(name: &str, error: &ReflectError) -> Diagnostic {
    Diagnostic::warning(Code::Reflection, format!("cannot ask `{name}` for its descriptors: {error}"))
}

fn unusable(name: &str, text: &str) -> Diagnostic {
    Diagnostic::warning(Code::Reflection, format!("the new descriptors of `{name}` cannot be used: {text}"))
}

fn held_back(name: &str, breaking: &[Change]) -> Diagnostic {
    let message = format!("`{name}` has changed in ways that break clients");
    let breaking: Vec<String> = breaking.iter().map(ToString::to_string).collect();
    held(message, &breaking)
}

fn taking(name: &str, texts: &[&str]) -> Diagnostic {
    held(format!("`{name}` describes routes that would take requests from others"), texts)
}

fn held(message: String, reasons: &[impl AsRef<str>]) -> Diagnostic {
    let mut diagnostic = Diagnostic::warning(Code::Reflection, message);
    diagnostic.notes.extend(reasons.iter().take(SHOWN).map(|reason| reason.as_ref().to_owned()));
    if let Some(more) = reasons.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        diagnostic.notes.push(format!("and {more} more"));
    }
    diagnostic.with_help("SIGHUP or `POST /reload` on the admin address takes the change")
}
