//! `gateway routes`

use std::process::ExitCode;

use serde_json::{Value, json};

use super::{CheckArgs, OutputFormat, load, show};
use crate::route::RoutePlan;

pub(super) fn run(args: &CheckArgs) -> ExitCode {
    let config = match load(&args.file) {
        Ok(config) => config,
        Err(code) => return code,
    };
    match args.format {
        OutputFormat::Json => {
            let routes: Vec<Value> = config.routes.iter().map(|plan| object(plan)).collect();
            show(&format!("{:#}\n", Value::from(routes)))
        }
        OutputFormat::Text => {
            let rows: Vec<[String; 5]> = config.routes.iter().map(|plan| row(plan)).collect();
            show(&table(&rows))
        }
    }
}

fn object(plan: &RoutePlan) -> Value {
    let (method, path) = plan.name.split_once(' ').unwrap_or(("", &plan.name));
    json!({
        "method": method,
        "path": path,
        "grpc": plan.grpc.to_string(),
        "upstream": plan.targets.to_string(),
        "timeout": format!("{:?}", plan.timeout),
        "status": plan.status.as_u16(),
        "idempotent": plan.idempotent,
        "policies": plan.policies.describe(),
        "hosts": plan.hosts.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "origin": plan.origin.to_string(),
    })
}

fn row(plan: &RoutePlan) -> [String; 5] {
    let mut policies = vec![format!("{:?}", plan.timeout), plan.status.as_u16().to_string()];
    policies.extend(plan.policies.describe());
    [
        plan.name.to_string(),
        plan.grpc.to_string(),
        plan.targets.to_string(),
        policies.join(", "),
        plan.origin.to_string(),
    ]
}

/// Columns as wide as their widest entry, the last one left as it is.
fn table(rows: &[[String; 5]]) -> String {
    let heads = ["ROUTE", "GRPC METHOD", "UPSTREAM", "POLICIES", "FROM"].map(str::to_owned);
    let rows = || std::iter::once(&heads).chain(rows);
    let mut widths = [0; 5];
    for row in rows() {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut text = String::new();
    for [cells @ .., last] in rows() {
        for (cell, width) in cells.iter().zip(widths) {
            text.push_str(cell);
            text.push_str(&" ".repeat(width - cell.chars().count() + 2));
        }
        text.push_str(last);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::table;

    #[test]
    fn columns_line_up() {
        let row = |cells: [&str; 5]| cells.map(str::to_owned);
        let text = table(&[row(["GET /a", "S/M", "up", "3s, 200", "f:1"])]);
        assert_eq!(
            text,
            "ROUTE   GRPC METHOD  UPSTREAM  POLICIES  FROM\nGET /a  S/M          up        3s, 200   f:1\n"
        );
    }
}
