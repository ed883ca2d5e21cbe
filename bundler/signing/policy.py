"""Policy: which signatures a bundle needs to run here; written by the operator.

It stands outside of every bundle, in `$BUNDLE_HOME/policy.yaml` or where `--policy` says, and
nothing inside of a bundle is asked. Every rule whose name matches must be met, so a further rule
can only narrow what is allowed; what no rule matches is refused.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from ..errors import InvalidSignature, Refused
from . import known_signers, signing
from .signer import Verifier

if TYPE_CHECKING:
    from ..project.yaml_source import Where, YamlSource
    from ..store import Item, Store

FILE = "policy.yaml"
_NEARLY = ("policy.yml", "policy.json", "policy.toml")  # nobody meant these to be ignored
ANYONE = "anyone"
_RULE = {"name", "signed_by"}
_SIGNER = {"key", "certificate", "identity", "issuer", "trust_config"}


@dataclass(frozen=True, slots=True)
class Person:
    """A signer: a key, a certificate, or an identity of sigstore."""

    file: Path | None
    identity: str | None
    issuer: str | None
    trust: Path | None

    @property
    def verifiers(self) -> list[Verifier]:
        """The verifiers of this signer.

        Raises:
            BundleError: when the file is missing, or has neither a key nor a certificate.
        """
        files = [] if self.file is None else [self.file]
        return known_signers.named(files, self.identity, self.issuer, self.trust)


@dataclass(frozen=True, slots=True)
class Rule:
    """Items that match one of `names` must be signed by one of `people`; None = unsigned, too.

    A name is a pattern such as `fraud*`, with `model:` or `bundle:` in front for only those.
    """

    names: tuple[str, ...]
    people: tuple[Person, ...] | None

    def matches(self, kind: str, name: str) -> bool:
        """Whether it is about the model or bundle of this name."""
        return any(
            fnmatchcase(full, each) for each in self.names for full in (name, f"{kind}:{name}")
        )


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules of a file."""

    path: Path
    rules: tuple[Rule, ...]

    @classmethod
    def of(cls, store: "Store", given: Path | None = None) -> Self | None:
        """The policy in the file `given`, else the store's own; None if there is none.

        Raises:
            BundlefileError: when it is invalid; then nothing is allowed.
            Refused: when the file that was named is not there, or the store's has another name.
        """
        path = given or store.root / FILE
        try:
            path.lstat()
        except FileNotFoundError:
            if given is None:
                _check_name(store.root)
                return None
            raise Refused(
                f"There is no policy `{given}`.",
                hint="Name a file that is there, or leave out `--policy`.",
            ) from None
        return cls.read(path)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a policy file; raises BundlefileError with the positions of all mistakes."""
        from ..project import yaml_source

        source = yaml_source.read(path)
        document = _Document(source, path.parent)
        rules = document.rules()
        source.check()
        return cls(path, rules)

    def check(self, item: "Item", store: "Store") -> None:
        """Check that an item of the store meets the rules.

        Raises:
            Refused: when a rule is not met, or none matches; the hint names the remedy.
        """
        shown = f"The {item.kind} `{item.tag}`"
        for rule in self._about(item.kind, item.name, shown):
            if rule.people is None:
                continue
            verifiers = [one for person in rule.people for one in person.verifiers]
            try:
                signing.verify(item, store, verifiers)
            except InvalidSignature as error:
                text = f"`{self.path}` does not allow this. {error}"
                raise InvalidSignature(text, hint=_mend(item)) from error

    def check_unsigned(self, name: str, what: str, hint: str) -> None:
        """Check a project or a directory, which cannot be signed.

        Raises:
            Refused: unless every matching rule allows unsigned items.
        """
        if any(rule.people is not None for rule in self._about("bundle", name, what)):
            raise Refused(
                f"`{self.path}` does not allow this. {what} has no signature in the store.",
                hint=hint,
            )

    def _about(self, kind: str, name: str, what: str) -> list[Rule]:
        found = [rule for rule in self.rules if rule.matches(kind, name)]
        if not found:
            raise Refused(
                f"`{self.path}` does not allow this. None of its rules is about {what}.",
                hint=f'Add a rule there: `- {{name: "{name}", signed_by: [{{key: KEY.pub}}]}}`.',
            )
        return found


def _mend(item: "Item") -> str:
    name = f"{item.kind}:{item.tag}"
    return (
        f"Have it signed: `bundle sign {name} --key KEY.pem`; or bring the signature that it has: "
        f"`bundle sign {name} --attach FILE`."
    )


@dataclass(frozen=True, slots=True)
class _Document:
    """The values of a policy file, and where to complain."""

    source: "YamlSource"
    home: Path

    def rules(self) -> tuple[Rule, ...]:
        """Parse all rules, and report all mistakes."""
        document = self._mapping((), self.source.value, {"version", "rules"})
        if document.get("version") != 1:
            self.source.report(("version",), "It must say `version: 1`.")
        listed = self._list(("rules",), document.get("rules"))
        return tuple(self._rule(("rules", place), rule) for place, rule in enumerate(listed))

    def _rule(self, where: "Where", value: Any) -> Rule:
        rule = self._mapping(where, value, _RULE)
        given = rule.get("name")
        names = [given] if isinstance(given, str) else self._list((*where, "name"), given)
        if not all(isinstance(name, str) and name for name in names):
            self.source.report((*where, "name"), "A name is a text, such as `fraud*`.")
        if rule.get("signed_by") == ANYONE:
            return Rule(tuple(map(str, names)), None)
        signers = self._list((*where, "signed_by"), rule.get("signed_by"))
        at = (*where, "signed_by")
        people = tuple(self._person((*at, place), one) for place, one in enumerate(signers))
        return Rule(tuple(map(str, names)), people)

    def _person(self, where: "Where", value: Any) -> Person:
        signer = self._mapping(where, value, _SIGNER)
        for key, text in signer.items():
            if not isinstance(text, str) or not text:
                self.source.report((*where, key), "This is a text.")
        ways = {"key", "certificate", "issuer"} & signer.keys()
        if len(ways) != 1 or ("key" in ways and "identity" in signer):
            hint = "A certificate may say `identity`; an identity of sigstore says `issuer`."
            self.source.report(where, "It names one of `key`, `certificate` and `issuer`.", hint)
        if ("issuer" in ways) != ("identity" in signer) and "certificate" not in ways:
            self.source.report(where, "`issuer` and `identity` go together.")
        if "trust_config" in signer and "issuer" not in ways:
            self.source.report(where, "`trust_config` goes with `issuer`.")
        file = self._file(signer.get("key") or signer.get("certificate"))
        who = str(signer["identity"]) if "identity" in signer else None
        issuer = str(signer["issuer"]) if "issuer" in signer else None
        return Person(file, who, issuer, self._file(signer.get("trust_config")))

    def _file(self, text: Any) -> Path | None:
        return self.home / str(text) if text else None

    def _mapping(self, where: "Where", value: Any, known_keys: set[str]) -> dict[str, Any]:
        if not isinstance(value, dict):
            self.source.report(where, f"This is a mapping with {_listed(known_keys)}.")
            return {}
        for key in value.keys() - known_keys:
            place = self.source.place((*where, key), key=True)
            text = f"This key is none of {_listed(known_keys)}."
            self.source.report((*where, key), text, place=place)
        return value

    def _list(self, where: "Where", value: Any) -> Sequence[Any]:
        if isinstance(value, list) and value:
            return value
        self.source.report(where, "This is a list with at least one entry.")
        return ()


def _listed(keys: set[str]) -> str:
    return ", ".join(f"`{key}`" for key in sorted(keys))


def _check_name(root: Path) -> None:
    """Refuse a file beside the right name; else there is no policy."""
    for name in _NEARLY:
        if (root / name).exists():
            raise Refused(
                f"`{root / name}` is no policy: it has the wrong name.", hint=f"Call it `{FILE}`."
            )
