"""Saving: saves a trained model, or a library's own file, in the store."""

import os
import warnings
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...runtime.errors import BundleError, MissingFramework, NotTrusted, in_short
from ...runtime.frameworks import registry
from ...runtime.frameworks.framework import Framework, Saved
from ...runtime.manifests.signature import Class, Signature
from ...runtime.models.model import LoadedModel
from ...runtime.pickles.scanning import scan
from ..errors import InvalidSource, SampleMismatch, UnsupportedModel
from ..progress import SILENT, Progress
from ..store import Item, Store
from ..store.files import disk
from ..tag import check_name
from . import absent_code, model_source, opening, rehearsal, save_options
from .draft import Draft
from .file_source import FileSource
from .foreign import remote
from .pickle_fault import unpicklable
from .recording import advice, recording, replay
from .recording.axes import BatchAxis
from .recording.recording import Recording
from .save_options import SaveOptions

__all__ = ["SaveOptions", "load", "save", "save_file", "save_object", "save_source"]

_REPLAYED = 1 << 30  # bytes: a larger model is not loaded a second time to compare its answers
_NOTHING_TO_CALL = (
    "There is nothing to call on it: it is kept as an object, for `modelbundle.load` and services."
)
_ABSENT = (
    "Its code imports `{module}` when it is called, which is not saved with it: import it at the "
    "top of its module, or serve a bundle whose `src/` has it."
)
_NOT_OPENED = (
    "It was not opened, because that may run code: only `predict` is known of it. With `--trust` "
    "its methods and inputs are read, too"
)
_HINT_METHODS = "Name its methods (`--method NAME`, methods=[...]), or save it without a sample."
_HINT_WEIGHTS = "Save the module itself: `bundle save NAME module:attribute`."


def save(  # noqa: PLR0913  the author's face: each is a word of theirs
    name: str,
    model: Any,
    *,
    sample: Any = None,
    methods: tuple[str, ...] | list[str] = (),
    signatures: Mapping[str, Signature | Mapping[str, Any]] | None = None,
    classes: Sequence[Class] = (),
    labels: Mapping[str, str] | None = None,
    metadata: Mapping[str, Any] | None = None,
    version: str | None = None,
    aliases: tuple[str, ...] | list[str] = (),
    options: Mapping[str, Any] | None = None,
    batch_axis: BatchAxis = 0,
    store: Store | None = None,
    progress: Progress = SILENT,
) -> Item:
    """Save a trained model. With a `sample`, its signature and its answers are recorded, too.

    `name` may have the version behind a colon. `model` is the object, the path of its file, or
    `module:attribute`. An object with nothing to call (a dict, a vocabulary) is saved for `load`
    and for services. `sample` is a few rows as the model takes them: an ndarray, DataFrame, tensor,
    dict or list. The model itself does not change. `batch_axis` is the axis of the rows: 1 where
    the steps of a sequence come first, `{"x": 1}` where that is so for the input `x` only.

        modelbundle.save("iris", classifier, sample=rows[:4], labels={"team": "growth"})

    Raises:
        UnsupportedModel: when a sample or a method is given, and there is nothing to call.
        Unpicklable: names the attribute that cannot be saved.
        SampleMismatch: when the model cannot be called with the sample.
        Refused: when the version exists with other content.
    """
    given = SaveOptions(
        sample=sample,
        methods=tuple(methods),
        signatures=save_options.signatures(signatures or {}),
        classes=tuple(classes),
        labels=labels or {},
        metadata=metadata or {},
        version=version,
        aliases=tuple(aliases),
        options=options or {},
        batch_axis=batch_axis,
    )
    name, given = save_options.named(name, given)
    if isinstance(model, str | os.PathLike):
        return save_source(name, os.fspath(model), given, store=store, progress=progress)
    return save_object(name, model, given, store=store, progress=progress)


def save_source(
    name: str,
    source: str,
    given: SaveOptions = SaveOptions(),  # noqa: B008  frozen
    *,
    store: Store | None = None,
    progress: Progress = SILENT,
) -> Item:
    """Save the model in a file, in a directory, at an address (`hf://`), or `module:attribute`."""
    path = Path(source)
    check_name(name)
    if remote.is_one(source):
        return _save_fetched(name, source, given, (store or Store.default(), progress))
    if path.exists() or (":" not in source and (path.suffix or "/" in source)):
        return save_file(name, path, given, store=store, progress=progress)
    progress.step(f"Importing `{source}`")
    model = model_source.import_object(source)
    return save_object(name, model, given, store=store, progress=progress)


