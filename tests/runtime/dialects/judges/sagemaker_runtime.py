"""AWS' own client asks a server of `sums`: `sagemaker_runtime.py URL`; JSON a part."""

import json
import sys

import boto3

KEYS = {"aws_access_key_id": "any", "aws_secret_access_key": "any", "region_name": "us-east-1"}
ASKED = {"EndpointName": "mine", "ContentType": "application/json", "Body": b"[[1, 2], [3, 4]]"}


def main():
    """A whole answer, one in events, and an error of the model's in both."""
    client = boto3.client("sagemaker-runtime", endpoint_url=sys.argv[1], **KEYS)
    whole = client.invoke_endpoint(**ASKED, CustomAttributes="a=1", TargetModel="sums.tar.gz")
    assert json.loads(whole["Body"].read()) == [3.0, 7.0]
    assert (whole["ContentType"], whole["CustomAttributes"]) == ("application/json", "a=1")
    assert whole["InvokedProductionVariant"]
    print(json.dumps({"part": "whole"}))
    told = client.invoke_endpoint_with_response_stream(**ASKED, Accept="text/csv")
    assert told["ContentType"].startswith("text/csv"), told["ContentType"]
    parts = b"".join(event["PayloadPart"]["Bytes"] for event in told["Body"])
    assert [float(line) for line in parts.split()] == [3.0, 7.0], parts
    print(json.dumps({"part": "events"}))
    for call in (client.invoke_endpoint, client.invoke_endpoint_with_response_stream):
        try:
            call(**ASKED | {"Body": b"[[1]]"})
        except client.exceptions.ModelError as error:
            assert error.response["OriginalStatusCode"] == 400
            assert "2 numbers" in error.response["OriginalMessage"]
        else:
            raise AssertionError("nothing was refused")
    print(json.dumps({"part": "errors"}))


main()
