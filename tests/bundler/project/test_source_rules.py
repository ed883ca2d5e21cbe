"""Patterns alone, without a tree."""

from modelbundle.bundler.project.source_rules import SourceRules


def test_secrets_win_over_exclude_and_exclude_over_include():
    rules = SourceRules(["**"], ["b", "!.env"])
    assert rules.takes("a")
    assert not rules.takes("b")
    assert not rules.takes(".env")


def test_a_folder_is_asked_for_with_a_slash():
    rules = SourceRules(["**"], [])
    assert rules.keeps_out(".git/")
    assert rules.keeps_out("deep/down/__pycache__/")
    assert not rules.keeps_out("lib/")


def test_a_pattern_for_everything_names_no_secret():
    rules = SourceRules(["**", "*", "data/**", "*.json", "!.env"], [])
    assert not list(rules.named_secrets())


def test_a_package_about_credentials_is_no_secret():
    assert SourceRules(["**/*.py"], []).takes("app/credentials/__init__.py")
    assert SourceRules(["**/*.py"], []).takes("keys.py")
