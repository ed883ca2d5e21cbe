"""SecretForms: what tokens, keys and passwords look like in a text.

Each form has words of which any text with it holds one, in lower case: to look for these is much
faster than the regular expression behind them. The group `value` or `plain` is a password, which
may be none: manuals have some, too.
"""

from collections.abc import Mapping

FORMS: Mapping[str, tuple[tuple[str, ...], str]] = {
    "a private key": (("private key",), r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"),
    "a private key of SSH2": (("ssh2 encrypted",), r"---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----"),
    "a private key as JSON (JWK)": (
        ('"kty"',),
        (
            r'"kty"\s*:\s*"(?:RSA|EC|OKP)"[^{}]{0,2000}"d"\s*:\s*"[A-Za-z0-9_-]{20,}"'
            r'|"d"\s*:\s*"[A-Za-z0-9_-]{20,}"[^{}]{0,2000}"kty"\s*:\s*"(?:RSA|EC|OKP)"'
        ),
    ),
    "a private key of age": (("age-secret-key-1",), r"\bAGE-SECRET-KEY-1[A-Z0-9]{58}\b"),
    "a private key of minisign or signify": (
        ("untrusted comment:",),
        r"untrusted comment: (?:minisign encrypted|rsign encrypted|.{0,80}signify) secret key",
    ),
    "a private key of WireGuard": (("privatekey",), r"\bPrivateKey\s*=\s*[A-Za-z0-9+/]{43}="),
    "a private key of Kubernetes": (
        ("client-key-data:",),
        r"\bclient-key-data:\s+[A-Za-z0-9+/]{40}",
    ),
    "a password of a registry": (
        ('"auths"',),
        r'"auths"\s*:\s*\{\s*"[^"]+"\s*:\s*\{\s*"auth"\s*:\s*"[A-Za-z0-9+/]{8,}',
    ),
    "a password of .netrc": (
        ("login",),
        r"\bmachine\s+[^\s<]+\.[^\s<]+\s+login\s+\S+\s+password\s+[^\s<${]",
    ),
    "a token of .npmrc": (("/:_",), r"/:_(?:authToken|password)\s*=\s*[^\s$]{8,}"),
    "an access key of AWS": (("akia", "asia", "abia"), r"\b(?:AKIA|ASIA|ABIA)[0-9A-Z]{16}\b"),
    "a token of GitHub": (
        ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
        r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{40,})",
    ),
    "a token of GitLab": (
        ("glpat-", "gldt-", "glrt-", "glcbt-", "glptt-", "glft-", "glsoat-", "glagent-"),
        r"\bgl(?:pat|dt|rt|cbt|ptt|ft|soat|agent)-[A-Za-z0-9_-]{20,}",
    ),
    "a token of Hugging Face": (("hf_", "api_org_"), r"\b(?:hf|api_org)_[A-Za-z0-9]{30,}\b"),
    "a token of PyPI": (("pypi-",), r"\bpypi-AgEIcHlwaS[A-Za-z0-9_-]{20,}"),
    "a token of Slack": (("xox", "xapp-"), r"\b(?:xox[abprs]|xapp)-[A-Za-z0-9-]{10,}"),
    "an API key of Google": (("aiza",), r"\bAIza[A-Za-z0-9_-]{35}\b"),
    "an OAuth secret of Google": (
        ("gocspx-", '"1//0', "ya29."),
        r'\bGOCSPX-[A-Za-z0-9_-]{28}|"1//0[A-Za-z0-9_-]{40,}"|\bya29\.[A-Za-z0-9_-]{50,}',
    ),
    "a secret of Azure": (("q~",), r"\b[A-Za-z0-9_~.-]{3}\dQ~[A-Za-z0-9_~.-]{31,34}"),
    "a token of Vault": (("hvs.", "hvb.", "hvr."), r"\bhv[sbr]\.[A-Za-z0-9]{24,}"),
    "a token of Terraform Cloud": ((".atlasv1.",), r"\.atlasv1\.[A-Za-z0-9_-]{60,}"),
    "an API key of NVIDIA": (("nvapi-",), r"\bnvapi-[A-Za-z0-9_-]{60,}"),
    "an API key of xAI or Perplexity": (
        ("xai-", "pplx-"),
        r"\b(?:xai-[A-Za-z0-9]{80}|pplx-[A-Za-z0-9]{48})\b",
    ),
    "a secret key of Stripe": (("k_live_",), r"\b[rs]k_live_[A-Za-z0-9]{20,}\b"),
    "a secret key of AWS": (
        ("aws",),
        r"(?i:aws_?secret_?access_?key)\W{1,8}[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+])",
    ),
    "a key of Azure storage": (("accountkey=",), r"AccountKey=[A-Za-z0-9/+]{80,}={0,2}"),
    "a signed address of Azure storage": (("sig=",), r"[?&]sig=[A-Za-z0-9%/+]{40,}(?:%3D|=)"),
    "a webhook of Discord": (
        ("/api/webhooks/",),
        r"https://discord(?:app)?\.com/api/webhooks/\d{17,}/[\w-]{60,}",
    ),
    "a webhook of Slack": (
        ("hooks.slack.com",),
        r"https://hooks\.slack\.com/services/T\w+/B\w+/\w{16,}",
    ),
    "a token of npm": (("npm_",), r"\bnpm_[A-Za-z0-9]{36}\b"),
    "a token of Docker": (("dckr_",), r"\bdckr_[po]at_[A-Za-z0-9_-]{20,}"),
    "a token of DigitalOcean": (("_v1_",), r"\bdo[opr]_v1_[a-f0-9]{64}\b"),
    "a token of Databricks": (("dapi",), r"\bdapi[a-f0-9]{32}\b"),
    "a key of SendGrid": (("sg.",), r"\bSG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}\b"),
    "a key of Groq": (("gsk_",), r"\bgsk_[A-Za-z0-9]{50,}\b"),
    "a token of Replicate": (("r8_",), r"\br8_[A-Za-z0-9]{37}\b"),
    "a key of Weights & Biases": (
        ("wandb",),
        r"(?i:wandb_?api_?key)\W{1,8}[0-9a-f]{40}\b|\bwandb_v1_[A-Za-z0-9_]{40,}",
    ),
    "a key of LangSmith": (("lsv2_",), r"\blsv2_[ps][tk]_[0-9a-f]{32}_[0-9a-f]{10}\b"),
    "a key of Pinecone": (("pcsk_",), r"\bpcsk_[A-Za-z0-9]{4,8}_[A-Za-z0-9]{40,}"),
    "a token of Grafana": (("glsa_",), r"\bglsa_[A-Za-z0-9]{32}_[0-9a-f]{8}\b"),
    "a token of Sentry": (("sntry",), r"\bsntry[su]_[A-Za-z0-9_+/=-]{40,}"),
    "a token of Notion": (("ntn_",), r"\bntn_[A-Za-z0-9]{40,}"),
    "a token of Linear": (("lin_api_",), r"\blin_api_[A-Za-z0-9]{40}\b"),
    "a signed token (JWT)": (("eyj",), r"(?<![\w-])eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{40,}"),
    "an API key of OpenAI, Anthropic or DeepSeek": (
        ("sk-",),
        (
            r"\bsk-(?:(?:proj|svcacct|admin|ant|or-v1|lf)-[A-Za-z0-9_-]{20,}"
            r"|[A-Za-z0-9]{48}\b|[0-9a-f]{32}\b)"
        ),
    ),
    "an access key of Alibaba Cloud": (
        ("ltai",),
        r"\bLTAI(?=[A-Za-z]{0,24}\d)[A-Za-z0-9]{16,24}\b",
    ),
    "an API key of Bedrock": (("absk",), r"\bABSK[A-Za-z0-9+/]{100,}"),
    "an API key of ElevenLabs": (("sk_",), r"\bsk_[0-9a-f]{48}\b"),
    "an API key of Tavily": (("tvly-",), r"\btvly-(?=[A-Za-z-]{0,40}\d)[A-Za-z0-9-]{24,}"),
    "an API key of Cerebras": (("csk-",), r"\bcsk-[a-z0-9]{48}\b"),
    "an API key of Jina": (("jina_",), r"\bjina_[A-Za-z0-9_-]{50,}"),
    "a token of Neptune": (("eyjhcglfywrkcmvzcyi6",), r"\beyJhcGlfYWRkcmVzcyI6[A-Za-z0-9+/=]{60,}"),
    "a token of Kaggle": (("kgat_",), r"\bKGAT_[0-9a-f]{32}\b"),
    "a token of Prefect": (("pnu_", "pnb_"), r"\bpn[ub]_[A-Za-z0-9]{36}\b"),
    "a token of Atlassian or Bitbucket": (
        ("atatt3", "atctt3", "atbb"),
        r"\b(?:AT[AC]TT3[A-Za-z0-9_=-]{60,}|ATBB[A-Za-z0-9]{32}\b)",
    ),
    "an API key of Artifactory": (
        ("akcp", "cmvmd"),
        r"\b(?:AKCp[A-Za-z0-9]{69,}|cmVmdGtu[A-Za-z0-9]{56,})",
    ),
    "a token of RubyGems, NuGet or crates.io": (
        ("rubygems_", "oy2", "cio"),
        (
            r"\b(?:rubygems_[0-9a-f]{48}"
            r"|oy2(?=[a-z]{0,43}\d)[a-z0-9]{43}"
            r"|cio(?=[A-Za-z]{0,32}\d)[A-Za-z0-9]{32})\b"
        ),
    ),
    "a token of CircleCI or Buildkite": (
        ("ccipat_", "bkua_"),
        r"\b(?:CCIPAT_[A-Za-z0-9]{20,}_[0-9a-f]{40}|bkua_[0-9a-f]{40})\b",
    ),
    "a token of SonarQube": (("squ_", "sqp_", "sqa_"), r"\bsq[pua]_[0-9a-f]{40}\b"),
    "a key of Twilio": (("sk",), r"\bSK[0-9a-f]{32}\b"),
    "a token of a Telegram bot": ((":aa",), r"(?<!\d)\d{8,10}:AA[A-Za-z0-9_-]{33}\b"),
    "a key of Mailgun, Mailchimp or Brevo": (
        ("key-", "-us", "xkeysib-"),
        r"\b(?:key-[0-9a-f]{32}|[0-9a-f]{32}-us\d{1,2}|xkeysib-[0-9a-f]{64}-[A-Za-z0-9]{16})\b",
    ),
    "an API key of New Relic": (("nrak-",), r"\bNRAK-[A-Z0-9]{27}\b"),
    "a token of Dynatrace": (("dt0",), r"\bdt0[a-z]\d\d\.[A-Z0-9]{24}\.[A-Z0-9]{64}\b"),
    "a token of Shopify": (
        ("shpat_", "shpca_", "shppa_", "shpss_"),
        r"\bshp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}\b",
    ),
    "a token of Square": (
        ("sq0", "eaaa"),
        (
            r"\b(?:sq0(?:csp|atp)-[A-Za-z0-9_-]{22,}"
            r"|EAAA(?=[A-Za-z_-]{0,60}\d)[A-Za-z0-9_-]{60}\b)"
        ),
    ),
    "a token of Figma": (("figd_",), r"\bfigd_[A-Za-z0-9_-]{40,}"),
    "a token of Airtable": (("pat",), r"\bpat[A-Za-z0-9]{14}\.[0-9a-f]{64}\b"),
    "an API key of Postman": (("pmak-",), r"\bPMAK-[0-9a-f]{24}-[0-9a-f]{34}\b"),
    "a token of Pulumi": (("pul-",), r"\bpul-[0-9a-f]{40}\b"),
    "a password or token of PlanetScale": (
        ("pscale_",),
        r"\bpscale_(?:tkn|pw|oauth)_[A-Za-z0-9=._-]{32,}",
    ),
    "a token of Doppler": (
        ("dp.",),
        r"\bdp\.(?:pt|st|sa|ct|scim|audit)\.(?:[\w-]{1,35}\.)?[A-Za-z0-9]{40,44}\b",
    ),
    "a token of Fly.io": (
        ("fo1_", "fm1", "fm2_"),
        r"\b(?:fo1_[\w-]{43}\b|fm[12][ar]?_[A-Za-z0-9+/]{100,})",
    ),
    "an API key of Heroku": (("hrku-",), r"\bHRKU-[0-9A-Za-z_-]{36,}"),
    "a key of Supabase": (
        ("sbp_", "sb_secret_"),
        r"\b(?:sbp_[0-9a-f]{40}\b|sb_secret_[A-Za-z0-9_-]{20,})",
    ),
    "a token of Dropbox": (("sl.",), r"\bsl\.(?:u\.)?(?=[A-Za-z_-]{0,130}\d)[A-Za-z0-9_-]{130,}"),
    "a token of OpenShift": (("sha256~",), r"\bsha256~[A-Za-z0-9_-]{43}\b"),
    "a token of 1Password": (("ops_eyj",), r"\bops_eyJ[A-Za-z0-9+/]{100,}"),
    "a key of Cloudflare": (("v1.0-",), r"\bv1\.0-[0-9a-f]{24}-[0-9a-f]{146}\b"),
    "an address with a password": (
        ("://",),
        (
            r"\b(?:https?|ftps?|sftp|smtps?|ldaps?"
            r"|postgres(?:ql)?|mysql|mariadb|mssql|oracle|mongodb|rediss?"
            r"|amqps?|kafka|clickhouse|snowflake|neo4j|bolt)(?:\+[a-z0-9_+]{1,30})?"
            r"://[^\s/:@'\"]{0,200}:"
            r"(?P<value>(?:%[0-9A-Fa-f]{2}|[^\s/:,@'\"${}<>%()\[\]]){4,200})"
            r"@(?!localhost\b|127\.0\.0\.1\b|0\.0\.0\.0\b)"
        ),
    ),
    "a password": (
        ("password", "passwd", "passphrase", "secret"),
        (
            r"(?i:password|passwd|passphrase|(?<![a-z])secret)[\"']?\]?"
            r"(?:\s{0,4}:\s{0,4}[A-Za-z][\w.|\[\] ]{0,40})?"
            r"\s{0,4}(?::|=|=>)\s{0,4}[bru]{0,2}[\"']"
            r"(?P<value>[^\s\"'${}<>%()\[\]]{8,128})[\"']"
            r"|(?m:^(?:export |ENV )?[A-Z0-9_]{0,60}(?:PASSWORD|PASSWD)="
            r"(?P<plain>[^\s\"'${}<>%()\[\]#]{8,128})\s*$)"
        ),
    ),
    "a key of an API": (
        ("key", "token", "secret"),
        (
            r"(?i:api[_-]?key|secret[_-]?key|access[_-]?token|auth[_-]?token"
            r"|fernet_key|app[_-]?key|client[_-]?secret|app[_-]?secret"
            r"|subscription[_-]?key|account[_-]?key|master[_-]?key|signing[_-]?key"
            r"|encryption[_-]?key|bot[_-]?token)"
            r"[\"']?\s{0,8}[:=]\s{0,8}[\"']?(?=[A-Za-z_-]{0,40}\d)"
            r"[A-Za-z0-9_+/=-]{32,500}(?![\w(.\[])"
        ),
    ),
    "a key of PuTTY": (("putty-user-key-file-",), r"PuTTY-User-Key-File-\d:"),
}
