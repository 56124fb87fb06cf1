#!/usr/bin/env python3
"""Measures the gateway beside Envoy and beside a proxy that transcodes nothing. bench/run.sh prepares and calls it."""

from __future__ import annotations

import argparse
import os
import resource
import sys
import time
from pathlib import Path

from harness import proc, report, verify
from harness.measure import IDLE_CONNECTIONS, Meter, Target, hold_connections
from harness.parties import BENCH, Cpus, Envoy, Floor, Gateway, Party, Stage
from harness.workloads import Workload, all_workloads

CONNECTIONS = [1, 16, 128]
LARGE = ["get-100k", "post-150k"]


def main() -> None:
    options = parse_options()
    raise_file_limit()
    options.out.mkdir(parents=True, exist_ok=True)
    workloads = [workload for workload in all_workloads() if workload.name in options.workloads]
    verify.leave_files(options.out, all_workloads())
    stage = Stage(options.out.resolve(), options.tools, Cpus.choose())
    stage.write_descriptors()
    try:
        benchmark(options, stage, workloads)
    finally:
        stage.stop_all()


def benchmark(options: argparse.Namespace, stage: Stage, workloads: list[Workload]) -> None:
    meter = Meter(stage, stage.start_upstream(), options.scale)
    parties = choose_parties(options)
    results = report.Results([party.name for party in parties])
    targets = [prepare(party, stage) for party in parties]
    if options.verify_only:
        return
    with (options.out / "runs.jsonl").open("w") as log:
        for run in rounds(options, meter, targets, workloads):
            results.runs.append(run)
            print(run.to_json(), file=log, flush=True)
    for target in targets:
        stage.stop(target.process)
    if options.memory:
        results.memory = [measure_memory(party, stage, meter) for party in parties]
    text = report.render(results)
    (options.out / "results.md").write_text(text)
    print(text)


def choose_parties(options: argparse.Namespace) -> list[Party]:
    known = [Envoy(options.envoy), Floor(), Gateway(options.gateway)]
    for pair in options.also:
        name, _, binary = pair.partition("=")
        known.append(Gateway(Path(binary), name))
    wanted = options.parties or [party.name for party in known]
    return [party for party in known if party.name in wanted]


def prepare(party: Party, stage: Stage) -> Target:
    """Starts a party and proves that it answers rightly."""
    process = party.start(stage)
    workloads = all_workloads()
    verify.wait_until_ready(process, workloads[0])
    sizes = verify.check(party, process, workloads)
    say(f"{party.name} answers rightly; sizes {sizes}")
    return Target(process, sizes)


def rounds(options: argparse.Namespace, meter: Meter, targets: list[Target], workloads: list[Workload]):
    """Every party in turn for each case, so that what else the machine does befalls all of them alike."""
    for target in targets:
        for workload in workloads:
            meter.warm_up(target, workload)
    for number in range(options.rounds):
        for workload in workloads:
            for connections in options.connections:
                for target in rotated(targets, number):
                    yield meter.throughput(target, workload, connections, number)
            if options.http2:
                for target in rotated(targets, number):
                    yield meter.multiplexed(target, workload, number)
        say(f"round {number + 1} of {options.rounds}")
    for number in range(options.latency_rounds):
        for workload in workloads:
            for target in rotated(targets, number):
                yield meter.latency(target, workload, number)
        say(f"latency round {number + 1} of {options.latency_rounds}")


def rotated(targets: list[Target], number: int) -> list[Target]:
    start = number % len(targets)
    return targets[start:] + targets[:start]


def measure_memory(party: Party, stage: Stage, meter: Meter) -> report.Memory:
    """Steps of a fresh process."""
    memory = report.Memory(party.name)
    target = prepare_fresh(party, stage)
    small, *_ = all_workloads()
    memory.steps["idle"] = settled_mib(target)
    held = hold_connections(target.process, small.path)
    memory.steps[f"{IDLE_CONNECTIONS} idle connections"] = settled_mib(target)
    for connection in held:
        connection.close()
    for workload in (workload for workload in all_workloads() if workload.name in LARGE):
        target.sizes = target.sizes or verify.check(party, target.process, all_workloads())
        meter.throughput(target, workload, max(CONNECTIONS), 0)
        memory.steps[f"after {workload.name} at {max(CONNECTIONS)} connections"] = settled_mib(target)
    stage.stop(target.process)
    return memory


def prepare_fresh(party: Party, stage: Stage) -> Target:
    """Starts a party that has answered nothing but one small request."""
    process = party.start(stage)
    verify.wait_until_ready(process, all_workloads()[0])
    return Target(process, {})


def settled_mib(target: Target) -> float:
    time.sleep(1.0)
    return proc.resident_mib(target.process.pid)


def raise_file_limit() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def say(text: str) -> None:
    print(f"# {time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def parse_options() -> argparse.Namespace:
    names = [workload.name for workload in all_workloads()]
    target = Path(os.environ.get("CARGO_TARGET_DIR", BENCH.parent / "target"))
    tools = Path(os.environ.get("CARGO_TARGET_DIR", BENCH / "tools" / "target"))
    packages = Path(sys.prefix) / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--rounds", type=int, default=5, help="of throughput (default 5)")
    add("--latency-rounds", type=int, default=3, help="of latency at a constant rate (default 3)")
    add("--workloads", type=words(names), default=names, help=f"comma list (default {','.join(names)})")
    add(
        "--connections",
        type=words(CONNECTIONS, int),
        default=CONNECTIONS,
        help="comma list (default 1,16,128)",
    )
    add("--parties", type=words(None), help="comma list (default: all)")
    add("--also", action="append", default=[], metavar="NAME=BINARY", help="another build of the gateway")
    add("--no-http2", dest="http2", action="store_false", help="only HTTP/1.1 connections")
    add("--scale", type=float, default=1.0, help="multiplies the numbers of requests")
    add("--quick", action="store_true", help="three short rounds at 16 connections, no latency, no memory")
    add("--verify-only", action="store_true", help="check the answers and measure nothing")
    add("--no-memory", dest="memory", action="store_false", help="do not measure memory")
    add("--gateway", type=Path, default=target / "release" / "gateway", help="the gateway's binary")
    add("--envoy", type=Path, default=packages / "envoy" / "_bin" / "envoy", help="Envoy's binary")
    add("--tools", type=Path, default=tools / "release" / "bench-tools", help="the tools' binary")
    add("--out", type=Path, default=BENCH / "out" / "last", help="folder of logs and results")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.latency_rounds, options.memory = 3, 0, False
        options.connections, options.scale = [16], min(options.scale, 0.5)
    return options


def words(known: list | None, convert=str):
    """Reads a comma list of known words."""

    def read(text: str) -> list:
        given = [convert(word) for word in text.split(",")]
        unknown = [word for word in given if known is not None and word not in known]
        if unknown:
            raise argparse.ArgumentTypeError(f"unknown: {', '.join(map(str, unknown))}")
        return given

    return read


if __name__ == "__main__":
    main()
