"""ONNX labels: finds the classes in a classifier's nodes.

Field numbers are those of onnx.proto3, attributes those of the operators of `ai.onnx.ml`:
github.com/onnx/onnx/blob/main/onnx/onnx.proto3, docs/Operators-ml.md
"""

from collections.abc import Iterator

from ... import protobuf

Labels = tuple[str, ...] | tuple[int, ...]

_GRAPH, _NODE = 7, 1  # of the model, of the graph
_OP_TYPE, _ATTRIBUTE, _DOMAIN = 4, 5, 7  # of a node
_NAME, _INTS, _STRINGS = 1, 8, 9  # of an attribute
_ML = b"ai.onnx.ml"
_LAST = b"ZipMap"
_CLASSIFIERS = frozenset({_LAST, b"LinearClassifier", b"SVMClassifier", b"TreeEnsembleClassifier"})
_TEXTS = b"classlabels_strings"
_NUMBERS = frozenset({b"classlabels_int64s", b"classlabels_ints"})
_SIGN, _WORD = 1 << 63, 1 << 64


def found(model: memoryview) -> Labels:
    """The labels of the graph's classifier; none where its nodes name several lists of them.

    What a ZipMap says counts before all others: it is what the graph answers with.

    Raises:
        ValueError: when it is not a message.
    """
    named = [(kind, labels) for kind, labels in _nodes(model) if labels]
    last = {labels for kind, labels in named if kind == _LAST}
    every = last or {labels for _, labels in named}
    return every.pop() if len(every) == 1 else ()


def _nodes(model: memoryview) -> Iterator[tuple[bytes, Labels]]:
    """The kind of each classifier, and its labels."""
    for graph in _messages(model, _GRAPH):
        for node in _messages(graph, _NODE):
            kind = b"".join(_messages(node, _OP_TYPE))
            if kind in _CLASSIFIERS and b"".join(_messages(node, _DOMAIN)) == _ML:
                yield kind, _labels(node)


def _labels(node: memoryview) -> Labels:
    for attribute in _messages(node, _ATTRIBUTE):
        name = b"".join(_messages(attribute, _NAME))
        if name == _TEXTS and (texts := tuple(_messages(attribute, _STRINGS))):
            return tuple(bytes(each).decode() for each in texts)
        if name in _NUMBERS and (numbers := tuple(_integers(attribute))):
            return numbers
    return ()


def _messages(data: memoryview, wanted: int) -> Iterator[memoryview]:
    """The messages, or texts, in a field."""
    for number, value in protobuf.fields(data):
        if number == wanted and isinstance(value, memoryview):
            yield value


def _integers(attribute: memoryview) -> Iterator[int]:
    """One by one, or packed."""
    for number, value in protobuf.fields(attribute):
        if number == _INTS:
            for each in [value] if isinstance(value, int) else protobuf.varints(value):
                yield each - _WORD if each & _SIGN else each
