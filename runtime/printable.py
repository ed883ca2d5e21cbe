"""Makes text safe to print: it can neither move the cursor nor forge a line."""


def printable(text: str) -> str:
    r"""`text` with everything that is not printable written as `\x..`."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
