"""boto3 asks a server here as it asks an endpoint of AWS'."""

from ...conftest import make_sums
from .environments import BOTO3


def test_boto3_is_content(judge, tmp_path, servers):
    """Whole answers, streams of events, and errors."""
    asked = judge(BOTO3)
    made = make_sums(tmp_path, workers=1, isolation="thread", dialects=["sagemaker"])
    told = asked.ask("sagemaker_runtime.py", servers.start(made).url)
    assert [each["part"] for each in told] == ["whole", "events", "errors"]
