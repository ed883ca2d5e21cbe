"""Read ENV and LABEL as Docker does: an independent, literal reading of its parser's rules."""

import re


def read(text, variables=()):
    """The (instruction, {name: value}) of each ENV and LABEL in a Dockerfile."""
    found = []
    for line in logical_lines(text):
        instruction, _, rest = line.partition(" ")
        if instruction in {"ENV", "LABEL"}:
            words = [expand(word, dict(variables)) for word in split(rest)]
            found.append((instruction, dict(word.split("=", 1) for word in words)))
    return found


def logical_lines(text):
    """Join continued lines; comments and empty lines vanish, also between continued ones."""
    whole = ""
    for line in (physical.removesuffix("\r").lstrip() for physical in text.split("\n")):
        if not line or line.startswith("#"):
            continue
        continued = re.search(r"\\[ \t]*$", line)
        whole += line[: continued.start()] if continued else line
        if not continued:
            yield whole.strip()
            whole = ""
    assert not whole, "the file ends in the middle of an instruction"


def split(text):
    """Words at white space outside quotes; quotes and escapes stay in."""
    words, word, quoted, escaped = [], "", "", False
    for character in text:
        if not quoted and not escaped and character.isspace():
            words += [word] if word else []
            word = ""
            continue
        word += character
        if escaped:
            escaped = False
        elif character == "\\" and quoted != "'":
            escaped = True
        elif quoted:
            quoted = "" if character == quoted else quoted
        elif character in "\"'":
            quoted = character
    assert not quoted, f"an open quote in {text!r}"
    return words + ([word] if word else [])


def expand(word, variables):
    """Take quotes and escapes away, and put variables in."""
    text, quoted, at = "", "", 0
    while at < len(word):
        character = word[at]
        following = word[at + 1 : at + 2]
        if quoted == "'":
            text, quoted = (text, "") if character == "'" else (text + character, quoted)
        elif character == "\\" and (not quoted or following in {'"', "$", "\\"}):
            text, at = text + following, at + 1
        elif character == "$":
            name = re.match(r"\w+|\{\w+\}", word[at + 1 :])
            assert name, f"a bare $ in {word!r}"
            text, at = text + variables.get(name[0].strip("{}"), ""), at + name.end()
        elif character == quoted:
            quoted = ""
        elif not quoted and character in "\"'":
            quoted = character
        else:
            text += character
        at += 1
    return text
