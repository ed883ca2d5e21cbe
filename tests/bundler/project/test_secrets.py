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
