"""What errors repeat is escaped and never longer than anybody reads."""

from modelbundle.bundler.untrusted.quotation import quoted, shortened


def test_a_name_is_escaped_and_cut():
    assert quoted("a\nb") == r"'a\nb'"
    assert quoted(b"\xff") == r"'\xff'"
    assert len(quoted("x" * 100_000)) < 120
    assert "100,000" in quoted("x" * 100_000)


def test_a_line_keeps_its_beginning_and_its_end():
    text = "short\n" + "a" * 50_000 + "the reason"
    first, second = shortened(text).split("\n")
    assert first == "short"
    assert second.startswith("aaa")
    assert second.endswith("the reason")
    assert len(second) < 1100
    assert shortened("x" * 1000) == "x" * 1000
