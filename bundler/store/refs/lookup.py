"""Lookup: finds the item that a person names."""

from ....runtime.nearest import nearest
from ...errors import InvalidTag, NotFound
from ...tag import KINDS, Kind, Tag
from ..item import Item
from .refs import LATEST, Refs

_INSTEAD = {
    "model": "See `bundle models list`; the commands for bundles are those without `models`.",
    "bundle": "See `bundle list`; the commands for models are those of `bundle models --help`.",
}


def find(refs: Refs, text: str, kind: Kind | None) -> Item:
    """The item that a tag, an alias or a digest names: bundles first, then models.

    Raises:
        InvalidTag: when `text` is no tag, a digest prefix that fits several items, or one that
            says of itself that it is no `kind`.
        NotFound: with the nearest tag.
    """
    tag = Tag.parse(text, kind)
    if kind not in {tag.kind, None}:
        raise InvalidTag(f"`{text}` names a {tag.kind}; this takes a {kind}.", hint=_INSTEAD[kind])
    kinds: tuple[Kind, ...] = (tag.kind,) if tag.kind else ("bundle", "model")
    found = [item for kind in kinds for item in _candidates(refs, kind, tag)]
    if tag.digest and len({item.digest for item in found}) > 1:
        raise InvalidTag(
            f"`{tag.digest}` fits {len(found)} items: {', '.join(i.tag for i in found[:5])}.",
            hint="Write more digits.",
        )
    if not found:
        wanted = str(tag).removesuffix("@latest")
        what = tag.kind or "model or bundle"
        raise NotFound(what, wanted, _nearest(refs, kinds, tag), _other(refs, tag))
    return found[0]


def _candidates(refs: Refs, kind: Kind, tag: Tag) -> list[Item]:
    if tag.digest:
        return [i for i in reversed(refs.items(kind)) if i.digest.startswith(tag.digest)]
    items = refs.of_name(kind, tag.name or "")
    if tag.version:
        return [item for item in items if _is_version(item, tag.version)]
    if tag.alias == LATEST and (damaged := [item for item in items if item.damaged]):
        return damaged  # any of them may be the latest, and an older one must not pass for it
    return [item for item in items if tag.alias in item.aliases]


def _is_version(item: Item, version: str) -> bool:
    return item.version == version or (bool(item.damaged) and item.version == version.lower())


def _other(refs: Refs, tag: Tag) -> Kind | None:
    """The other kind, if it alone has an item of that name."""
    if tag.kind and refs.of_name(tag.kind, tag.name or ""):
        return None
    others = (kind for kind in KINDS if tag.kind not in {kind, None})
    return next((kind for kind in others if refs.of_name(kind, tag.name or "")), None)


def _nearest(refs: Refs, kinds: tuple[Kind, ...], tag: Tag) -> str | None:
    name = tag.name or ""
    items = [item for kind in kinds for item in refs.of_name(kind, name)]
    if not items:
        names = {item.name for kind in kinds for item in refs.items(kind)}
        return nearest(name, names)
    known = [item.tag for item in items]
    known += [f"{name}@{alias}" for item in items for alias in item.aliases]
    return nearest(str(tag), known) or items[-1].tag
