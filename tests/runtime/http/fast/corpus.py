"""What both ways into a server must say alike, to the byte, to requests in any pieces."""

import itertools

from hypothesis import strategies as st


def post(body, *headers, path="/predict", version="1.1"):
    """A request as most clients send it."""
    lines = [f"POST {path} HTTP/{version}", "Host: x", *headers, f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Moody:
    """Adds up rows; has no answer for some, and raises for others."""

    def predict(self, rows):
        first = rows[:, 0]
        if (first == -1).any():
            raise ValueError("not that one")
        sums = rows.sum(axis=1)
        sums[first == -4] = float("nan")
        return sums


class Corpus:
    """Requests by their names; `fatal` ones end their connection, as `last` does for good."""

    def __init__(self, whole, fatal, last):
        self.whole, self.last = whole, last
        self.all = whole | fatal

    def check(self, hear, name):
        """The same is said, and again once the head of the request is known."""
        raw = self.all[name]
        fast, asgi = hear([raw, self.last])
        assert fast == asgi
        assert fast.count(b"HTTP/1.1 ") >= (2 if name in self.whole else 1)
        fast, asgi = hear([raw] * 4 + [self.last])
        assert fast == asgi

    def check_cut(self, hear, name, step=1):
        """The same is said, wherever the request is cut in two."""
        raw = self.all[name]
        whole, _ = hear([raw + self.last])
        for place in range(1, len(raw), step):
            fast, asgi = hear([raw[:place], raw[place:] + self.last])
            assert fast == asgi == whole

    def in_pieces(self):
        """Several of them, one behind the other, in pieces of any sizes."""
        names = st.lists(st.sampled_from(sorted(self.all)), min_size=1, max_size=6)
        return st.tuples(names, st.lists(st.integers(0, 2000), max_size=6)).map(self._pieces)

    def _pieces(self, drawn):
        names, cuts = drawn
        raw = b"".join(self.all[name] for name in names) + self.last
        places = sorted({0, len(raw), *(cut % len(raw) for cut in cuts)})
        return [raw[start:stop] for start, stop in itertools.pairwise(places)]
