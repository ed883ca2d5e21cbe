"""Secrets: file names and texts that must not get into a bundle."""

import re

from .secret_forms import FORMS

FILES = (
    ".env", ".env.*", ".env-*", ".env_*", "*.env", ".env~", ".envrc", ".flaskenv",
    ".netrc*", "_netrc", ".pypirc",
    "pip.conf", "pip.ini", ".condarc", ".npmrc", ".yarnrc*", ".renviron", ".git-credentials",
    ".gitconfig",
    "*.pem", "*.key", "*.key.old", "*.key.bak", "*.p12", "*.pfx", "*.jks", "*.keystore",
    "*.keytab", "*.kdbx", "*.ppk", "*.gpg", "*.p8", "*.pk8",
    "id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*",
    ".htpasswd",
    "authorized_keys", "known_hosts", ".pgpass", ".my.cnf", ".s3cfg", ".boto", ".databrickscfg",
    "credentials*.json", "credentials.yml.enc", "client_secret*.json", "service-account*.json",
    "service_account*.json", "kaggle.json", "auth.json", "auth.toml", "oauth*.json",
    "token.json", "hf_token",
    ".token", "*.token", "kubeconfig", "*.kubeconfig", ".dockercfg", ".dockerconfigjson",
    ".vault-token", "secret.txt", "*.secret", ".secrets", "secrets.y*ml",
    "secrets.json", "secrets.toml", "*.tfstate", "*.tfstate.*", "*.tfvars", ".terraformrc",
    "application_default_credentials.json", "access_tokens.db", "credentials.db",
    "accesstokens.json", "msal_token_cache.*", "azureauth.json", ".vault_pass*", ".sentryclirc",
    "rclone.conf", ".rclone.conf", "sftp-config.json", ".ftpconfig", ".remote-sync.json",
    ".*_history", ".aws/", ".aws-sam/", ".ssh/", ".gnupg/", ".kube/", ".docker/", ".azure/",
    ".gcloud/", ".huggingface/", ".kaggle/", ".mlflow/", ".jupyter/", ".config/gh/", ".config/hub",
    ".config/gcloud/", ".config/rclone/", ".cargo/credentials*", ".gem/", ".heroku/", ".netlify/",
    ".oci/", ".snowsql/", ".snowflake/", ".dbt/profiles.yml", ".m2/settings.xml", ".mc/config.json",
    ".vercel/", ".serverless/", ".password-store/", ".dvc/config.local", ".streamlit/secrets.toml",
    "!.env.example", "!.env.sample", "!.env.template", "!.env-example", "!.env_example",
)  # fmt: skip
"""Git-ignore patterns, in lower case, of files that hold secrets by their very name."""

ALLOWED = ("gitleaks:allow", "pragma: allowlist secret")
"""Comments by which the author says that what stands before them on the line is no secret."""
_COMMENT = 500  # characters behind a secret in which such a comment is looked for
_EXAMPLE = re.compile(
    r"passw|passphrase|secret|example|dummy|fake|change|placeholder|redacted|your|sample|default"
    r"|xxx|hunter2|\.\.\."
    r"|^(?:pass|pwd?|abc|test|foo|bar|admin|root|guest|user|demo|token|postgres|mysql)+[\W_\d]*$"
    r"|^[/.~@]"  # a path, or what a tool reads from elsewhere
    r"|^[^a-z]*$|^(?!(?-i:.*[a-z])(?-i:.*[A-Z]).*[!@#^&*~]\w)[^\d]*$",  # a word or a number
    re.IGNORECASE,
)
_PASSWORD = re.compile(r"(?<=://)[^/\s:@'\"]*:[^/\s@'\"${<]+@")
_TOKEN = re.compile(
    r"\b(?:bearer|basic|token)\s+(?=[^\s\d]*\d)[\w.~+/-]{16,}=*|\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]+",
    re.IGNORECASE,
)
_NAMES = re.compile(
    r"(?:^|[_.-])"
    r"(?:PASSWORD|PASSWD|SECRET|TOKEN|API[_-]?KEY|ACCESS[_-]KEY|PRIVATE[_-]KEY|CREDENTIALS?)$",
    re.IGNORECASE,
)


def secret_in(text: str) -> tuple[str, int] | None:
    """What secret `text` holds, in words, and at which character; None for none."""
    lower = text.lower()
    places = [
        (place, name)
        for name, (words, form) in FORMS.items()
        if any(word in lower for word in words) and (place := _place(form, text)) is not None
    ]
    if not places:
        return None
    place, name = min(places)
    return name, place


def _place(form: str, text: str) -> int | None:
    """Where the first secret of that form is in `text`; None for none."""
    for found in re.finditer(form, text):
        named = found.groupdict()
        password = named.get("value") or named.get("plain")
        behind = text[found.end() : found.end() + _COMMENT].partition("\n")[0]
        if not (password and _EXAMPLE.search(password)) and not any(m in behind for m in ALLOWED):
            return found.start()
    return None


def secret_in_value(value: str) -> str | None:
    """What secret the value of a variable or a label holds, in words; None for none."""
    if found := secret_in(value):
        return found[0]
    if _TOKEN.search(value):
        return "a token of an HTTP header"
    return "an address with a password" if _PASSWORD.search(value) else None


def is_secret_name(name: str) -> bool:
    """Whether a variable or label of that name is meant for a secret, as `DB_PASSWORD` is."""
    return bool(_NAMES.search(name))
