"""Archives that nobody should accept: each is one step away from a sound one."""

import hashlib
import io
import json
import tarfile

from modelbundle.bundler.archives.tar.header import END, TarHeader, padding
from modelbundle.bundler.store import Blob, oci
from modelbundle.runtime import canonical
from modelbundle.runtime.manifests.file_entry import FileEntry
from modelbundle.runtime.manifests.model_manifest import SECTION

NAME, REF = "io.modelbundle.name", "org.opencontainers.image.ref.name"


def digest(data):
    return hashlib.sha256(data).hexdigest()


def blob_name(data):
    return f"blobs/sha256/{digest(data)}"


def member(name, data, **header):
    """One member, its header's fields as given, its checksum right."""
    block = bytearray(TarHeader("x", len(data)).encode())
    raw = name if isinstance(name, bytes) else name.encode()
    block[:100] = raw[:100].ljust(100, b"\0")
    for field, value in header.items():
        start, size = {"size": (124, 12), "kind": (156, 1), "link": (157, 100),
                       "magic": (257, 8), "prefix": (345, 155), "mode": (100, 8)}[field]  # fmt: skip
        block[start : start + size] = value.ljust(size, b"\0")
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block) + data + bytes(padding(len(data)))


def tar(members):
    return b"".join(member(name, data) for name, data in members) + END


