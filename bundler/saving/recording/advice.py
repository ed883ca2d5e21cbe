"""Advice: what to change when a model does not accept its sample."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ....runtime.data.samples import Samples
from ....runtime.first_few import first_few

_ROWS = "Give rows as the model takes them, without labels."
_LISTED = "One row is given as a list of one: `[row]`."
_SHOWN = 6  # methods or columns in a hint


def other_methods(model: Any, tried: Sequence[str]) -> str | None:
    """A hint at other methods that could be served, where those of the usual names fail."""
    found = [
        name
        for name in dir(model)
        if name.startswith(("predict", "transform")) and name not in tried
        if callable(getattr(model, name, None))
    ]
    if not found:
        return None
    shown = ", ".join(f"`{name}`" for name in found[:_SHOWN])
    return f"It has {shown}: name what is to be served, with `--method {found[0]}`."


def of_class(model: Any) -> str | None:
    """A hint to save an object, if the model is a class; else None."""
    if not isinstance(model, type):
        return None
    name = model.__qualname__
    return f"`{name}` is a class, not yet a model: save an object of it, `{name}(...)`."


def of_weights(model: Any) -> str | None:
    """A hint to save the module, if the model is a `state_dict` or a checkpoint; else None."""
    parts = [model, *model.values()] if isinstance(model, Mapping) else []
    if not any(isinstance(part, Mapping) and _are_tensors(part) for part in parts):
        return None
    return (
        "It has weights alone, without the class that uses them: make the module, give it these "
        "with `module.load_state_dict(...)`, and save the module."
    )


def _are_tensors(part: Mapping[Any, Any]) -> bool:
    return bool(part) and all(type(each).__module__.startswith("torch") for each in part.values())


def rows(error: Exception, model: Any, method: str, call: Callable[[Any], Any], batch: Any) -> str:
    """A hint for a method that fails on its sample: how to give rows, or that it takes only one."""
    if "1D array" in str(error):
        return _LISTED
    if "eature names" in str(error) and (named := _columns(model, batch)):
        return named
    if isinstance(batch, Mapping) and not hasattr(model, "forward"):  # a module gets them by name
        given = ", ".join(f'rows["{name}"]' for name in batch)
        return f"It gets its inputs as one dict of arrays: `lambda rows: model({given})`."
    if not isinstance(batch, list) or not _succeeds(lambda: call(batch[0])):
        return _ROWS
    name = f"model.{method}" if hasattr(model, method) else "model"
    return (
        f"`{method}` takes one row, and requests bring several: save a function of rows, such as "
        f"`lambda rows: [{name}(row) for row in rows]`."
    )


def _columns(model: Any, batch: Any) -> str | None:
    """The columns that a scikit-learn model was fitted on, and how the sample's differ."""
    fitted = [str(name) for name in getattr(model, "feature_names_in_", ())]
    given = [str(name) for name in getattr(batch, "columns", ())]
    if not fitted or not given:
        return None
    lacks = first_few([name for name in fitted if name not in given], _SHOWN, "`")
    adds = first_few([name for name in given if name not in fitted], _SHOWN, "`")
    unlike = [f"lacks {lacks}"] * bool(lacks) + [f"also has {adds}"] * bool(adds)
    difference = f" The sample {' and '.join(unlike)}." if unlike else ""
    names = first_few(fitted, _SHOWN, "`")
    return f"It was fitted on the columns {names}, in this order.{difference}"


def counts(recorded: Iterable[Samples | None]) -> str | None:
    """A warning for a method that does not answer with one row for each row."""
    for samples in recorded:
        if samples is not None and len(samples.outputs) != len(samples.inputs) > 1:
            return (
                f"`{samples.method}` answered {len(samples.outputs)} rows for the "
                f"{len(samples.inputs)} of the sample: clients get them as they are, and cannot "
                "tell which row an answer is for."
            )
    return None


def unrecorded(recorded: Mapping[str, Samples | None]) -> str | None:
    """A note on methods whose answers to the sample could not be recorded."""
    without = [f"`{method}`" for method, samples in recorded.items() if samples is None]
    if not without:
        return None
    return (
        f"No answers of {' and '.join(without)} are recorded: they change from call to call, or "
        "hold NaN or another missing value. `bundle test` has nothing to compare."
    )


def mixed(methods: Sequence[str], framework: str) -> str | None:
    """A note on methods whose answer to a row depends on the rows around it."""
    if not methods:
        return None
    listed = " and ".join(f"`{method}`" for method in methods)
    note = f"What {listed} answers for a row depends on the other rows: requests share no calls."
    if framework != "torch":
        return note
    return f"{note} If its first axis is that of steps, save it with `batch_axis=1`."


def _succeeds(step: Callable[[], Any]) -> bool:
    try:
        step()
    except Exception:  # noqa: BLE001  it is only asked whether it can
        return False
    return True
