"""The command that starts and stops a real HAPI server on this machine, one for each port."""

from __future__ import annotations

from typing import Any

from fhir_blina.cli.reading import Options, terminal_of
from fhir_blina.cli.terminal import Terminal
from fhir_blina.errors import StoreRefused


def server(options: Options) -> int:
    """Start and stop a real HAPI server on this machine."""
    from dataclasses import asdict

    from fhir_blina.hapi import server as local

    terminal = terminal_of(options)
    if options.action == "status" and options.port is None and len(local.ports()) > 1:
        return _all_servers([local.status(port=port) for port in local.ports()], terminal)
    port = _port(options, local)
    if options.action == "start":
        with terminal.step("server") as step:
            state = local.start(
                address=options.address,
                port=port,
                database=options.database,
                engine=options.engine,
                wait_seconds=options.wait,
                progress=step.progress,
            )
            step.summary = f"ready at {state.url}"
    elif options.action == "logs":
        terminal.result(local.logs(port=port))
        return 0
    elif options.action == "stop":
        terminal.say("stopped" if local.stop(port=port) else f"no server of ours runs at port {port}")
        state = local.status(port=port)
    elif options.action == "reset":
        local.reset(port=port)
        terminal.say("stopped, and all that it stored is deleted")
        state = local.status(port=port)
    else:
        state = local.status(port=port)
    terminal.answer(asdict(state))
    if options.action in {"start", "status"}:
        terminal.result(_server_line(state))
    return 0


def _port(options: Options, local: Any) -> int:
    """The port that is meant: the one that is said, else the only one with a server, else the usual one."""
    if options.port is not None or options.action == "start":
        return int(options.port or local.PORT)
    running = local.ports()
    if len(running) > 1:
        raise StoreRefused(f"servers run at ports {', '.join(map(str, running))}. Say which one by --port")
    return int(running[0]) if running else int(local.PORT)


def _all_servers(states: list[Any], terminal: Terminal) -> int:
    from dataclasses import asdict

    terminal.answer({"servers": [asdict(state) for state in states]})
    for state in states:
        terminal.result(_server_line(state))
    return 0


def _server_line(state: Any) -> str:
    word = "ready" if state.ready else "starting" if state.running else "not running"
    return f"{word} {state.url} {state.engine} {state.database}".strip()