def through_tarfile(build, **options):
    """What Python's tarfile writes, links, pax records and all."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", **options) as archive:
        build(archive)
    return out.getvalue()


def info(name, kind=tarfile.REGTYPE, size=0, link="", pax=None):
    made = tarfile.TarInfo(name)
    made.type, made.size, made.linkname, made.pax_headers = kind, size, link, pax or {}
    return made


def header(name, size):
    """The block in front of a member that is yet to come."""
    return TarHeader(name, size).encode()


def tar_start(kit, files):
    """The documents of an archive of these files, with no end."""
    document = json.loads(json.dumps(kit.document))
    document[SECTION].update(files=files, samples={})
    config = canonical.dumps(document)
    entries = [FileEntry(e["path"], e["digest"], e["size"]) for e in files]
    members = kit.members(config=config, manifest=kit.manifest(config, entries), files={})
    return tar(members)[: -len(END)]


class Kit:
    """The parts of a sound archive of a model."""

    def __init__(self, config, files):
        self.document = json.loads(config)
        self.config = config
        self.files = files  # path -> bytes

    @property
    def entries(self):
        return [FileEntry(p, "sha256:" + digest(d), len(d)) for p, d in self.files.items()]

    def manifest(self, config=None, entries=None):
        config = self.config if config is None else config
        blob = Blob("sha256:" + digest(config), len(config))
        return oci.manifest("model", blob, self.entries if entries is None else entries)

    def index(self, manifest=None, **descriptor):
        manifest = self.manifest() if manifest is None else manifest
        entry = {
            "mediaType": oci.MANIFEST,
            "artifactType": oci.ARTIFACT["model"],
            "digest": "sha256:" + digest(manifest),
            "size": len(manifest),
            "annotations": {NAME: "iris", REF: "1"},
        } | descriptor
        return canonical.dumps({"schemaVersion": 2, "mediaType": oci.INDEX, "manifests": [entry]})

    def members(self, *, config=None, manifest=None, index=None, files=None):
        """Everything, the rest made to fit what is given."""
        config = self.config if config is None else config
        manifest = self.manifest(config) if manifest is None else manifest
        index = self.index(manifest) if index is None else index
        contents = self.files.values() if files is None else files.values()
        blobs = {blob_name(data): data for data in contents}
        return [
            ("oci-layout", b'{"imageLayoutVersion":"1.0.0"}\n'),
            ("index.json", index),
            (blob_name(manifest), manifest),
            (blob_name(config), config),
            *sorted(blobs.items()),
        ]

    def changed(self, **section):
        """A config whose section differs, with a manifest of its files, all of which are there."""
        document = json.loads(json.dumps(self.document))
        document[SECTION].update(section)
        config = canonical.dumps(document)
        listed = document[SECTION].get("files", [])
        try:
            entries = [FileEntry(e["path"], e["digest"], e["size"]) for e in listed]
            manifest = self.manifest(config, entries)
        except (KeyError, TypeError, ValueError, AttributeError):
            manifest = self.manifest(config)
        contents = self.files | dict.fromkeys(["x"] if "files" in section else [], b"x")
        return tar(self.members(config=config, manifest=manifest, files=contents))

    def file(self, path, data=b"x", **more):
        return {"path": path, "digest": "sha256:" + digest(data), "size": len(data)} | more


HEX = "ab" * 32
NAMES = {
    "parent": "../escape", "absolute": "/tmp/escape", "inner parent": "blobs/../../escape",
    "deep parent": "blobs/sha256/../../../escape", "dot": "./index.json2", "only dot": ".",
    "only parent": "..", "empty": "", "double slash": f"blobs//sha256/{HEX}",
    "backslash": "..\\escape", "drive": "C:\\escape", "case": "INDEX.JSON", "blank": "index.json ",
    "upper hex": f"blobs/sha256/{HEX.upper()}", "short hex": f"blobs/sha256/{HEX[:-1]}",
    "long hex": f"blobs/sha256/{HEX}a", "below a blob": f"blobs/sha256/{HEX}/x",
    "wide": "\uff49ndex.json", "decomposed": "inde\u0301x.json", "override": "\u202enosj.xedni",
    "git": ".git/hooks/pre-commit", "home": "~/.bashrc", "newline": "index.json\nx",
    "escape sequence": "\x1b]0;owned\x07", "encoded": "%2e%2e/escape", "device name": "con",
    "stream": "index.json::$DATA", "long": "a" * 100, "other algorithm": f"blobs/sha512/{HEX}",
    "a manifest for docker": "manifest.json", "latin": b"\xff\xfe", "nul": b"index.json\0evil",
    "digits of another script": "blobs/sha256/" + "٣" * 40,
    "unknown blob": f"blobs/sha256/{HEX}",
}  # fmt: skip
KINDS = {
    "symbolic link": (b"2", b"/etc/passwd"), "hard link": (b"1", b"index.json"),
    "character device": (b"3", b""), "block device": (b"4", b""), "pipe": (b"6", b""),
    "contiguous": (b"7", b""), "pax record": (b"x", b""), "global pax record": (b"g", b""),
    "long name": (b"L", b""), "long link": (b"K", b""), "sparse": (b"S", b""),
    "volume": (b"V", b""), "further volume": (b"M", b""), "dump": (b"D", b""),
    "solaris": (b"X", b""), "vendor": (b"A", b""), "unknown": (b"\xff", b""),
}  # fmt: skip

REASONS = {
    "name: ": "has a name|in its header|not listed",
    "kind: ": "is (a|of an) .+",
    "pax: ": "is a pax record",
    "directory: ": "has a name|with a size|appears twice",
    "header: ": "header|cut off|bytes|not padded|not an archive",
    "path: ": "not a path inside|too long for a path|which is its own name|another type",
    "clash: ": "one file on some disks|listed twice|a file and a folder",
    "file: ": "size of|no digest|another type|lacks 'digest'|bytes instead|two sizes|too large ones",
    "content: ": "is damaged in|bytes instead",
}
"""What each kind is refused for: nothing else that is wrong with it, too."""


def build(kit):
    """Every hostile archive, by what is wrong with it."""
    return dict(
        [*_names(kit), *_kinds(kit), *_fields(kit), *_structure(kit), *_indexes(kit),
         *_manifests(kit), *_configs(kit), *_contents(kit), *_others(kit)]
    )  # fmt: skip


def _with(kit, extra, at=None):
    """A sound archive with some bytes put among its members."""
    members = kit.members()
    at = len(members) if at is None else at
    return tar(members[:at])[: -len(END)] + extra + tar(members[at:])


def _names(kit):
    for what, name in NAMES.items():
        yield f"name: {what}", _with(kit, member(name, b"x"))
        yield f"name first: {what}", _with(kit, member(name, b"x"), at=0)
    for what, name in (("long", "a/" * 3000 + "x"), ("parents", "../" * 60 + "tmp/escape")):
        for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
            extra = through_tarfile(
                lambda t, name=name: t.addfile(info(name, size=1), io.BytesIO(b"x")), format=form
            )
            yield f"name by record {form}: {what}", _with(kit, extra[: -len(END)])


def _kinds(kit):
    for what, (kind, link) in KINDS.items():
        for name in (f"blobs/sha256/{HEX}", "index.json"):
            extra = member(name, b"", kind=kind, link=link)
            yield f"kind: {what} {name[:5]}", _with(kit, extra, at=1)
    yield (
        "kind: a link, then a file through it",
        _with(kit, member("blobs", b"", kind=b"2", link=b"/tmp") + member("blobs/x", b"x"), at=1),
    )
    yield "directory: strange", _with(kit, member("other/", b"", kind=b"5"))
    yield "directory: with a size", _with(kit, member("blobs/", b"x", kind=b"5"), at=1)
    yield "directory: without a slash", _with(kit, member("blobs", b"", kind=b"5"), at=0)
    yield "directory: twice", _with(kit, 2 * member("blobs/", b"", kind=b"5"), at=0)
    yield "directory: index.json", _with(kit, member("index.json", b"", kind=b"5"), at=0)
    for key, value in (
        ("path", "../escape"), ("size", "99999999999"), ("linkpath", "/etc/passwd"),
        ("GNU.sparse.name", "x"), ("GNU.sparse.realsize", "1" + "0" * 15), ("hdrcharset", "BINARY"),
    ):  # fmt: skip
        made = info("index.json", pax={key: value})
        extra = through_tarfile(lambda t, made=made: t.addfile(made), format=tarfile.PAX_FORMAT)
        yield f"pax: {key}", _with(kit, extra[: -len(END)], at=1)


def _fields(kit):
    name, data = kit.members()[-1]
    for what, header in {
        "size no octal": {"size": b"9zz"}, "size negative": {"size": b"\xff" * 12},
        "size minus": {"size": b"-0000000001"}, "size huge": {"size": b"\x80" + b"\x7f" * 11},
        "size of a petabyte": {"size": b"\x80\0\0\0\0\x10" + bytes(6)},
        "size eight gigabytes": {"size": b"77777777777"}, "size empty": {"size": b""},
        "size one more": {"size": b"%011o" % (len(data) + 1)},
        "size less": {"size": b"%011o" % (len(data) - 1)},
        "no magic": {"magic": b""}, "mixed magic": {"magic": b"ustar\x00  "},
        "prefix": {"prefix": b".."}, "link of a file": {"link": b"/etc/passwd"},
    }.items():  # fmt: skip
        last = member(name, data, **header)
        yield f"header: {what}", tar(kit.members()[:-1])[: -len(END)] + last + END
    broken = bytearray(tar(kit.members()))
    broken[150] ^= 1
    yield "header: checksum", bytes(broken)


def _structure(kit):
    whole, members = tar(kit.members()), kit.members()
    yield "structure: no end", whole[: -len(END)]
    yield "structure: half an end", whole[:-512]
    yield "structure: something behind the end", whole + b"x"
    yield "structure: another archive behind it", whole + whole
    yield "structure: a megabyte and more of zeros", whole + bytes((1 << 20) + 512)
    yield "structure: nothing", END
    yield "structure: padding", whole[: 512 + 40] + b"x" + whole[512 + 41 :]
    for index, (name, _) in enumerate(members):
        short = name[:16]
        rest = members[:index] + members[index + 1 :]
        yield f"structure: without {index} {short}", tar(rest)
        yield f"structure: twice {index} {short}", tar([*members, members[index]])
        other = [*members[:index], (name, b"{}"), *members[index + 1 :]]
        yield f"structure: other {index} {short}", tar(other)
        empty = [*members[:index], (name, b""), *members[index + 1 :]]
        yield f"structure: empty {index} {short}", tar(empty)
    for share in (1, 5, 10, 30, 50, 70, 90, 99):
        yield f"structure: cut at {share} %", whole[: len(whole) * share // 100]
    for size in (0, 1, 511, 512, 513):
        yield f"structure: {size} bytes", whole[:size]


def _indexes(kit):
    manifest = kit.manifest()
    sound = json.loads(kit.index())
    cases = {
        "deep": b'{"manifests":' + b"[" * 200_000 + b"]" * 200_000 + b"}",
        "deep objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        "twice a key": kit.index().replace(b'"schemaVersion":2', b'"schemaVersion":2,"schemaVersion":2'),
        "twice the manifests": kit.index()[:-2] + b',"manifests":[]}',
        "nan": kit.index().replace(b'"schemaVersion":2', b'"schemaVersion":NaN'),
        "list": b"[]", "number": b"1", "text": b'"x"', "nothing": b"", "null": b"null",
        "no json": b"{", "utf-16": kit.index().decode().encode("utf-16"),
        "no utf-8": b'{"a":"\xff"}', "large": kit.index() + b" " * (2 << 20),
        "large number": b'{"schemaVersion":' + b"9" * 100_000 + b"}",
        "no manifests": canonical.dumps({"schemaVersion": 2, "manifests": []}),
        "manifests no list": canonical.dumps({"schemaVersion": 2, "manifests": {}}),
        "other schema": canonical.dumps(sound | {"schemaVersion": 1}),
        "empty descriptor": canonical.dumps(sound | {"manifests": [{}]}),
        "descriptor a text": canonical.dumps(sound | {"manifests": ["x"]}),
        "two manifests": canonical.dumps(
            sound | {"manifests": [*sound["manifests"],
                     sound["manifests"][0] | {"digest": "sha256:" + HEX}]}
        ),
        "checksum": canonical.dumps(sound | {"annotations": {oci.CHECK: "0" * 64}}),
        "checksum a list": canonical.dumps(sound | {"annotations": {oci.CHECK: []}}),
        "annotations a text": canonical.dumps(sound | {"annotations": "x"}),
        "million": b'{"schemaVersion":2,"manifests":[' + b"{}," * 300_000 + b"{}]}",
    }  # fmt: skip
    descriptors = {
        "nested index": {"mediaType": oci.INDEX}, "docker": {"mediaType": "application/json"},
        "media type a list": {"mediaType": []},
        "size one more": {"size": len(manifest) + 1}, "size negative": {"size": -1},
        "size true": {"size": True}, "size float": {"size": 1.5}, "size huge": {"size": 1 << 62},
        "size text": {"size": "1"}, "digest sha512": {"digest": "sha512:" + HEX * 2},
        "digest path": {"digest": "sha256:../../../etc/passwd"}, "digest none": {"digest": None},
        "digest list": {"digest": []}, "digest upper": {"digest": "sha256:" + HEX.upper()},
        "digest of something else": {"digest": "sha256:" + digest(b"weights")},
        "digest with a newline": {"digest": f"sha256:{HEX}\n"},
        "kind bundle": {"artifactType": oci.ARTIFACT["bundle"]},
        "kind unknown": {"artifactType": "x"}, "kind list": {"artifactType": []},
        "annotations list": {"annotations": []}, "no name": {"annotations": {}},
        "name number": {"annotations": {NAME: 1, REF: "1"}},
    }  # fmt: skip
    for name in ("../x", "/x", "", ".", "a/b", "A", "x" * 100_000, "a\nb", "\x1b[31m", "model", "a\0b",
                 "\uff41", "-a", "sha256", "a:b", "a@b"):  # fmt: skip
        descriptors[f"name {name[:5]!r}"] = {"annotations": {NAME: name, REF: "1"}}
    for version in (
        "../x",
        "/",
        "latest",
        "x" * 100_000,
        "a\nb",
        "\x1b[31m",
        ".",
        "@a",
        "a/b",
        ".x",
    ):
        descriptors[f"version {version[:5]!r}"] = {"annotations": {NAME: "iris", REF: version}}
    for what, change in descriptors.items():
        cases[what] = kit.index(**change)
    for what, index in cases.items():
        yield f"index: {what}", tar(kit.members(index=index))


def _manifests(kit):
    sound = json.loads(kit.manifest())
    layers = sound["layers"]
    cases = {
        "another kind": sound | {"artifactType": oci.ARTIFACT["bundle"]},
        "unknown kind": sound | {"artifactType": "application/x-evil"},
        "kind a list": sound | {"artifactType": []},
        "without a kind": {k: v for k, v in sound.items() if k != "artifactType"},
        "more keys": sound | {"subject": {}},
        "without layers": sound | {"layers": []},
        "layers no list": sound | {"layers": 1},
        "one layer more": sound | {"layers": [*layers, layers[0]]},
        "one layer less": sound | {"layers": layers[1:]},
        "other order": sound | {"layers": layers[::-1]},
        "media type": sound | {"mediaType": oci.INDEX},
        "config twice": sound | {"config": [sound["config"]]},
        "config huge": sound | {"config": sound["config"] | {"size": 1 << 60}},
        "config other size": sound | {"config": sound["config"] | {"size": 1}},
        "config digest a list": sound | {"config": sound["config"] | {"digest": []}},
        "config media type": sound | {"config": sound["config"] | {"mediaType": "x"}},
        "path": sound | {"layers": [
            layers[0] | {"annotations": {"org.cncf.model.filepath": "../escape"}}, *layers[1:]]},
        "foreign layer": sound | {"layers": [layers[0] | {"urls": ["http://x"]}, *layers[1:]]},
        "no object": [],
    }  # fmt: skip
    for what, document in cases.items():
        yield f"manifest: {what}", tar(kit.members(manifest=canonical.dumps(document)))
    for what, manifest in {
        "spaces": kit.manifest() + b" ",
        "deep": b"[" * 100_000,
        "twice a key": kit.manifest().replace(b'{"artifactType"', b'{"config":{},"artifactType"'),
        "million layers": b'{"layers":[' + b"{}," * 1_000_000 + b"{}]}",
        "empty": b"",
    }.items():
        yield f"manifest: {what}", tar(kit.members(manifest=manifest))


def _configs(kit):
    entries = kit.document[SECTION]["files"]
    paths = {
        "parent": "../escape", "absolute": "/escape", "inner": "a/../../escape", "dot": "./a",
        "empty": "", "double": "a//b", "trailing": "a/", "backslash": "..\\escape", "nul": "a\0b",
        "newline": "a\nb", "override": "a\u202eb", "zero width": "a\u200bb", "itself": "model.json",
        "itself in capitals": "MODEL.JSON", "long part": "a" * 256, "long": "a/" * 600 + "a",
        "deep": "a/" * 70 + "a", "very long": "a/" * 500_000 + "a", "surrogate": "\ud800",
        "number": 1, "none": None, "list": [],
    }  # fmt: skip
    for what, path in paths.items():
        try:
            yield f"path: {what}", kit.changed(files=[*entries, kit.file(path)])
        except UnicodeEncodeError:
            continue  # JSON by Python refuses to write it
    clashes = {
        "same": ("a", "a"), "case": ("a", "A"), "folders": ("x/a", "X/b"), "sharp s": ("ß", "ss"),
        "composed": ("\u00e9", "e\u0301"), "file and folder": ("x", "x/a"),
        "folder and file": ("x/a", "x"),
    }  # fmt: skip
    for what, pair in clashes.items():
        yield f"clash: {what}", kit.changed(files=[*entries, *map(kit.file, pair)])
    files = {
        "negative size": kit.file("a", size=-1), "float size": kit.file("a", size=1.0),
        "true size": kit.file("a", size=True), "huge size": kit.file("a", size=1 << 60),
        "other size": kit.file("a", size=2), "short digest": kit.file("a", digest="sha256:ab"),
        "path as digest": kit.file("a", digest="sha256:" + "../" * 20 + "etc/passwd"),
        "executable text": kit.file("a", executable="yes"), "no digest": {"path": "a", "size": 1},
        "number": 1,
    }  # fmt: skip
    for what, entry in files.items():
        yield f"file: {what}", kit.changed(files=[*entries, entry])
    yield "file: two sizes", kit.changed(files=[*entries, kit.file("a"), kit.file("b", size=2)])
    vast = [kit.file(f"f{n}", b"%d" % n, size=1 << 49) for n in range(4)]
    yield "file: terabytes", kit.changed(files=[*entries, *vast])
    types = {
        "framework": [], "loader": 1, "format": None, "python": [], "packages": [], "methods": {},
        "files": {}, "executes_code": "no", "globals": {"a": 1}, "options": [], "samples": [],
        "labels": {"a": []}, "metadata": 1, "schema": "1",
    }  # fmt: skip
    for field, value in types.items():
        yield f"type: {field}", kit.changed(**{field: value})
    yield "schema: of the future", kit.changed(schema=99)
    yield "method: a number", kit.changed(methods=[1])
    yield "samples: outside", kit.changed(samples={"predict": "../../etc/passwd"})
    for what, config in {
        "no json": b"x", "spaces": kit.config + b" ", "deep": b"[" * 500_000, "list": b"[]\n",
        "empty object": b"{}\n", "twice a key": b'{"a":1,"a":1}\n', "nan": b'{"a":NaN}\n',
        "float": b'{"a":1.0e0}\n', "lone surrogate": b'{"a":"\\ud800"}\n', "bundle": b'{"schema":1}\n',
        "pretty": json.dumps(kit.document, indent=1).encode(),
        "a million lists": b"[" + b"[]," * 1_500_000 + b"[]]\n",
    }.items():  # fmt: skip
        yield f"config: {what}", tar(kit.members(config=config))


def _contents(kit):
    for path, data in kit.files.items():
        for what, other in {
            "flipped": bytes([data[0] ^ 1]) + data[1:], "shorter": data[:-1], "longer": data + b"x",
        }.items():  # fmt: skip
            members = [
                (name, other if name == blob_name(data) else content)
                for name, content in kit.members()
            ]
            yield f"content: {path} {what}", tar(members)


def _others(kit):
    import bz2
    import gzip
    import lzma
    import zipfile

    whole = tar(kit.members())
    yield "other: gzip", gzip.compress(whole)
    yield "other: bzip2", bz2.compress(whole)
    yield "other: xz", lzma.compress(whole)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in kit.members():
            archive.writestr(name, data)
    yield "other: zip", out.getvalue()
    yield "other: text", b"hello\n" * 1000
    yield "other: elf", b"\x7fELF" + bytes(4096)
    yield "other: an archive in an archive", tar([("archive.tar", whole)])
    yield "other: zstd of nothing", b"\x28\xb5\x2f\xfd"
    yield "other: zstd of nonsense", b"\x28\xb5\x2f\xfd" + bytes(range(256)) * 10
