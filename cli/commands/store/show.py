"""`bundle show`: all that is known of a bundle or a model, without running anything."""

import json as jsonlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

from typer import Argument

from ....bundler.errors import Damaged, InvalidSignature
from ....bundler.tag import Kind
from ...options.completion import any_tags
from ...options.options import Json, Quiet
from ...terminal.console import Console
from ...terminal.size import human
from ..item_json import to_json

if TYPE_CHECKING:
    from ....bundler.store import Item, Store
    from ....runtime.manifests.bundle_manifest import BundleManifest
    from ....runtime.manifests.model_manifest import ModelManifest
    from ....runtime.manifests.signature import Field, Side

Tag = Annotated[str, Argument(metavar="TAG", help="A bundle or a model.", autocompletion=any_tags)]
_INDENT = 15  # where values stand
_GLOBALS_SHOWN = 12


def show(tag: Tag, json: Json = False, quiet: Quiet = False) -> None:
    """Show all of a bundle or a model; run nothing.

    Examples:

      bundle show fraud

      bundle show model:iris --json
    """
    show_item(tag, None, Console(json=json, quiet=quiet))


def show_item(tag: str, kind: Kind | None, console: Console) -> None:
    """Say what is known of one item."""
    from ....bundler.store import Store

    store = Store.default()
    item = store.find(tag, kind)
    config = jsonlib.loads(store.config(item))
    trusted = store.trust.is_trusted(item.digest)
    data = to_json(item) | {"trusted": trusted, "path": str(store.directory(item))}
    data["signatures"] = signatures = _signatures(item, store)
    head = _head(item, store, trusted=trusted)
    lines = [*head, *_signed(signatures), *_body(item.kind, config)]
    console.result(data | {"manifest": config}, "\n".join(map(_line, lines)))


def _line(text: str) -> str:
    """One line, or one and what hangs below it: no text of a stranger's may look like another."""
    return text.replace("\n", "\n" + " " * _INDENT)


def _head(item: "Item", store: "Store", *, trusted: bool) -> Iterator[str]:
    yield f"{item.kind} {item.tag}"
    yield from _facts(
        {
            "digest": item.digest,
            "aliases": " ".join(f"@{alias}" for alias in item.aliases),
            "size": human(item.size),
            "path": str(store.directory(item)),
            "runs code": _trust(item, trusted=trusted),
        }
    )


def _signatures(item: "Item", store: "Store") -> list[dict[str, str | None]]:
    """What is kept beside it, as it says of itself: `bundle verify --signer` checks it."""
    from ....bundler.signing import signatures

    try:
        return [_signature(data) for data in signatures(item, store)]
    except Damaged:
        return [{"kind": "damaged", "hint": None}]


def _signature(data: bytes) -> dict[str, str | None]:
    """What a signature says of itself; with an item come those of other tools, too."""
    from ....bundler.signing import Envelope

    try:
        found = Envelope.parse(data)
        kind: str = found.kind
    except InvalidSignature:
        return {"kind": "unknown", "hint": None}
    return {"kind": kind, "hint": found.hint}


def _signed(signatures: list[dict[str, str | None]]) -> Iterator[str]:
    signers = [f"{one['kind']} {(one['hint'] or '')[:12]}".strip() for one in signatures]
    yield from _facts({"signatures": ", ".join(signers)})


def _trust(item: "Item", *, trusted: bool) -> str:
    if not item.executes_code:
        return "no"
    return "yes; trusted on this machine" if trusted else "yes; NOT trusted here (`--trust`)"


def _body(kind: Kind, config: Mapping[str, Any]) -> Iterator[str]:
    from ....runtime.manifests.bundle_manifest import BundleManifest
    from ....runtime.manifests.model_manifest import ModelManifest

    if kind == "model":
        return _model(ModelManifest.from_json(config))
    return _bundle(BundleManifest.from_json(config))


def _model(manifest: "ModelManifest") -> Iterator[str]:
    yield from _facts(
        {
            "framework": f"{manifest.framework} ({manifest.format})",
            "python": manifest.python or "unknown",
            "packages": " ".join(
                f"{name}=={version}" for name, version in manifest.packages.items()
            ),
            "labels": " ".join(f"{key}={value}" for key, value in manifest.labels.items()),
            "metadata": jsonlib.dumps(dict(manifest.metadata)) if manifest.metadata else "",
        }
    )
    for name, signature in manifest.methods.items():
        rows = "" if signature.batchable else "  (one call a request)"
        yield f"  {name}: {_side(signature.inputs)} -> {_side(signature.outputs)}{rows}"
    if not manifest.methods:
        yield "  nothing to call: an object for `modelbundle.load` and for services"
    yield from _files(manifest)
    if manifest.code:
        yield f"  loading runs: {', '.join(manifest.code)}"
    for path, names in manifest.globals.items():
        more = len(names) - _GLOBALS_SHOWN
        yield f"  {path} asks for: {', '.join(names[:_GLOBALS_SHOWN])}" + (
            f" and {more} more (`--json`)" if more > 0 else ""
        )


def _bundle(manifest: "BundleManifest") -> Iterator[str]:
    accelerator = manifest.accelerator
    yield from _facts(
        {
            "about": manifest.description,
            "service": manifest.service or "generated",
            "python": manifest.python,
            "accelerator": str(accelerator.get("kind", "cpu")),
            "base image": str(accelerator.get("base", "")),
            "hermetic": "yes" if manifest.hermetic else f"no ({_not_hermetic(manifest)})",
            "labels": " ".join(f"{key}={value}" for key, value in manifest.labels.items()),
        }
    )
    for model in manifest.models:
        words = ", ".join(part for part in (model.framework, model.tuning.words) if part)
        yield f"  model {model.alias}: {model.name}:{model.version} ({words})"
    for route in manifest.routes:
        target = route.model or manifest.service
        yield f"  POST {route.path} -> {target}.{route.method}"
    yield from _files(manifest)


def _not_hermetic(manifest: "BundleManifest") -> str:
    system = manifest.image.get("system") or {}
    reasons = ["Debian packages are installed"] if system.get("packages") else []
    reasons += ["commands run in the image"] if system.get("run") else []
    return ", ".join(reasons) or "packages are built from source"


def _files(manifest: "ModelManifest | BundleManifest") -> Iterator[str]:
    total = sum(entry.size for entry in manifest.files)
    yield f"  {len(manifest.files)} files, {human(total)}"


def _facts(facts: Mapping[str, str]) -> Iterator[str]:
    for name, value in facts.items():
        if value:
            yield f"  {name + ':':<{_INDENT - 2}}{value}"


def _side(side: "Side") -> str:
    if not side.fields:
        return side.layout
    return f"{side.layout}({', '.join(map(_field, side.fields))})"


def _field(field: "Field") -> str:
    may_lack = "?" if field.is_nullable else ""
    return f"{field.name} {field.dtype}{may_lack}{_shape(field.shape)}"


def _shape(shape: tuple[int | None, ...]) -> str:
    return "[" + ",".join("n" if size is None else str(size) for size in shape) + "]"
