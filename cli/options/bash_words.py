"""Words as a person typed them: bash breaks `iris:1.4` and `iris@prod` into three each."""

import os
import re

from click.shell_completion import (
    BashComplete,
    CompletionItem,
    add_completion_class,
    split_arg_string,
)

_BREAK = re.compile(r"[:@]+")


class WholeWords(BashComplete):
    """Completion in bash: puts broken words together, and answers with the last part."""

    _kept = 0  # characters of the word at the cursor that bash keeps

    def get_completion_args(self) -> tuple[list[str], str]:
        """The words before the cursor, and the one at it."""
        words = split_arg_string(os.environ["COMP_WORDS"])
        at = int(os.environ["COMP_CWORD"])
        before, current, self._kept = join(words[:at], words[at] if at < len(words) else "")
        return before[1:], current

    def format_completion(self, item: CompletionItem) -> str:
        """What bash puts in the place of the last part."""
        return str(item.value)[self._kept :]


def join(before: list[str], current: str) -> tuple[list[str], str, int]:
    """Whole words, the one at the cursor, and how many characters of it are not replaced."""
    words: list[str] = []
    goes_on = False
    for word in before:
        is_break = bool(_BREAK.fullmatch(word))
        if words and (is_break or goes_on):
            words[-1] += word
        else:
            words.append(word)
        goes_on = is_break
    if not words or not current or not (goes_on or _BREAK.fullmatch(current)):
        return words, current, 0  # nothing at the cursor: a space was typed
    whole = words.pop() + current
    place = max(whole.rfind(":"), whole.rfind("@"))
    return words, whole, place + (whole[place] == ":")  # readline replaces an `@` as well


def install() -> None:
    """Take the place of typer's completion in bash."""
    add_completion_class(WholeWords, "bash")