def save_object(
    name: str,
    model: Any,
    given: SaveOptions = SaveOptions(),  # noqa: B008
    *,
    store: Store | None = None,
    progress: Progress = SILENT,
) -> Item:
    """Save an object of this process. This machine trusts it from then on, by its digest."""
    save_options.check(name, given)
    store = store or Store.default()
    framework = _framework(model)
    rows = given.rows()
    prepared = _prepared(framework, model)
    save_options.check_signed(given, framework.methods(prepared))
    recordings = _recordings(framework, prepared, rows, given)
    with store.staging() as directory:
        progress.step(f"Saving the {framework.name} model")
        saved = _written(framework, model, directory, given)
        if saved.note:
            progress.step(saved.note)
        if not recordings:
            progress.step(advice.of_class(model) or _NOTHING_TO_CALL)
        if rows is not None:
            absent = _replay(framework, directory, saved, recordings)
            _warn_of(absent and _ABSENT.format(module=absent), progress)
            _warn_of(_odd_count(recordings), progress)
            _tell(recordings, framework, progress)
        draft = Draft(name, framework, saved, recordings, directory)
        item = draft.commit(store, given, progress)
    store.trust.grant(item.digest, "saved here from a live object")
    return item


def save_file(
    name: str,
    path: Path,
    given: SaveOptions = SaveOptions(),  # noqa: B008
    *,
    store: Store | None = None,
    progress: Progress = SILENT,
) -> Item:
    """Save a model file byte for byte. Its content tells its format; none of its code runs.

    A file that cannot run code is opened for its signature, and called with the sample. A pickle is
    opened only with `given.trust`; this machine then trusts it, by its digest.

    Raises:
        InvalidSource: when it is no model file.
        NotTrusted: when a sample is given and the file would run code.
    """
    save_options.check(name, given)
    store = store or Store.default()
    with ExitStack() as stack:
        with disk.store_errors("read the model"):
            source = model_source.recognize(path, lambda: stack.enter_context(store.staging()))
        return _save_found(name, str(path), source, given, (store, progress))


def _save_fetched(
    name: str, address: str, given: SaveOptions, aids: tuple[Store, Progress]
) -> Item:
    save_options.check(name, given)
    store, progress = aids
    with store.staging() as directory, disk.store_errors("fetch the model"):
        source = model_source.fetch(address, directory, progress)
        return _save_found(name, address, source, given, aids)


def _save_found(
    name: str, where: str, source: FileSource, given: SaveOptions, aids: tuple[Store, Progress]
) -> Item:
    store, progress = aids
    _check_whole(where, source, given)
    origin = f" of {source.origin.tool}" if source.origin.tool else ""
    progress.step(f"`{where}` is {source.framework.name} {source.format}{origin}")
    for note in source.origin.notes:
        progress.step(note)
    if source.executes_code and not given.trust and not given.methods:
        progress.step(_NOT_OPENED)
    options = {**source.options, **given.options}
    saved = Saved(source.format, tuple(source.files), source.executes_code, options)
    with store.staging() as directory:
        with disk.store_errors("lay out its files"):
            source.lay_out(directory)
        recordings = _recordings_of_file(source, directory, saved, (given, progress))
        _warn_of(_odd_count(recordings), progress)
        if given.has_sample:
            _tell(recordings, source.framework, progress)
        draft = Draft(name, source.framework, saved, recordings, directory, source.origin)
        item = draft.commit(store, given, progress)
    if item.executes_code and (given.trust or not saved.executes_code):
        why = "with --trust when it was saved" if given.trust else "by installing its adapter"
        store.trust.grant(item.digest, f"trusted {why}")
    return item


def load(tag: str, *, device: str = "cpu", trust: bool = False, store: Store | None = None) -> Any:
    """Load a saved model as the object of its library, onto "cpu" or "cuda:N".

    Raises:
        NotFound: when there is no such model.
        NotTrusted: when loading runs code that is not trusted on this machine; `trust=True` does.
    """
    store = store or Store.default()
    item = store.find(tag, "model")
    if item.executes_code and not store.trust.is_trusted(item.digest):
        if not trust:
            raise NotTrusted(
                f"Loading `{item.tag}` runs code that is not trusted on this machine.",
                hint=f"`bundle models show {item.tag}` shows what it imports; then load it with "
                "trust=True.",
            )
        store.trust.grant(item.digest, "trusted when it was loaded")
    with store.hold(item):
        return LoadedModel.load(store.directory(item), device).object


def _check_whole(where: str, source: FileSource, given: SaveOptions) -> None:
    main = source.files.get(source.framework.formats.get(source.format, ""))
    if main is not None and source.format in {"pickle", "joblib"} and scan(main).is_cut:
        raise InvalidSource(
            f"`{where}` ends in the middle of a pickle.",
            hint="It was not written or copied to its end; do that once more.",
        )
    is_weights = source.framework.name == "torch" and source.format in {"weights", "safetensors"}
    if is_weights and "recipe" not in {**source.options, **given.options}:
        raise InvalidSource(
            f"`{where}` holds weights alone, without the class that uses them.", hint=_HINT_WEIGHTS
        )


def _framework(model: Any) -> Framework:
    framework = registry.for_model(model)
    if framework is not None:
        return framework
    raise UnsupportedModel(
        "There is no object: it is None.", hint="Does the function that makes it return it?"
    )


