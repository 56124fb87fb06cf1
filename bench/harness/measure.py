"""Runs the load against a party and takes the figures."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from dataclasses import asdict, dataclass

from harness import proc
from harness.parties import LOCALHOST, Process, Stage
from harness.workloads import Workload

IDLE_CONNECTIONS = 1000
LATENCY_CONNECTIONS = 16
# Over HTTP/2: connections, and requests at a time on each of them.
HTTP2_CONNECTIONS = 4
HTTP2_STREAMS = 16


@dataclass
class Run:
    """The figures of one run of the load."""

    party: str
    workload: str
    connections: int
    streams: int | None  # at a time on each connection, over HTTP/2
    rate: float | None
    round: int
    requests: int
    wrong: int
    cpu_us: float  # of the party, per request
    others_us: float  # of the upstream and the load, per request
    per_second: float
    p50: int  # microseconds
    p99: int
    strangers: float  # CPUs that other processes of the machine used meanwhile

    @property
    def case(self) -> tuple[str, str]:
        """What was asked, and over how many connections."""
        if self.streams is None:
            return self.workload, str(self.connections)
        return self.workload, f"{self.connections} × {self.streams}, HTTP/2"

    def to_json(self) -> str:
        return json.dumps(asdict(self))


@dataclass
class Target:
    """A started party, with the sizes of its right answers."""

    process: Process
    sizes: dict[str, int]


@dataclass
class Clock:
    """CPU times at one moment."""

    party: float
    upstream: float
    load: float
    machine: float
    wall: float

    @classmethod
    def read(cls, party: Process, upstream: Process) -> Clock:
        times = os.times()
        load = times.children_user + times.children_system
        parties = proc.cpu_seconds(party.pid), proc.cpu_seconds(upstream.pid)
        return cls(*parties, load, proc.machine_seconds(), time.monotonic())

    def since(self, earlier: Clock) -> Clock:
        return Clock(*(getattr(self, name) - getattr(earlier, name) for name in asdict(self)))


class Meter:
    """Measures targets on a stage."""

    def __init__(self, stage: Stage, upstream: Process, scale: float):
        self.stage = stage
        self.upstream = upstream
        self.scale = scale

    def throughput(self, target: Target, workload: Workload, connections: int, number: int) -> Run:
        """As fast as the answers allow, a fixed number of requests."""
        requests = max(connections, round(workload.requests[connections] * self.scale))
        return self.run(target, workload, connections, number, requests, None)

    def multiplexed(self, target: Target, workload: Workload, number: int) -> Run:
        """The same over HTTP/2, many at a time on few connections."""
        requests = max(HTTP2_CONNECTIONS * HTTP2_STREAMS, round(workload.requests[16] * self.scale))
        return self.run(target, workload, HTTP2_CONNECTIONS, number, requests, None, HTTP2_STREAMS)

    def latency(self, target: Target, workload: Workload, number: int) -> Run:
        """At a constant rate, for some seconds."""
        requests = max(40, round(workload.rate * 5 * self.scale))
        return self.run(target, workload, LATENCY_CONNECTIONS, number, requests, workload.rate)

    def warm_up(self, target: Target, workload: Workload) -> None:
        self.run(target, workload, 16, 0, max(16, workload.requests[16] // 5), None)

    def run(self, target, workload, connections, number, requests, rate, streams=None) -> Run:
        command = self.command(target, workload, connections, requests, rate, streams)
        before = Clock.read(target.process, self.upstream)
        output = self.generate(command)
        spent = Clock.read(target.process, self.upstream).since(before)
        tally = json.loads(output)
        strangers = spent.machine - spent.party - spent.upstream - spent.load
        return Run(
            party=target.process.name,
            workload=workload.name,
            connections=connections,
            streams=streams,
            rate=rate,
            round=number,
            requests=requests,
            wrong=tally["wrong"],
            cpu_us=spent.party / requests * 1e6,
            others_us=(spent.upstream + spent.load) / requests * 1e6,
            per_second=tally["answered"] / tally["seconds"],
            p50=tally["p50"],
            p99=tally["p99"],
            strangers=max(0.0, strangers / spent.wall),
        )

    def command(self, target, workload, connections, requests, rate, streams) -> list[str]:
        flags = {
            "address": f"{LOCALHOST}:{target.process.port}",
            "path": workload.path,
            "body": workload.body_file(self.stage.folder),
            "connections": connections,
            "streams": streams,
            "requests": requests,
            "size": target.sizes[workload.name],
            "rate": rate,
            "warm-up": None if rate is None else requests // 10,
        }
        given = ((name, value) for name, value in flags.items() if value is not None)
        return [
            str(self.stage.tools),
            "load",
            *(w for name, value in given for w in (f"--{name}", str(value))),
        ]

    def generate(self, command: list[str]) -> str:
        load = subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, {self.stage.cpus.load}),
        )
        if load.returncode != 0:
            raise SystemExit(f"the load failed: {load.stderr.strip()}")
        return load.stdout


def hold_connections(process: Process, path: str) -> list[socket.socket]:
    """Opens connections, asks once on each, and leaves them open."""
    request = f"GET {path} HTTP/1.1\r\nhost: {LOCALHOST}\r\n\r\n".encode()
    held = []
    for _ in range(IDLE_CONNECTIONS):
        connection = socket.create_connection((LOCALHOST, process.port), timeout=10)
        connection.sendall(request)
        connection.recv(65536)
        held.append(connection)
    return held
