"""What looks like a secret, and what only reminds of one."""

import pytest

from modelbundle.bundler.project.secrets import is_secret_name, secret_in


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("-----BEGIN PRIVATE KEY-----", "private key"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----", "private key"),
        ("-----BEGIN PGP PRIVATE KEY BLOCK-----", "private key"),
        ("id=AKIAIOSFODNN7EXAMPLE", "AWS"),
        ("ghp_" + "a1B2" * 9, "GitHub"),
        ("glpat-" + "a1B2" * 6, "GitLab"),
        ("hf_" + "a1B2" * 9, "Hugging Face"),
        ("xoxb-123456789012-abc", "Slack"),
        ("AIza" + "a" * 35, "Google"),
        ("sk-ant-" + "a" * 30, "Anthropic"),
        ("sk-" + "a1B2" * 12, "OpenAI"),
        ("aws_secret_access_key = " + "a1B/" * 10, "AWS"),
        ('AWS_SECRET_ACCESS_KEY="' + "a1B+" * 10 + '"', "AWS"),
        ("DefaultEndpointsProtocol=https;AccountKey=" + "a1B/" * 21 + "ab==", "Azure"),
        ("https://hooks.slack.com/services/T00000000/B00000000/" + "X" * 24, "Slack"),
        ("npm_" + "a1B2" * 9, "npm"),
        ("dckr_pat_" + "a1B2" * 7, "Docker"),
        ("dop_v1_" + "a1b2" * 16, "DigitalOcean"),
        ("dapi" + "a1b2" * 8, "Databricks"),
        ("SG." + "a1" * 11 + "." + "b" * 43, "SendGrid"),
        ("gsk_" + "a1B2" * 13, "Groq"),
        ("r8_" + "a" * 37, "Replicate"),
        ("PuTTY-User-Key-File-3: ssh-ed25519", "PuTTY"),
        ("---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----", "SSH2"),
        ('{"kty": "EC", "crv": "P-256", "x": "a", "d": "' + "a1B2" * 10 + '"}', "JWK"),
        ('{"d":"' + "a1B2" * 10 + '","kty":"RSA"}', "JWK"),
        ("AGE-SECRET-KEY-1" + "Q" * 58, "age"),
        ("untrusted comment: minisign encrypted secret key", "minisign"),
        ("untrusted comment: ann signify secret key", "signify"),
        ("PrivateKey = " + "a1B/" * 10 + "abc=", "WireGuard"),
        ("    client-key-data: " + "a1B2" * 20, "Kubernetes"),
        ('{"auths": {"ghcr.io": {"auth": "YW5uOnNlY3JldA=="}}}', "registry"),
        ("machine pypi.example.com login ann password s3cr3t", ".netrc"),
        ("machine a.example.com\n  login ann\n  password s3cr3t", ".netrc"),
        ("//registry.npmjs.org/:_authToken=a1B2a1B2a1B2", ".npmrc"),
        ("GOCSPX-" + "a1B2" * 7, "Google"),
        ('"refresh_token": "1//0' + "a1B2" * 12 + '"', "Google"),
        ("aB38Q~" + "a1B2" * 8 + "xy", "Azure"),
        ("hvs." + "a1B2" * 8, "Vault"),
        ("aBcDeF.atlasv1." + "a1B2" * 16, "Terraform"),
        ("nvapi-" + "a1B2" * 16, "NVIDIA"),
        ("pplx-" + "a1B2" * 12, "Perplexity"),
        ("sk-or-v1-" + "a1b2" * 16, "OpenAI"),
        ("gldt-" + "a1B2" * 5, "GitLab"),
        ("xapp-1-A0123456789-" + "a1b2" * 8, "Slack"),
        ("https://x.blob.core.windows.net/c?sv=2024-11-04&sig=" + "a1%2B" * 9 + "%3D", "Azure"),
        ("https://discord.com/api/webhooks/" + "123456789" * 2 + "/" + "a1-_" * 17, "Discord"),
        ("WANDB_API_KEY=" + "a1b2" * 10, "Weights & Biases"),
        ("lsv2_pt_" + "a1b2" * 8 + "_" + "a1b2a1b2a1", "LangSmith"),
        ("pcsk_a1B2a1_" + "a1B2" * 12, "Pinecone"),
        ("glsa_" + "a1B2" * 8 + "_a1b2a1b2", "Grafana"),
        ("sntrys_eyJ" + "a1B2" * 12, "Sentry"),
        ("ntn_" + "a1B2" * 12, "Notion"),
        ("lin_api_" + "a1B2" * 10, "Linear"),
        ("token: eyJ" + "a1B2" * 9 + ".eyJ" + "a1B2" * 20 + "." + "a1B2" * 20, "JWT"),
        ("--extra-index-url https://bot:" + "a1B2" * 5 + "@pypi.example.com/simple", "password"),
        ('url = "https://:' + "a1B2" * 13 + '@pkgs.dev.azure.com/x"', "password"),
        ("COHERE_API_KEY = '" + "a1B2" * 10 + "'", "API"),
        ('"api_key": "' + "a1b2" * 8 + '"', "API"),
        ("Ocp-Apim-Subscription-Key: " + "a1b2" * 8, "API"),
        ("LTAI5t" + "a1B2" * 4 + "xy", "Alibaba"),
        ("aB37Q~" + "a1B2" * 8, "Azure"),
        ("ABSK" + "a1B2" * 30, "Bedrock"),
        ("sk-" + "a1b2" * 8, "DeepSeek"),
        ("sk_" + "a1b2" * 12, "ElevenLabs"),
        ("tvly-dev-" + "a1B2" * 8, "Tavily"),
        ("csk-" + "a1b2" * 12, "Cerebras"),
        ("jina_" + "a1B2" * 15, "Jina"),
        ("eyJhcGlfYWRkcmVzcyI6" + "a1B2" * 20, "Neptune"),
        ("KGAT_" + "a1b2" * 8, "Kaggle"),
        ("pnu_" + "a1B2" * 9, "Prefect"),
        ("ATATT3" + "a1B2" * 46 + "=A1B2", "Atlassian"),
        ("ATBB" + "a1B2" * 8, "Bitbucket"),
        ("AKCp" + "a1B2" * 17 + "c", "Artifactory"),
        ("rubygems_" + "a1b2" * 12, "RubyGems"),
        ("CCIPAT_" + "a1B2" * 6 + "_" + "a1b2" * 10, "CircleCI"),
        ("squ_" + "a1b2" * 10, "SonarQube"),
        ("SK" + "a1b2" * 8, "Twilio"),
        ("bot1234567890:AA" + "a1B2" * 8 + "c", "Telegram"),
        ("key-" + "a1b2" * 8, "Mailgun"),
        ("a1b2" * 8 + "-us12", "Mailchimp"),
        ("NRAK-" + "A1B" * 9, "New Relic"),
        ("dt0c01." + "A1B2" * 6 + "." + "A1B2" * 16, "Dynatrace"),
        ("shpat_" + "a1b2" * 8, "Shopify"),
        ("sq0csp-" + "a1B2" * 10 + "abc", "Square"),
        ("figd_" + "a1B2" * 10, "Figma"),
        ("pat" + "a1" * 7 + "." + "a1b2" * 16, "Airtable"),
        ("PMAK-" + "a1b2" * 6 + "-" + "a1" * 17, "Postman"),
        ("pul-" + "a1b2" * 10, "Pulumi"),
        ("pscale_pw_" + "a1B2" * 10, "PlanetScale"),
        ("dp.st.prd." + "a1B2" * 10, "Doppler"),
        ("fo1_" + "a1B2" * 10 + "abc", "Fly.io"),
        ("HRKU-" + "a1b2" * 10, "Heroku"),
        ("sbp_" + "a1b2" * 10, "Supabase"),
        ("sl.u." + "a1B2" * 34, "Dropbox"),
        ("sha256~" + "a1B2" * 10 + "abc", "OpenShift"),
        ("ops_eyJ" + "a1B2" * 30, "1Password"),
        ("v1.0-" + "a1b2" * 6 + "-" + "a1" * 73, "Cloudflare"),
        ("postgresql+psycopg2://app:s3cr3t-x@db.example.com/x", "an address with a password"),
        ("redis://:p%4012ab@cache:6379", "an address with a password"),
        ("password = 'Tr0ub4dor&3'", "a password"),
        ('DB_PASSWORD: str = "correct1horse"', "a password"),
        ("password = 'Qu!ckBr@wnFox'", "a password"),
        ('connect(host, password=b"x7-kq2-9f")', "a password"),
        ('{"password": "x7-kq2-9f"}', "a password"),
        ('settings["password"] = "x7-kq2-9f"', "a password"),
        ("export PGPASSWORD=x7-kq2-9f", "a password"),
    ],
)
def test_a_secret_is_known_by_its_form(text, what):
    found, place = secret_in(f"one\n{text}\n")
    assert what in found
    assert place >= 4


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-----BEGIN PUBLIC KEY-----",
        "AKIA",
        "ghp_short",
        "hf_hub_download",
        "sk-learn",
        "task-proj-a",
        "sk-" + "a" * 40 + "-notes",
        "AWS_SECRET_ACCESS_KEY = os.environ['AWS_SECRET_ACCESS_KEY']",
        "npm_config_registry",
        "https://hooks.slack.com/services",
        '{"kty": "EC", "x": "a", "y": "b"}',
        "machine learning login form password reset",
        "machine <host.example.com> login <name> password <password>",
        "machine a.example.com login y password ${PASSWORD}",
        "//registry.npmjs.org/:_authToken=${NPM_TOKEN}",
        '{"auths": {}}',
        "client-key-data: REDACTED",
        "PrivateKey = load()",
        "hvs.compute_histogram_of_values_for_rows",
        "https://user:password@host.example.com/simple",
        "https://{user}:{token_of_the_index_1}@host.example.com/simple",
        "https://${USER}:${TOKEN_OF_THE_INDEX_1}@host.example.com/simple",
        "http://127.0.0.1:8080/a/long-path-with-1-number@home",
        "api_key = os.environ['API_KEY_OF_THE_SERVICE_1']",
        "api_key = read_the_key_of_the_service_of_team_1()",
        "access_token: str | None = None",
        "secret_key=settings_of_the_application_1.secret_key",
        "authorization: bearer eyJhbGciOi",
        "password = os.environ['DB_PASSWORD_1']",
        "password = getpass('password1: ')",
        "password='password1'",
        "passwd = 'Correct-Horse'",
        "passwd='what_is_it!'",
        'password: str = "changeme123"',
        'password="********"',
        "password = '${DB_PASSWORD_1}'",
        "password='test1234'",
        "password = '/run/pw/db1'",
        "client_secret='fake-client-secret-1'",
        "PASSWORD=$DB_PASSWORD_1",
        "the password: 'hello there 12'",
        "has_password = 'yes'",
        "postgresql://postgres:postgres@db/x",
        "postgres://app:x7-kq2-9f@localhost:5432/x",
        "amqp://guest:guest@queue",
        "mysql://user:pass1@host/db",
        "http://a.example.com:8123,b:c2de@d.example.com",
        "task_" + "a1b2" * 12,
        "assert key-" + "a1b2" * 4,
    ],
)
def test_ordinary_text_is_no_secret(text):
    assert secret_in(text) is None