def _recordings(framework: Framework, model: Any, rows: Any, given: SaveOptions) -> list[Recording]:
    methods = framework.methods(model)
    _check_methods(model, methods, rows, given)
    if rows is not None:
        return recording.record(
            framework, model, rows, given.methods, given.signatures, given.batch_axis
        )
    declared = {**framework.signatures(model), **given.signatures}
    unknown = Signature(batchable=False)
    return [
        Recording(method, declared.get(method, unknown), None)
        for method in given.methods or methods
    ]


def _check_methods(model: Any, found: tuple[str, ...], rows: Any, given: SaveOptions) -> None:
    """Check that named methods exist, and that there is one to call with a sample."""
    kind = f"{type(model).__module__}.{type(model).__qualname__}"
    for method in given.methods:
        if method not in found and not callable(getattr(model, method, None)):
            raise UnsupportedModel(
                f"An object of `{kind}` has no method `{method}`.",
                hint=model_source.attribute_like(method, model),
            )
    if not found and not given.methods and (rows is not None or given.signatures):
        raise UnsupportedModel(
            f"There is nothing to call with a sample on an object of `{kind}`.",
            hint=advice.of_class(model) or advice.of_weights(model) or _HINT_METHODS,
        )


def _recordings_of_file(
    source: FileSource, directory: Path, saved: Saved, aids: tuple[SaveOptions, Progress]
) -> list[Recording]:
    given, progress = aids
    given = _with_origin(source, given)
    if source.executes_code and not given.trust:
        if given.rows() is not None:
            raise NotTrusted(
                "Recording a sample would run code of this file, which is not trusted here.",
                hint="If you know where it comes from, add `--trust`.",
            )
        methods = given.methods or tuple(given.signatures) or ("predict",)
        unknown = Signature(batchable=False)
        return [Recording(m, given.signatures.get(m, unknown), None) for m in methods]
    example = source.origin.sample
    rehearsal.rehearse(source.framework, directory, saved, given=given, example=example)
    model = opening.load(source.framework, directory, saved)
    if source.framework.is_typed and source.framework.signatures(model):
        given = replace(given, signatures={})  # the file itself says it more exactly
    rows = given.rows()
    if rows is None and example is not None:
        try:
            return _recordings(source.framework, model, recording.Text(example), given)
        except (SampleMismatch, UnsupportedModel) as error:
            progress.step(f"Its input example is left out: {error}")
    return _recordings(source.framework, model, rows, given)


def _with_origin(source: FileSource, given: SaveOptions) -> SaveOptions:
    """The options of the user, completed by what the model's tool recorded."""
    origin = source.origin
    method = origin.method or "predict"
    if origin.signature is not None:
        given = replace(given, signatures={method: origin.signature, **given.signatures})
    if origin.method is not None and not given.methods:
        given = replace(given, methods=(method,))
    return given


def _prepared(framework: Framework, model: Any) -> Any:
    try:
        return framework.prepare(model)
    except BundleError:
        raise
    except Exception as error:
        raise UnsupportedModel(
            f"The {framework.name} model cannot be used here: {in_short(error)}."
        ) from error


def _written(framework: Framework, model: Any, directory: Path, given: SaveOptions) -> Saved:
    try:
        with disk.store_errors("write the model"), disk.named(directory):
            return framework.save(model, directory, given.options)
    except BundleError:
        raise
    except Exception as error:
        with disk.store_errors("write the model"):
            disk.check_takes(directory, str(error))
        absent = str(getattr(error, "name", "")).partition(".")[0]
        if isinstance(error, ImportError) and absent in framework.extra.split():
            raise MissingFramework(absent, framework.extra) from error
        raise unpicklable(model, error) from error


def _replay(
    framework: Framework, directory: Path, saved: Saved, recordings: list[Recording]
) -> str | None:
    """Load what was written and compare its answers, so that nothing is lost unnoticed.

    Returns the author's module that the calls imported, and that was not saved; None without one.
    """
    if sum((directory / file).stat().st_size for file in saved.files) > _REPLAYED:
        return None
    loaded = opening.load(framework, directory, saved)
    if not saved.executes_code:
        replay.replayed(framework, loaded, recordings)
        return None
    return absent_code.asked_for(lambda: replay.replayed(framework, loaded, recordings))


def _odd_count(recordings: Sequence[Recording]) -> str | None:
    return advice.counts(each.samples for each in recordings)


def _tell(recordings: Sequence[Recording], framework: Framework, progress: Progress) -> None:
    """Say what the answers to the sample have shown, which a server then acts upon."""
    mixed = [each.method for each in recordings if each.is_mixed and each.samples is not None]
    without = advice.unrecorded({each.method: each.samples for each in recordings})
    for note in (advice.mixed(mixed, framework.name), without):
        if note is not None:
            progress.step(note)


def _warn_of(text: str | None, progress: Progress) -> None:
    if text is None:
        return
    if progress is SILENT:
        warnings.warn(text, stacklevel=4)  # at who called `modelbundle.save`
    else:
        progress.warning(text)
