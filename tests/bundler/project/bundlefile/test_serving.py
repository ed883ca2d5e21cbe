"""How a bundle is served."""

import pytest


@pytest.mark.parametrize(
    ("key", "value", "word"),
    [
        ("serve.host", "a b", "neither"),
        ("serve.port", "'8080'", "quotes away"),
        ("serve.port", "80.5", "whole number"),
        ("serve.port", "yes", "whole number"),
        ("serve.port", "70000", "at most 65535"),
        ("serve.workers", "many", "neither `auto`"),
        ("serve.workers", "0", "1 to 1024"),
        ("serve.isolation", "none", "process"),
        ("serve.http", "h2", "fast"),
        ("serve.timeout", "30", "30s"),
        ("serve.timeout", "0s", "no time"),
        ("serve.timeout", "30 sec", "one of"),
        ("serve.max_body", "16777216", "16MiB"),
        ("serve.max_body", "16mb", "one of"),
        ("serve.max_body", "257MiB", "never be let in"),
        ("serve", "{max_body: 2GiB, limits: {max_in_flight: 1GiB}}", "max_in_flight"),
        ("serve.log", "INFO", "info"),
        ("serve.access_log", "off", "`true` or `false`"),
        ("serve.access_log", "1", "`true` or `false`"),
        ("serve.warmup", "on", "neither"),
        ("serve.nan", "zero", "error"),
        ("serve.batch.axis", "1", "axis 0"),
        ("serve.batch.latency_budget", "-1ms", "one of"),
        ("serve.batch.max_batch_size", "'64'", "quotes away"),
        ("serve.apis", "{a b: {}}", "not the name of an API"),
        ("serve.apis", "{predict: {route: /readyz}}", "server itself"),
        ("serve.apis", "{a: {route: /x}, b: {route: /x}}", "already"),
        ("serve.queue.max_bytes", "0B", "no room"),
        ("serve.queue.priorities", "1", "`true` or `false`"),
        ("serve.queue.fairness", "client", "who is one client"),
        ("serve.queue.fairness", "header", "who is one client"),
        ("serve.queue.fairness", "'header:X Key'", "who is one client"),
        ("serve.limits.keep_alive", "5", "no unit"),
        ("serve.dialects", "[native, v3]", "v2"),
        ("serve.dialects", "[v2, v2]", "twice"),
        ("serve.dialects", "[]", "names no dialect"),
        ("serve.formats", "[arrow, avro]", "parquet"),
        ("serve.formats", "arrow", "list"),
        ("serve.cors", "'*'", "list"),
        ("serve.cors", "[app.example.com]", "origin of a page"),
        ("serve.cors", "['https://app.example.com/']", "origin of a page"),
        ("serve.cors", "['https://App.example.com']", "lower case"),
        ("serve.grpc.port", "70000", "at most 65535"),
        ("serve.grpc", "{tls_cert: a.crt}", "`tls_key` is missing"),
        ("serve.grpc", "{tls_key: a.key}", "`tls_cert` is missing"),
        ("serve.grpc", "{tls_client_ca: a.crt}", "needs a certificate"),
        ("serve.grpc.compression", "br", "gzip"),
        ("serve.management", "{port: 9000, grpc: true}", "Add `grpc` to `serve.dialects`"),
        ("serve", "{dialects: [grpc], management: {grpc: true}}", "Give `serve.management.port`"),
    ],
)
def test_what_does_not_fit_is_refused(refuse_value, key, value, word):
    refuse_value(key, value, word)


@pytest.mark.parametrize("fairness", ["off", "address", "header:X-Api-Key"])
def test_whose_share_it_is(read, fairness):
    assert read(f"serve: {{queue: {{fairness: {fairness}}}}}\n").serve.queue.fairness == fairness


@pytest.mark.parametrize(
    ("text", "nan"), [("null", "null"), ("'null'", "null"), ("error", "error")]
)
def test_nan_is_null_or_an_error(read, text, nan):
    assert read(f"serve: {{nan: {text}}}\n").serve.nan == nan


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("max_size", "max_batch_size"), ("max_wait", "latency_budget"), ("target_latency", "latency_budget"),
        ("latency_budjet", "latency_budget"),
    ],
)  # fmt: skip
def test_words_of_others_are_translated(refuse, key, hint):
    error = refuse(f"serve: {{batch: {{{key}: 1}}}}\n")
    assert f"`{hint}`" in error.hint


def test_a_key_at_the_wrong_level_is_sent_home(refuse):
    assert "This is `serve.port` here." in refuse("port: 1\n").hint
    assert "This is `python.requirements` here." in refuse("requirements: [a]\n").hint
    assert "Known here are `max_batch_size`" in refuse("serve: {batch: {zzz: 1}}\n").hint
