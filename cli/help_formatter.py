"""Help formatter: folds the help to terminals of any width, where click stops at 50 columns."""

from collections.abc import Iterable

from click import Context, HelpFormatter

_USUAL = 50  # columns; a narrower one needs its own layout
_LEAST = 24


class FoldingFormatter(HelpFormatter):
    """click's; in a narrow terminal, long options have a line of their own above their text."""

    def __init__(
        self, indent_increment: int = 2, width: int | None = None, max_width: int | None = None
    ) -> None:
        """As click's; `width` is the terminal's where None."""
        import shutil

        columns = shutil.get_terminal_size().columns - 2
        if width is None and columns < _USUAL:
            width = max(columns, _LEAST)
        super().__init__(indent_increment, width, max_width)

    def write_dl(
        self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2
    ) -> None:
        """Write terms and what they mean, side by side where there is room."""
        if self.width < _USUAL:
            col_max = self.width // 3
        super().write_dl(rows, col_max, col_spacing)


class HelpContext(Context):
    """click's, with help that folds."""

    formatter_class = FoldingFormatter
