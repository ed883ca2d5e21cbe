"""Options that several commands share, each defined once."""

from pathlib import Path
from typing import Annotated, Literal

from typer import Argument, Option

from .completion import any_tags, bundle_tags, model_tags

Json = Annotated[bool, Option("--json", help="Print the result as one JSON object.")]
Quiet = Annotated[bool, Option("--quiet", "-q", help="Say nothing but results and errors.")]
Offline = Annotated[bool, Option("--offline", help="Use no network.")]
PlainHttp = Annotated[bool, Option("--plain-http", help="Use HTTP without TLS for the registry.")]
Trust = Annotated[bool, Option("--trust", help="Vouch for the code inside; remembered by digest.")]
Policy = Annotated[
    Path | None,
    Option(
        "--policy",
        metavar="FILE",
        help="Whose signature is needed; default: $BUNDLE_HOME/policy.yaml.",
    ),
]
Vendor = Annotated[
    Path | None,
    Option("--vendor", metavar="DIR", help="Use only what `bundle vendor` fetched; no network."),
]
BundleTag = Annotated[
    str, Argument(metavar="BUNDLE", help="Tag of a bundle.", autocompletion=bundle_tags)
]
ModelTag = Annotated[
    str, Argument(metavar="MODEL", help="Tag of a model.", autocompletion=model_tags)
]
Target = Annotated[
    str,
    Argument(
        metavar="TARGET",
        help="A tag, a project or its bundlefile, `module:Class`, or a bundle's directory.",
        autocompletion=any_tags,
    ),
]
Bundlefile = Annotated[
    Path | None,
    Option("--file", "-f", metavar="FILE", help="Bundlefile; default: DIR/bundlefile.yaml."),
]
ProjectDir = Annotated[
    Path, Argument(metavar="[DIR]", help="Project directory; default: here.", show_default=False)
]
Env = Annotated[
    Literal["auto", "locked", "current"], Option("--env", help="Environment that runs the model.")
]
Yes = Annotated[bool, Option("--yes", "-y", help="Do not ask; without a terminal nobody is asked.")]
