"""What is said of a word that a verb does not expect: mostly its option was left out."""

from typing import Any

import typer
from typer.core import TyperCommand, TyperOption


class VerbCommand(TyperCommand):
    """A verb that says which option a word too many is for, and what a word is that is missing."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Refuse a word too many before an option that is missing: `export-model FOLDER out.onnx` lacks only `--to`.

        The context is click's, or that of typer's own copy of click.
        """
        given, extra, _ = self.make_parser(ctx).parse_args(args=list(args))
        if extra and not given.get("help") and not ctx.resilient_parsing:
            ctx.fail(f"'{extra[0]}' is one word too many{self._advice(extra[0], given)}")
        try:
            return super().parse_args(ctx, args)
        except typer.BadParameter as error:
            if error.param is not None and not error.message:  # so it is where a word is missing
                error.message = getattr(error.param, "help", None) or ""
            raise

    def _advice(self, word: str, given: dict[str, Any]) -> str:
        options = [option for option in self.params if isinstance(option, TyperOption) and not option.is_flag]
        free = [option.opts[-1] for option in options if option.multiple or not given.get(option.name or "")]
        if "--set" in free and "=" in word:
            return f"; to change a key: --set {word}"
        if "--to" in free:
            return f"; to write there: --to {word}"
        others = ", ".join(name for name in free if name != "--set")
        return f"; if it belongs to an option, put that before it: {others}" if others else ""
