"""Turns runs into tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from statistics import median

from harness.measure import Run

BASES = ["envoy", "floor"]


@dataclass
class Memory:
    """Resident MiB of a fresh process of a party, step by step."""

    party: str
    steps: dict[str, float] = field(default_factory=dict)


@dataclass
class Results:
    """All that was measured."""

    parties: list[str]
    runs: list[Run] = field(default_factory=list)
    memory: list[Memory] = field(default_factory=list)

    def cases(self, timed: bool) -> list[tuple[str, str]]:
        """Workloads and connections, in the order in which they were run."""
        return list(dict.fromkeys(run.case for run in self.runs if (run.rate is not None) == timed))

    def select(self, party: str, case: tuple[str, str], timed: bool) -> list[Run]:
        return [
            run
            for run in self.runs
            if run.party == party and run.case == case and (run.rate is not None) == timed
        ]


def render(results: Results) -> str:
    sections = [conditions(results)]
    if results.cases(timed=False):
        sections += [ratios(results, base) for base in BASES if base in results.parties]
        sections += [cpu(results), throughput(results)]
    if results.cases(timed=True):
        sections.append(latency(results))
    if results.memory:
        sections.append(memory(results))
    return "\n\n".join(sections) + "\n"


def conditions(results: Results) -> str:
    wrong = sum(run.wrong for run in results.runs)
    strangers = median([run.strangers for run in results.runs] or [0])
    return (
        f"{len(results.runs)} runs, {wrong} wrong answers. "
        f"Other processes used {strangers:.2f} CPUs meanwhile (median of the runs)."
    )


def table(head: list[str], rows: Iterable[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def by_case(results: Results, title: str, parties: list[str], timed: bool, cell: Callable) -> str:
    rows = (
        [workload, connections, *(cell(party, (workload, connections)) for party in parties)]
        for workload, connections in results.cases(timed)
    )
    return f"### {title}\n\n" + table(["workload", "connections", *parties], rows)


def ratios(results: Results, base: str) -> str:
    """Per round, as the parties ran within seconds of each other; then the median."""

    def cell(party: str, case: tuple[str, str]) -> str:
        bases = {run.round: run.cpu_us for run in results.select(base, case, False)}
        rounds = [run.cpu_us / bases[run.round] for run in results.select(party, case, False)]
        return f"{median(rounds):.3f} ({min(rounds):.3f} to {max(rounds):.3f})"

    parties = [party for party in results.parties if party != base]
    title = f"CPU per request, as a share of {base}'s (median, least and most of the rounds)"
    return by_case(results, title, parties, False, cell)


def cpu(results: Results) -> str:
    def cell(party: str, case: tuple[str, str]) -> str:
        figures = [run.cpu_us for run in results.select(party, case, False)]
        return f"{median(figures):.1f} ({min(figures):.1f})"

    return by_case(results, "CPU µs per request (median and least)", results.parties, False, cell)


def throughput(results: Results) -> str:
    """Where the others' CPU exceeds the party's, the party was not what limited the throughput."""

    def cell(party: str, case: tuple[str, str]) -> str:
        runs = results.select(party, case, False)
        others = median([run.others_us for run in runs])
        limited = median([run.cpu_us for run in runs]) > others
        return f"{median([run.per_second for run in runs]):.0f}{'' if limited else ' †'}"

    title = "Requests per second on one CPU (†: the upstream and the load were the limit)"
    return by_case(results, title, results.parties, False, cell)


def latency(results: Results) -> str:
    def cell(party: str, case: tuple[str, str]) -> str:
        runs = results.select(party, case, True)
        return f"{median([run.p50 for run in runs]):.0f} / {median([run.p99 for run in runs]):.0f}"

    rates = {run.workload: run.rate for run in results.runs if run.rate is not None}
    listed = ", ".join(f"{workload} {rate:g}/s" for workload, rate in rates.items())
    title = f"Latency from the due time at a constant rate, µs, p50 / p99 ({listed})"
    return by_case(results, title, results.parties, True, cell)


def memory(results: Results) -> str:
    steps = list(results.memory[0].steps)
    by_party = {memory.party: memory.steps for memory in results.memory}
    rows = ([step, *(f"{by_party[party][step]:.1f}" for party in by_party)] for step in steps)
    return "### Resident memory, MiB\n\n" + table(["", *by_party], rows)
