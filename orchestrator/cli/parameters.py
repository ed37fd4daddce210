"""What flags mean: the value types, the options that several commands share, and help that names what there is."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

RETRIABLE = ("refused", "filtered", "truncated", "unparsed")


class Usd(click.ParamType[int]):
    """A positive amount in dollars, as integer nano-dollars."""

    name = "USD"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return nano-dollars; fails for anything that is not a positive amount with at most nine decimals."""
        if isinstance(value, int):
            return value
        try:
            amount = Decimal(str(value).removeprefix("$")).scaleb(9)
        except InvalidOperation:
            self.fail(f"{value!r} is no amount in dollars", param, ctx)
        if not amount.is_finite() or not 0 < amount <= 10**18 or amount != amount.to_integral_value():
            self.fail(f"{value!r} is no positive amount in dollars with at most nine decimals", param, ctx)
        return int(amount)


class Rotations(click.ParamType[int | None]):
    """A number of rotations, or `auto` (None)."""

    name = "K|auto"
    MOST = 26

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int | None:
        """Return the number; fails for one that no item can have."""
        if str(value).lower() == "auto":
            return None
        if not str(value).isdecimal() or not 1 <= int(str(value)) <= self.MOST:
            self.fail(f"{value!r} is neither auto nor a number from 1 to {self.MOST}", param, ctx)
        return int(str(value))


class Outcomes(click.ParamType[frozenset[str]]):
    """A comma-separated list of outcomes that may be asked again."""

    name = "OUTCOMES"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> frozenset[str]:
        """Return the names; fails for one that cannot be asked again."""
        if isinstance(value, frozenset):
            return value
        names = frozenset(name.strip() for name in str(value).split(",") if name.strip())
        if unknown := sorted(names - set(RETRIABLE)):
            self.fail(f"{unknown[0]!r} cannot be asked again; choose from {', '.join(RETRIABLE)}", param, ctx)
        return names


class Listing(click.Command):
    """A command whose help ends with the members of an enum, which is imported only when the help is shown."""

    def __init__(self, *args: Any, listing: Callable[[], str], **settings: Any) -> None:  # noqa: ANN401 - click's own
        super().__init__(*args, **settings)
        self.listing = listing

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list below the options."""
        self.epilog = self.listing()
        super().format_epilog(ctx, formatter)


def _together(*options: Callable[[F], F]) -> Callable[[F], F]:
    def decorate(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


FILE = click.Path(path_type=Path)
STDOUT = Path("-")


def or_stdout(ctx: click.Context, param: click.Parameter, path: Path) -> Path:
    """Return where to write: for `-` what stdout goes to."""
    return Path("/dev/stdout") if path == STDOUT else path


def not_stdout(ctx: click.Context, param: click.Parameter, path: Path | None) -> Path | None:
    """Refuse `-` where the command prints something else on stdout."""
    if path == STDOUT:
        raise click.BadParameter("stdout is taken by what the command prints; name a file", ctx, param)
    return path


workspace_options = _together(
    click.option("--providers", type=FILE, metavar="FILE", help="providers.toml to use instead of the one found."),
    click.option("--cache", type=FILE, metavar="FILE", help="Cache to use instead of the one beside providers.toml."),
)


def where(providers: Path | None, cache: Path | None) -> list[str]:
    """Return the words of these options, for a command that is to find the same."""
    flags = (("--providers", providers), ("--cache", cache))
    return [str(word) for flag in flags if flag[1] for word in flag]


format_option = click.option(
    "--format",
    "form",
    type=click.Choice(["terminal", "markdown", "latex", "csv"]),
    default="terminal",
    show_default=True,
    help="Form of the tables.",
)


def one_form(as_json: bool, form: str) -> None:
    """Refuse a form of the tables where one JSON object is to be printed instead of them."""
    if as_json and form != "terminal":
        raise click.UsageError(f"--json prints one object and no tables: leave out --format {form}, or --json")


json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
models_option = click.option("-m", "--model", "models", multiple=True, metavar="MODEL", help="Model alias; repeatable.")
