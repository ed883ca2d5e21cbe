"""Prediction routes of a real server."""


def test_a_row_is_answered(sums, servers):
    server = servers.start(sums)
    answer = server.post([[1, 2], [3, 4.5]])
    assert (answer.status_code, answer.json()) == (200, {"predictions": [3.0, 7.5]})
