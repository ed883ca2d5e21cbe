"""Credentials for a registry, from docker's configuration."""

import warnings
from dataclasses import dataclass, field

from ...errors import RegistryError


@dataclass(frozen=True, slots=True)
class Credentials:
    """A name with its password, or an identity token; never part of a message or a log."""

    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)


def find(host: str) -> Credentials | None:
    """The credentials that `docker login HOST` has stored, in `config.json` or a credential helper.

    Raises:
        RegistryError: when the entry or the helper is broken.
    """
    from docker.auth import load_config
    from docker.errors import DockerException

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a missing helper; the error names it
            entry = load_config().resolve_authconfig(host)
    except (DockerException, ValueError, OSError, KeyError, TypeError, AttributeError) as error:
        # Without the text of the error, which may contain the secret.
        raise RegistryError(
            f"Docker's configuration of `{host}` cannot be used ({type(error).__name__}).",
            hint=f"Log in again with `docker login {host}`.",
        ) from error
    if not entry:
        return None
    found = Credentials(
        username=str(entry.get("Username") or entry.get("username") or ""),
        password=str(entry.get("Password") or entry.get("password") or ""),
        identity_token=str(entry.get("IdentityToken") or ""),
    )
    return found if found.username or found.identity_token else None
