"""Starts and stops processes: the upstream, and the parties that are measured before it."""

from __future__ import annotations

import os
import signal
import socket
import string
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from harness import workloads

BENCH = Path(__file__).resolve().parent.parent
LOCALHOST = "127.0.0.1"
START_LIMIT = 20.0  # seconds


@dataclass(frozen=True)
class Cpus:
    """Who runs where: a party has a CPU for itself, as far as this machine has enough of them."""

    party: int
    upstream: int
    load: int

    @classmethod
    def choose(cls) -> Cpus:
        cpus = sorted(os.sched_getaffinity(0))
        return cls(cpus[0], cpus[1 % len(cpus)], cpus[2 % len(cpus)] if len(cpus) > 2 else cpus[-1])


@dataclass
class Process:
    """A running server."""

    name: str
    port: int
    child: subprocess.Popen

    @property
    def pid(self) -> int:
        return self.child.pid

    def stop(self) -> None:
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
        try:
            self.child.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()


@dataclass
class Stage:
    """Where the processes run: their files, their CPUs, and the upstream's port."""

    folder: Path
    tools: Path
    cpus: Cpus
    upstream_port: int = 0
    running: list[Process] = field(default_factory=list)

    def start(self, name: str, command: list[str], port: int, cpu: int, env: dict[str, str]) -> Process:
        """Starts a server and waits until it listens."""
        log = self.folder / f"{name}.log"
        with log.open("wb") as output:
            child = subprocess.Popen(
                command,
                cwd=BENCH,
                env=os.environ | env,
                stdout=output,
                stderr=subprocess.STDOUT,
                preexec_fn=lambda: os.sched_setaffinity(0, {cpu}),
            )
        process = Process(name, port, child)
        self.running.append(process)
        wait_until_listening(process, log)
        return process

    @property
    def descriptors(self) -> Path:
        return self.folder / "bench.binpb"

    def write_descriptors(self) -> None:
        subprocess.run([str(self.tools), "descriptors", "--out", str(self.descriptors)], check=True)

    def start_upstream(self) -> Process:
        self.upstream_port = free_port()
        command = [str(self.tools), "upstream", "--listen", f"{LOCALHOST}:{self.upstream_port}"]
        return self.start("upstream", command, self.upstream_port, self.cpus.upstream, {})

    def stop(self, process: Process) -> None:
        process.stop()
        self.running.remove(process)

    def stop_all(self) -> None:
        for process in reversed(list(self.running)):
            self.stop(process)


class Party:
    """A thing to be measured, which can be started any number of times."""

    name: str
    transcodes = True

    def start(self, stage: Stage) -> Process:
        port = free_port()
        command, env = self.command(stage, port)
        return stage.start(self.name, command, port, stage.cpus.party, env)

    def command(self, stage: Stage, port: int) -> tuple[list[str], dict[str, str]]:
        raise NotImplementedError


@dataclass
class Gateway(Party):
    """This project, with one worker."""

    binary: Path
    name: str = "gateway"

    def command(self, stage: Stage, port: int) -> tuple[list[str], dict[str, str]]:
        env = {
            "PORT": port,
            "ADMIN_PORT": free_port(),
            "UPSTREAM_PORT": stage.upstream_port,
            "DESCRIPTORS": stage.descriptors,
        }
        command = [str(self.binary), "serve", "--config", "routes.yaml", "--workers", "1"]
        return command, {key: str(value) for key, value in env.items()}


@dataclass
class Envoy(Party):
    """Envoy's gRPC-JSON transcoder, with one worker."""

    binary: Path
    name: str = "envoy"

    def command(self, stage: Stage, port: int) -> tuple[list[str], dict[str, str]]:
        template = string.Template((BENCH / "envoy.yaml").read_text())
        values = {"PORT": port, "UPSTREAM_PORT": stage.upstream_port, "DESCRIPTORS": stage.descriptors}
        config = stage.folder / "envoy.yaml"
        config.write_text(template.substitute(values))
        options = ["--concurrency", "1", "--disable-hot-restart", "--log-level", "warning"]
        return [str(self.binary), "--config-path", str(config), *options], {}


@dataclass
class Floor(Party):
    """A proxy that transcodes nothing."""

    name: str = "floor"
    transcodes = False

    def command(self, stage: Stage, port: int) -> tuple[list[str], dict[str, str]]:
        flags = {
            "listen": f"{LOCALHOST}:{port}",
            "upstream": f"{LOCALHOST}:{stage.upstream_port}",
            "answers": stage.folder,
            "page-size": workloads.PAGE_SIZE,
            "few-items": workloads.FEW_ITEMS,
            "many-items": workloads.MANY_ITEMS,
        }
        words = [word for name, value in flags.items() for word in (f"--{name}", str(value))]
        return [str(stage.tools), "floor", *words], {}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOCALHOST, 0))
        return probe.getsockname()[1]


def wait_until_listening(process: Process, log: Path) -> None:
    deadline = time.monotonic() + START_LIMIT
    while time.monotonic() < deadline:
        if process.child.poll() is not None:
            raise SystemExit(f"{process.name} ended while starting:\n{log.read_text(errors='replace')}")
        with socket.socket() as probe:
            if probe.connect_ex((LOCALHOST, process.port)) == 0:
                return
        time.sleep(0.02)
    raise SystemExit(f"{process.name} does not listen after {START_LIMIT} s, see {log}")