@pytest.mark.parametrize(
    "name", ["PASSWORD", "DB_PASSWORD", "api_key", "AWS_SECRET_ACCESS_KEY", "HF_TOKEN"]
)
def test_some_variables_are_meant_for_secrets(name):
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name", ["TOKENIZERS_PARALLELISM", "KEYBOARD", "MAX_TOKENS", "PASSWORD_FILE"]
)
def test_other_variables_are_not(name):
    assert not is_secret_name(name)


@pytest.mark.parametrize(
    "text",
    [
        "eyJ-",
        "eyJabcdefghij.eyJ",
        "https://a:",
        "api_key=1",
        "?sig=a",
        "sntrys_",
        "xapp-",
        "sl.u.a",
        "password: a ",
        'password = "',
        'password="test1" ',
    ],
)
def test_no_text_keeps_the_search_busy(text):
    """Each would take minutes, if it were searched again from each place in it."""
    secret_in(text * (1_000_000 // len(text)) + "(")


@pytest.mark.parametrize("comment", ["  # gitleaks:allow", " // pragma: allowlist secret"])
def test_the_author_may_say_that_a_line_has_no_secret(comment):
    line, other = "password = 'x7-kq2-9f'", "password = 'x7-kq2-9g'"
    assert secret_in(f"{line}{comment}\n") is None
    assert secret_in(f"{line}{comment}\n{other}\n{comment}") == (
        "a password",
        len(line + comment) + 1,
    )
