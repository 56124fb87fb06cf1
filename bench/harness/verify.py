"""Checks that a party answers rightly before anything about it is measured."""

from __future__ import annotations

import http.client
import json
import math
import time
from dataclasses import dataclass
from pathlib import Path

from harness.parties import LOCALHOST, Party, Process
from harness.workloads import Workload, compact

READY_LIMIT = 10.0  # seconds


@dataclass
class Answer:
    status: int
    content_type: str
    body: bytes


def ask(port: int, method: str, path: str, body: bytes | None = None) -> Answer:
    connection = http.client.HTTPConnection(LOCALHOST, port, timeout=30)
    headers = {} if body is None else {"content-type": "application/json"}
    try:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return Answer(response.status, response.getheader("content-type", ""), response.read())
    finally:
        connection.close()


def send(process: Process, workload: Workload) -> Answer:
    if workload.body is None:
        return ask(process.port, "GET", workload.path)
    return ask(process.port, "POST", workload.path, compact(workload.body))


def wait_until_ready(process: Process, workload: Workload) -> None:
    """A listening party may not have reached its upstream yet."""
    deadline = time.monotonic() + READY_LIMIT
    while send(process, workload).status != 200 and time.monotonic() < deadline:
        time.sleep(0.05)


def check(party: Party, process: Process, workloads: list[Workload]) -> dict[str, int]:
    """The size of each answer in bytes; ends the run if an answer is wrong."""
    sizes = {}
    for workload in workloads:
        answer = send(process, workload)
        complain_unless_right(party, workload, answer)
        sizes[workload.name] = len(answer.body)
    if party.transcodes:
        check_failures(party, process)
    return sizes


def complain_unless_right(party: Party, workload: Workload, answer: Answer) -> None:
    said = f"{party.name} answers {workload.name} with {answer.status} {answer.body[:300]!r}"
    if answer.status != 200 or not answer.content_type.startswith("application/json"):
        raise SystemExit(said)
    difference = first_difference(workload.answer, json.loads(answer.body))
    if difference is not None:
        raise SystemExit(f"{said}\nwhich differs from what is right at {difference}")


def check_failures(party: Party, process: Process) -> None:
    """No party may be fast by being careless: bad input, an unknown path and a refusal have their statuses."""
    cases = [
        (404, "GET", "/users/404", None),
        (404, "GET", "/nowhere", None),
        (400, "POST", "/users", b'{"name": '),
        (400, "POST", "/orders", b'{"userId": "x"}'),
    ]
    for status, method, path, body in cases:
        answer = ask(process.port, method, path, body)
        if answer.status != status:
            raise SystemExit(
                f"{party.name} answers {method} {path} {body!r} with {answer.status}, not {status}"
            )


def first_difference(right: object, given: object, path: str = "$") -> str | None:
    """Where two JSON values differ, deep down; numbers count by value."""
    if isinstance(right, dict) and isinstance(given, dict):
        if right.keys() != given.keys():
            return f"{path}: keys {sorted(right.keys() ^ given.keys())}"
        return first_of(first_difference(right[key], given[key], f"{path}.{key}") for key in right)
    if isinstance(right, list) and isinstance(given, list):
        if len(right) != len(given):
            return f"{path}: {len(given)} elements, not {len(right)}"
        pairs = enumerate(zip(right, given))
        return first_of(first_difference(a, b, f"{path}[{index}]") for index, (a, b) in pairs)
    if is_number(right) and is_number(given):
        return None if math.isclose(right, given, rel_tol=1e-12) else f"{path}: {given}, not {right}"
    return None if type(right) is type(given) and right == given else f"{path}: {given!r}, not {right!r}"


def first_of(differences) -> str | None:
    return next((difference for difference in differences if difference is not None), None)


def is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def leave_files(folder: Path, workloads: list[Workload]) -> None:
    for workload in workloads:
        workload.write(folder)
