"""Secrets: file names and texts that must not get into a bundle."""

import re

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

_TEXTS = {
    "a private key": r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----",
    "a private key of SSH2": r"---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----",
    "a private key as JSON (JWK)": (
        r'"kty"\s*:\s*"(?:RSA|EC|OKP)"[^{}]{0,2000}"d"\s*:\s*"[A-Za-z0-9_-]{20,}"'
        r'|"d"\s*:\s*"[A-Za-z0-9_-]{20,}"[^{}]{0,2000}"kty"\s*:\s*"(?:RSA|EC|OKP)"'
    ),
    "a private key of age": r"\bAGE-SECRET-KEY-1[A-Z0-9]{58}\b",
    "a private key of minisign or signify": (
        r"untrusted comment: (?:minisign encrypted|rsign encrypted|.{0,80}signify) secret key"
    ),
    "a private key of WireGuard": r"\bPrivateKey\s*=\s*[A-Za-z0-9+/]{43}=",
    "a private key of Kubernetes": r"\bclient-key-data:\s+[A-Za-z0-9+/]{40}",
    "a password of a registry": (
        r'"auths"\s*:\s*\{\s*"[^"]+"\s*:\s*\{\s*"auth"\s*:\s*"[A-Za-z0-9+/]{8,}'
    ),
    "a password of .netrc": r"\bmachine\s+[^\s<]+\.[^\s<]+\s+login\s+\S+\s+password\s+[^\s<${]",
    "a token of .npmrc": r"/:_(?:authToken|password)\s*=\s*[^\s$]{8,}",
    "an access key of AWS": r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "a token of GitHub": r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{40,})",
    "a token of GitLab": r"\bgl(?:pat|dt|rt|cbt|ptt|ft|soat|agent)-[A-Za-z0-9_-]{20,}",
    "a token of Hugging Face": r"\bhf_[A-Za-z0-9]{30,}\b",
    "a token of PyPI": r"\bpypi-AgEIcHlwaS[A-Za-z0-9_-]{20,}",
    "a token of Slack": r"\b(?:xox[abprs]|xapp)-[A-Za-z0-9-]{10,}",
    "an API key of Google": r"\bAIza[A-Za-z0-9_-]{35}\b",
    "an OAuth secret of Google": r"\bGOCSPX-[A-Za-z0-9_-]{28}|\"1//0[A-Za-z0-9_-]{40,}\"",
    "a secret of Azure": r"\b[A-Za-z0-9_~.-]{3}8Q~[A-Za-z0-9_~.-]{34}",
    "a token of Vault": r"\bhv[sbr]\.[A-Za-z0-9]{24,}",
    "a token of Terraform Cloud": r"\.atlasv1\.[A-Za-z0-9_-]{60,}",
    "an API key of NVIDIA": r"\bnvapi-[A-Za-z0-9_-]{60,}",
    "an API key of xAI or Perplexity": r"\b(?:xai-[A-Za-z0-9]{80}|pplx-[A-Za-z0-9]{48})\b",
    "a secret key of Stripe": r"\b[rs]k_live_[A-Za-z0-9]{20,}\b",
    "an API key of OpenAI or Anthropic": (
        r"\bsk-(?:(?:proj|svcacct|admin|ant|or-v1)-[A-Za-z0-9_-]{20,}|[A-Za-z0-9]{48}\b)"
    ),
    "a secret key of AWS": (
        r"(?i:aws_?secret_?access_?key)\W{1,8}[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+])"
    ),
    "a key of Azure storage": r"AccountKey=[A-Za-z0-9/+]{80,}={0,2}",
    "a signed address of Azure storage": r"[?&]sig=[A-Za-z0-9%/+]{40,}(?:%3D|=)",
    "a webhook of Discord": r"https://discord(?:app)?\.com/api/webhooks/\d{17,}/[\w-]{60,}",
    "a webhook of Slack": r"https://hooks\.slack\.com/services/T\w+/B\w+/\w{16,}",
    "a token of npm": r"\bnpm_[A-Za-z0-9]{36}\b",
    "a token of Docker": r"\bdckr_pat_[A-Za-z0-9_-]{20,}",
    "a token of DigitalOcean": r"\bdo[op]_v1_[a-f0-9]{64}\b",
    "a token of Databricks": r"\bdapi[a-f0-9]{32}\b",
    "a key of SendGrid": r"\bSG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}\b",
    "a key of Groq": r"\bgsk_[A-Za-z0-9]{50,}\b",
    "a token of Replicate": r"\br8_[A-Za-z0-9]{37}\b",
    "a key of Weights & Biases": (
        r"(?i:wandb_?api_?key)\W{1,8}[0-9a-f]{40}\b|\bwandb_v1_[A-Za-z0-9_]{40,}"
    ),
    "a key of LangSmith": r"\blsv2_[ps][tk]_[0-9a-f]{32}_[0-9a-f]{10}\b",
    "a key of Pinecone": r"\bpcsk_[A-Za-z0-9]{4,8}_[A-Za-z0-9]{40,}",
    "a token of Grafana": r"\bglsa_[A-Za-z0-9]{32}_[0-9a-f]{8}\b",
    "a token of Sentry": r"\bsntry[su]_[A-Za-z0-9_+/=-]{40,}",
    "a token of Notion": r"\bntn_[A-Za-z0-9]{40,}",
    "a token of Linear": r"\blin_api_[A-Za-z0-9]{40}\b",
    "a signed token (JWT)": r"(?<![\w-])eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{40,}",
    "an address with a password": (
        r"\bhttps?://[^\s/:@'\"]{0,200}:(?=[^\s/@'\"]{0,200}\d)[^\s/@'\"${}<>]{16,}@"
    ),
    "a key of an API": (
        r"(?i:api_?key|secret_?key|access_?token|auth_?token|fernet_key)[\"']?\s{0,8}[:=]\s{0,8}"
        r"[\"']?(?=[A-Za-z_-]{0,40}\d)[A-Za-z0-9_+/=-]{32,500}(?![\w(.\[])"
    ),
    "a key of PuTTY": r"PuTTY-User-Key-File-\d:",
}
_SIGNS = {
    "a private key": ("private key",),
    "a private key of SSH2": ("ssh2 encrypted",),
    "a private key as JSON (JWK)": ('"kty"',),
    "a private key of age": ("age-secret-key-1",),
    "a private key of minisign or signify": ("untrusted comment:",),
    "a private key of WireGuard": ("privatekey",),
    "a private key of Kubernetes": ("client-key-data:",),
    "a password of a registry": ('"auths"',),
    "a password of .netrc": ("login",),
    "a token of .npmrc": ("/:_",),
    "an access key of AWS": ("akia", "asia"),
    "a token of GitHub": ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
    "a token of GitLab": (
        "glpat-",
        "gldt-",
        "glrt-",
        "glcbt-",
        "glptt-",
        "glft-",
        "glsoat-",
        "glagent-",
    ),
    "a token of Hugging Face": ("hf_",),
    "a token of PyPI": ("pypi-",),
    "a token of Slack": ("xox", "xapp-"),
    "an API key of Google": ("aiza",),
    "an OAuth secret of Google": ("gocspx-", '"1//0'),
    "a secret of Azure": ("8q~",),
    "a token of Vault": ("hvs.", "hvb.", "hvr."),
    "a token of Terraform Cloud": (".atlasv1.",),
    "an API key of NVIDIA": ("nvapi-",),
    "an API key of xAI or Perplexity": ("xai-", "pplx-"),
    "a secret key of Stripe": ("k_live_",),
    "an API key of OpenAI or Anthropic": ("sk-",),
    "a secret key of AWS": ("aws",),
    "a key of Azure storage": ("accountkey=",),
    "a signed address of Azure storage": ("sig=",),
    "a webhook of Discord": ("/api/webhooks/",),
    "a webhook of Slack": ("hooks.slack.com",),
    "a token of npm": ("npm_",),
    "a token of Docker": ("dckr_pat_",),
    "a token of DigitalOcean": ("_v1_",),
    "a token of Databricks": ("dapi",),
    "a key of SendGrid": ("sg.",),
    "a key of Groq": ("gsk_",),
    "a token of Replicate": ("r8_",),
    "a key of Weights & Biases": ("wandb",),
    "a key of LangSmith": ("lsv2_",),
    "a key of Pinecone": ("pcsk_",),
    "a token of Grafana": ("glsa_",),
    "a token of Sentry": ("sntry",),
    "a token of Notion": ("ntn_",),
    "a token of Linear": ("lin_api_",),
    "a signed token (JWT)": ("eyj",),
    "an address with a password": ("http",),
    "a key of an API": ("key", "token"),
    "a key of PuTTY": ("putty-user-key-file-",),
}
"""What is in any text that holds it, in lower case: to look for that is much faster."""
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
        (found.start(), what)
        for what, signs in _SIGNS.items()
        if any(sign in lower for sign in signs) and (found := re.search(_TEXTS[what], text))
    ]
    if not places:
        return None
    place, what = min(places)
    return what, place


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
