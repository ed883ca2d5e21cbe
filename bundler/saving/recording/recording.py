"""Recording: calls a model with a sample, and records its signature and answers."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from ....runtime.data.rows import table
from ....runtime.data.samples import Samples, compare
from ....runtime.errors import BundleError, PredictionFailed, RequestError, in_short
from ....runtime.frameworks.framework import Framework
from ....runtime.manifests.signature import OBJECTS, Side, Signature
from ....runtime.models import batch_axis
from ...errors import SampleMismatch
from . import (
    advice,
    axes,
    class_names,
    independence,
    lengths,
    missing,
    rounding,
    sample_rows,
    signatures,
    table_labels,
)
from .axes import BatchAxis

ROWS = 8  # recorded of a sample
_HINT_ROWS = "Give rows as the model takes them, without labels."
_HINT_ANSWER = (
    "Answer with one prediction for each row, in order. Code that streams or awaits belongs in a "
    "service class."
)
_HINT_AXIS = "Answer with as many rows as there are in each output, or leave the others out."
_HINT_JSON = (
    "Answer with numbers, texts, times, or lists and dicts of those; a service class can convert "
    "what the model gives."
)
_HINT_FRAME = "Requests bring tables as pandas has them: take one, and convert it in the model."
_SCORES = ("predict_proba", "decision_function")
_WITHOUT_CATEGORIES = frozenset({"generic", "sklearn"})  # the others keep a list in the model


@dataclass(frozen=True, slots=True)
class Recording:
    """One method with its signature and, when its answers can be repeated, its samples."""

    method: str
    signature: Signature
    samples: Samples | None
    is_mixed: bool = False  # whether a row's answer is another beside other rows


def record(
    framework: Framework,
    model: Any,
    sample: Any,
    methods: tuple[str, ...],
    chosen: Mapping[str, Signature],
    axis: BatchAxis = 0,
) -> list[Recording]:
    """Call each method with the sample; `chosen` signatures are the author's own and stand.

    A method that was not asked for and fails is left out, the first one never. In a `Text` sample
    a whole number may stand for any number. A sample of arrays has its rows on `axis`, as the model
    takes them; in one of lists they are always first.

    Raises:
        SampleMismatch: when the model cannot be called with the sample.
    """
    declared = framework.signatures(model)
    recordings: list[Recording] = []
    named = framework.methods(model)
    rows: Any = None  # of the sample, as the model takes them
    for method in methods or named:
        known = chosen.get(method)
        inputs = known.inputs if known else getattr(declared.get(method), "inputs", None)
        if inputs and framework.is_typed and not known:
            inputs = axes.rows_first(inputs, axis)
        named_method = _Method(framework, model, method, known, axis)
        try:
            recorded = named_method.record(sample, inputs, declared.get(method))
        except SampleMismatch as error:
            if methods or not recordings:
                if framework.name == "generic" and not methods:  # the names were a guess
                    hint = advice.other_methods(model, named)
                    if hint:
                        raise SampleMismatch(error.args[0], hint=hint) from error.__cause__
                raise
            continue
        recordings.append(recorded)
        rows = named_method.rows
    others = set(named) - {each.method for each in recordings}
    is_mixed = any(each.is_mixed for each in recordings) or (
        framework.name == "sklearn"  # whose other methods are harmless to ask
        and any(_Method(framework, model, each, None).is_mixed(rows) for each in sorted(others))
    )
    return [_alone(each, chosen) for each in recordings] if is_mixed else recordings


def _alone(recording: Recording, chosen: Mapping[str, Signature]) -> Recording:
    """One call a request: what shows in one method of a model is so in all of them.

    A label is a score that was rounded; that it moves with the rows around is seen in the score.
    """
    if recording.method in chosen:
        return recording
    return replace(recording, signature=replace(recording.signature, batchable=False))


@dataclass(frozen=True, slots=True)
class Text:
    """A sample that was read from JSON or CSV."""

    rows: Any


class _Method:
    """One method of a live model."""

    def __init__(
        self,
        framework: Framework,
        model: Any,
        method: str,
        known: Signature | None,
        axis: BatchAxis = 0,
    ) -> None:
        self._framework = framework
        self._model = model
        self._method = method
        self._known = known
        self._axis = axis
        self._sides = known or Signature()  # on which axes the rows are
        self._is_foreign = False  # whether the sample is a table of another library than pandas
        self._given: Any = None  # the sample, before it was made like a request
        self.rows: Any = None  # of the sample, at most ROWS

    def record(
        self, sample: Any, declared: Side | None, typed: Signature | None = None
    ) -> Recording:
        """Its recording; `declared` are its inputs where they are known, `typed` what it says."""
        rows = sample_rows.plain(sample.rows if isinstance(sample, Text) else sample)
        self._is_foreign = not isinstance(sample, Text) and sample_rows.is_foreign(sample)
        self._given = table_labels.first(rows, ROWS)
        others: list[Any] = []
        if self._framework.name == "torch" and not (declared or self._known):
            rows, others = lengths.split(rows)
        batch = self._reported(lambda: self._batch(rows, declared))
        sample_rows.check(batch)
        batch = self._unnamed(rows, batch, declared)
        if isinstance(sample, Text) and isinstance(batch, list) and self._known is None:
            batch = self._stacked(batch)
        if isinstance(sample, (Text, list)) and self._known is None:
            batch = self._loosened(batch)
        if self._known is None and not (self._framework.is_typed and declared):
            declared = axes.of_batch(batch, self._axis)
            if self._framework.name in _WITHOUT_CATEGORIES:
                declared = signatures.with_categories(declared, batch)
        sample_rows.check_sayable(table.slice(batch, 0, ROWS))
        inputs = declared or OBJECTS
        fixed = inputs.fields[0].shape[0] if inputs.fields else None
        few = self._reported(lambda: table.slice(batch, 0, fixed or ROWS))
        self.rows = few
        if fixed is None and not self._known:
            self._reported(lambda: self._look(few))
        answer = self._reported(lambda: self._answered(few))
        inputs = self._nullable(inputs, batch)
        moved = self._sides.outputs
        outputs = moved if batch_axis.is_other(moved) else signatures.side_of(answer, "output")
        outputs = signatures.as_typed(outputs, typed)
        outputs = class_names.named(outputs, self._framework, self._model, self._method, answer)
        if others:
            inputs, outputs = self._freed(inputs, outputs, others)
        differs = self._differs(answer) if fixed is None else None
        signature = self._known or Signature(
            inputs, _free_batch(outputs, fixed), batchable=differs is False
        )
        samples = self._samples(signature, few)
        if samples is not None:
            table_labels.check_index(samples, self._given, self._tried)
        return Recording(self._method, signature, samples, bool(differs))

    def _batch(self, rows: Any, declared: Side | None) -> Any:
        """The sample as a batch with its rows first, as a list has them already."""
        has_rows_first = isinstance(rows, list)
        known = declared if has_rows_first or declared is None else axes.of_model(declared)
        batch = signatures.as_batch(rows, self._framework, known, self._model)
        if not self._axis and not batch_axis.is_other(self._sides.inputs):
            return batch
        if isinstance(batch, list) and (array := signatures.as_array(batch)) is not None:
            batch = array
        if not self._known:
            self._sides = Signature(axes.of_batch(batch, self._axis))
        return batch if has_rows_first else batch_axis.rows_first(batch, self._sides.inputs)

    def _look(self, few: Any) -> None:
        """See on which axes the outputs have the rows, where that may be another than the first."""
        answer = self._call(few)
        if self._axis or isinstance(answer, (tuple, Mapping)):
            outputs = axes.of_answer(self._call, few, answer)
            self._sides = Signature(self._sides.inputs, outputs)

    def _freed(self, inputs: Side, outputs: Side, others: list[Any]) -> tuple[Side, Side]:
        """Both sides with the axes free that are of another size in `others` and their answers."""
        batches = [each.astype(self.rows.dtype) for each in others]
        answers = self._reported(lambda: list(map(self._answered, batches)))
        other_inputs = [signatures.side_of(each, "input") for each in batches]
        other_outputs = [signatures.side_of(each, "output") for each in answers]
        return lengths.free(inputs, other_inputs), lengths.free(outputs, other_outputs)

    def is_mixed(self, rows: Any) -> bool:
        """Whether a row's answer is another beside other rows; False where it cannot be asked."""
        self.rows = rows
        try:
            return bool(self._differs(self._call(rows)))
        except Exception:  # noqa: BLE001  the method was not asked for
            return False

    def _differs(self, answer: Any) -> bool | None:
        if independence.is_of_sequences(self._model, self._method):
            return True
        return independence.differs(self._call, self.rows, answer)

    def _unnamed(self, sample: Any, batch: Any, declared: Side | None) -> Any:
        """A table as a matrix for a model that was fitted on one, where it takes no table.

        Not if names of its columns were lost: it might take `frame[[2]]` for the row. And a matrix
        that got names stays one where the model claims names that it does not take (FLAML).
        """
        given = signatures.as_array(sample) if isinstance(sample, list) else sample
        if isinstance(given, np.ndarray) and hasattr(batch, "columns"):
            has_names = self._tried(batch) is not None or self._tried(given) is None
            return batch if has_names else given
        is_matrix = declared is not None and declared.layout == "array"
        if not (is_matrix and signatures.is_matrix_of_numbers(batch)):
            return batch
        named = [str(name) for name in sample.columns] == list(sample.columns)
        return batch.to_numpy() if named and self._tried(batch) is None else batch

    def _nullable(self, inputs: Side, batch: Any) -> Side:
        """Mark the fields in which the model takes null; an author's own signature stands."""
        if self._known is not None or inputs.layout == "objects":
            return inputs
        inputs = missing.seen(inputs, batch)
        if self._framework.is_typed or self._framework.name == "generic":
            return inputs  # it would calculate with NaN and answer nonsense
        instances = self._instances(inputs, table.slice(batch, 0, 2))
        return missing.asked(
            inputs, instances, lambda rows: self._tried(rows) is not None and self._is_scored(rows)
        )

    def _is_scored(self, rows: Any) -> bool:
        """Whether no score behind a label is NaN: the largest of NaN and NaN is the first."""
        for name in _SCORES:
            if self._framework.name == "sklearn" and hasattr(self._model, name):
                try:
                    _plain(self._framework.call(self._model, name, rows))
                except PredictionFailed:
                    return False
                except Exception:  # noqa: BLE001, S112  the label was made of something else
                    continue
        return True

    def _stacked(self, batch: list[Any]) -> Any:
        """Rows of numbers as an array, if the model takes that and answers as it does for a list.

        JSON has only lists; which of them is an array, the function knows.
        """
        array = signatures.as_array(batch)
        if array is None:
            return batch
        listed, stacked = self._tried(batch), self._tried(array)
        if stacked is None or (listed is not None and compare(listed, stacked)):
            return batch
        return array

    def _loosened(self, batch: Any) -> Any:
        """Whole numbers as floats, if the model takes those too and answers the same.

        Text cannot say of what dtype 3 is, and the next row may hold 3.5.
        """
        floats = signatures.as_floats(batch)
        if self._framework.is_typed and self._framework.signatures(self._model):
            return batch
        exact, loose = self._tried(batch), self._tried(floats)
        if loose is None or (exact is not None and compare(exact, loose)):
            return batch
        return floats

    def _tried(self, batch: Any) -> list[Any] | None:
        try:
            return table.to_instances(self._call(batch))
        except Exception:  # noqa: BLE001  it is only asked whether it can
            return None

    def _call(self, batch: Any) -> Any:
        call = partial(self._framework.call, self._model, self._method)
        answer = batch_axis.call(call, self._sides, sample_rows.copied(batch))
        if inspect.iscoroutine(answer):
            answer.close()  # nobody will await it
            raise PredictionFailed("The model answered with a `coroutine`, not with rows.")
        return answer

    def _answered(self, batch: Any) -> Any:
        """The answer, if it is one that a request could get."""
        answer = self._call(batch)
        table.rows(answer)
        table.to_instances(answer, nan_as_null=True)
        return answer

    def _reported(self, step: Callable[[], Any]) -> Any:
        """Run the author's model; what it raises becomes a `SampleMismatch` with a hint."""
        try:
            return step()
        except PredictionFailed as error:
            raise SampleMismatch(error.detail, hint=_hint_of(error.detail)) from error
        except RequestError as error:
            raise SampleMismatch(
                f"`{self._method}` does not take the sample: {error.detail}", hint=_HINT_ROWS
            ) from error
        except BundleError as error:
            raise SampleMismatch(
                f"`{self._method}` fails on the sample: {error}", hint=error.hint
            ) from error
        except Exception as error:
            raise SampleMismatch(
                f"`{self._method}` fails on the sample: {in_short(error)}.", hint=self._hint(error)
            ) from error

    def _hint(self, error: Exception) -> str:
        if self._is_foreign:
            return _HINT_FRAME
        if (hint := table_labels.hint(self._given, self._tried)) is not None:
            return hint
        return advice.rows(error, self._model, self._method, self._call, self.rows)

    def _samples(self, signature: Signature, batch: Any) -> Samples | None:
        """The rows and answers in the wire's form, if the same come again."""
        instances = self._instances(signature.inputs, batch)
        if not instances:
            return None
        call = lambda: _plain(self._call(table.collate(signature.inputs, instances)))  # noqa: E731
        try:
            outputs = self._reported(call)
        except SampleMismatch as error:
            if isinstance(error.__cause__, PredictionFailed):
                return None  # not JSON, or not a number: the server says so, request by request
            if isinstance(error.__cause__, RequestError):
                raise
            raise SampleMismatch(
                f"`{self._method}` answers the sample, but fails on the same rows as a request "
                f"brings them: {in_short(error.__cause__ or error)}.",
                hint=sample_rows.TEXTS,
            ) from error
        again = self._reported(call)
        if compare(outputs, again):
            return None
        if len(instances) == table.rows(batch):
            sample_rows.check_alike(self._method, signature.inputs, self._tried(batch), outputs)
        return Samples(self._method, instances, rounding.rounded(outputs))

    def _instances(self, inputs: Side, batch: Any) -> list[Any]:
        """Those rows that JSON can say; with a fixed batch, all or none."""
        null = any(field.is_nullable for field in inputs.fields)
        rows = []
        for position in range(table.rows(batch)):
            try:
                one = table.slice(batch, position, position + 1)
                rows += table.to_instances(one, nan_as_null=null)
            except PredictionFailed:  # an infinite value, or an object that is not JSON
                if inputs.fields and inputs.fields[0].shape[0] is not None:
                    return []
        return rows


def _hint_of(detail: str) -> str:
    if detail.endswith("not JSON."):
        return _HINT_JSON
    return _HINT_AXIS if "differ in their number of rows" in detail else _HINT_ANSWER


def _plain(answer: Any) -> list[Any]:
    return table.to_instances(answer)


def _free_batch(side: Side, fixed: int | None) -> Side:
    if fixed is None or not side.fields:
        return side
    fields = (replace(field, shape=(fixed, *field.shape[1:])) for field in side.fields)
    return Side(side.layout, tuple(fields))
