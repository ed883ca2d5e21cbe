from modelbundle.runtime.services.headers import Headers, as_bytes, as_text


def test_a_name_is_found_in_whatever_case_and_values_are_not_printed():
    headers = Headers({"X-User": "ada", "Authorization": "Bearer secret"})

    assert headers["x-USER"] == headers.get("X-user") == "ada"
    assert "AUTHORIZATION" in headers
    assert "cookie" not in headers
    assert dict(headers) == {"x-user": "ada", "authorization": "Bearer secret"}
    assert repr(headers) == "Headers(x-user, authorization)"


def test_every_byte_of_a_value_survives_the_way_to_a_service():
    headers = {b"x-all": bytes(range(32, 256))}

    assert as_bytes(as_text(headers)) == headers
