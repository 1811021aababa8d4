"""`annex`: one command, a file per sub-command; plugins bring further ones."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping

from app.bootstrap import Annex, build
from app.cli import apply, backup, demo, doctor, jobs, link, migrate, new, plan, sandbox, serve, verify
from app.discovery import find_plugins
from kernel.errors import AnnexError, BadInput
from kernel.extension import Command
from kernel.telemetry import mask, set_up_logs

BUILT_IN = (
    serve.SERVE,
    serve.WORKER,
    verify.VERIFY,
    doctor.DOCTOR,
    plan.PLAN,
    apply.APPLY,
    jobs.JOBS,
    jobs.REPLAY,
    link.LINK,
    backup.BACKUP,
    backup.RESTORE,
    migrate.MIGRATE,
)


def _simulate(argv: list[str]) -> int:
    from app.cli.simulate import main  # brings both emulated portals along, which no other command needs

    return main(argv)


ALONE: Mapping[str, tuple[str, Callable[[list[str]], int]]] = {
    "demo": ("plays two trading days on an emulated Planfix", demo.main),
    "simulate": ("seeded stories of a whole desk on an emulated portal; everything must agree at the end", _simulate),
    "sandbox": ("one emulated outside system", sandbox.main),
    "new": ("a new plugin or connector from a template", new.main),
}


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns its exit code. 0 well, 1 something found, 2 bad input, 3 set up wrong."""
    arguments = sys.argv[1:] if argv is None else argv
    if arguments and arguments[0] in ALONE:
        return ALONE[arguments[0]][1](arguments[1:])
    try:
        set_up_logs(os.environ.get("ANNEX_LOG", "warning"))
        brought = [command for plugin in find_plugins().values() for command in plugin.commands]
        parser = _parser(brought)
        args = parser.parse_args(arguments)
        annex = build()
        try:
            return _run(annex, args, brought)
        finally:
            annex.close()
    except BadInput as exc:
        print(f"annex: {mask(str(exc))}", file=sys.stderr)
        return 2
    except AnnexError as exc:
        print(f"annex: {mask(str(exc))}", file=sys.stderr)
        return 3
    except BrokenPipeError:
        # Whoever read our output has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _run(annex: Annex, args: argparse.Namespace, brought: list[Command]) -> int:
    for built_in in BUILT_IN:
        if built_in.name == args.command:
            return built_in.run(annex, args)
    command = next(command for command in brought if command.name == args.command)
    annex.migrate()
    return command.run(annex.runtime.portal, args)


def _parser(brought: list[Command]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="annex", description="The annex built onto a hosted CRM.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for built_in in BUILT_IN:
        built_in.arguments(commands.add_parser(built_in.name, help=built_in.help))
    for command in brought:
        command.arguments(commands.add_parser(command.name, help=command.help))
    for name, (text, _run_alone) in ALONE.items():
        commands.add_parser(name, help=text)
    return parser
