//! Findings for machines: editors, pipelines, and the admin address.

use serde_json::{Value, json};

use super::{Diagnostics, Label};

/// `{"findings": [{severity, code, message, file, line, column, labels, notes, help}], "errors": N, "warnings": N}`.
pub(super) fn to_json(diagnostics: &Diagnostics) -> Value {
    let findings: Vec<Value> = diagnostics
        .iter()
        .map(|d| {
            let position = diagnostics.position(d);
            let labels = d.primary.iter().chain(&d.secondary);
            json!({
                "severity": d.severity.as_str(),
                "code": d.code.as_str(),
                "message": d.message,
                "file": position.as_ref().map(|at| at.file),
                "line": position.as_ref().map(|at| at.line),
                "column": position.as_ref().map(|at| at.column),
                "labels": labels.map(|l| label(diagnostics, l)).collect::<Vec<_>>(),
                "notes": d.notes,
                "help": d.help,
            })
        })
        .collect();
    json!({
        "findings": findings,
        "errors": diagnostics.count(super::Severity::Error),
        "warnings": diagnostics.count(super::Severity::Warning),
    })
}

fn label(diagnostics: &Diagnostics, label: &Label) -> Value {
    let sources = diagnostics.sources();
    let position = sources.position(label.place);
    json!({
        "file": position.as_ref().map(|at| at.file),
        "line": position.as_ref().map(|at| at.line),
        "column": position.as_ref().map(|at| at.column),
        "source": sources.slice(label.place).lines().next().unwrap_or(""),
        "text": label.text,
    })
}
