"""What looks like a secret: file names that stay out of bundles, and texts that nobody ships."""

import re

FILES = (
    ".env", ".env.*", "*.env", ".envrc", ".netrc", "_netrc", ".pypirc", "pip.conf", ".npmrc",
    ".git-credentials", "*.pem", "*.key", "*.p12", "*.pfx", "*.jks", "*.keystore", "*.kdbx",
    "*.ppk", "*.gpg", "id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*", ".htpasswd",
    ".pgpass", ".my.cnf", ".s3cfg", ".boto", "credentials*.json",
    "client_secret*.json", "service-account*.json", "service_account*.json", "kubeconfig",
    "*.kubeconfig", ".dockercfg", ".dockerconfigjson", ".vault-token", "secrets.y*ml",
    "secrets.json", "secrets.toml", "*.tfstate", "*.tfvars", ".aws/", ".ssh/", ".gnupg/",
    ".kube/", ".docker/", ".azure/", ".gcloud/", ".huggingface/", ".config/gcloud/",
    "!.env.example", "!.env.sample", "!.env.template",
)  # fmt: skip
"""Git-ignore patterns of files that hold secrets by their very name."""

_TEXTS = {
    "a private key": r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----",
    "an access key of AWS": r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "a token of GitHub": r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{40,})",
    "a token of GitLab": r"\bglpat-[A-Za-z0-9_-]{20,}",
    "a token of Hugging Face": r"\bhf_[A-Za-z0-9]{30,}\b",
    "a token of PyPI": r"\bpypi-AgEIcHlwaS[A-Za-z0-9_-]{20,}",
    "a token of Slack": r"\bxox[abprs]-[A-Za-z0-9-]{10,}",
    "an API key of Google": r"\bAIza[A-Za-z0-9_-]{35}\b",
    "a secret key of Stripe": r"\b[rs]k_live_[A-Za-z0-9]{20,}\b",
    "an API key of OpenAI or Anthropic": r"\bsk-(?:proj-|ant-)[A-Za-z0-9_-]{20,}",
}
_SECRET = re.compile("|".join(f"({pattern})" for pattern in _TEXTS.values()))
_NAMES = re.compile(
    r"(?:^|_)(?:PASSWORD|PASSWD|SECRET|TOKEN|API_?KEY|ACCESS_KEY|PRIVATE_KEY|CREDENTIALS?)$",
    re.IGNORECASE,
)


def secret_in(text: str) -> tuple[str, int] | None:
    """What secret `text` holds, in words, and at which character; None for none."""
    found = _SECRET.search(text)
    if not found:
        return None
    return tuple(_TEXTS)[(found.lastindex or 1) - 1], found.start()


def is_secret_name(name: str) -> bool:
    """Whether a variable of that name is meant for a secret, as `DB_PASSWORD` is."""
    return bool(_NAMES.search(name))
