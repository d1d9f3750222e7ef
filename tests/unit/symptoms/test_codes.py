"""The codes that tell errors of one outcome apart."""

from __future__ import annotations

import pytest

from labctl.knowledge.why import why
from labctl.model import Outcome
from labctl.symptoms import symptoms
from labctl.symptoms.codes import code_of
from support.known import entries


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("urllib.error.HTTPError: HTTP Error 503: Service Unavailable", "503"),
        ("curl: (22) The requested URL returned error: 502", "502"),
        ("*1 no live upstreams while connecting to upstream", "502"),
        ("dial tcp: lookup db: no such host", "EAI_NONAME"),
        ("Error: getaddrinfo EAI_AGAIN db", "EAI_AGAIN"),
        ("curl: (6) Could not resolve host: db", None),
        ("curl: (60) SSL certificate problem: self-signed certificate", "DEPTH_ZERO_SELF_SIGNED_CERT"),
        ("curl: (35) error:0A00010B:SSL routines::wrong version number", "WRONG_VERSION_NUMBER"),
        ('Get "https://x/": x509: certificate has expired or is not yet valid: current time', None),
        ("ConnectionRefusedError: [Errno 111] Connection refused", None),
    ],
)
def test_a_text_tells_its_code(text: str, code: str | None) -> None:
    assert [one.code for one in symptoms(text)] == [code]


def test_a_code_is_of_one_outcome_only() -> None:
    assert code_of(Outcome.REFUSED, "name or service not known, 503 Service Unavailable") is None
    assert code_of(None, "name or service not known") is None


def test_a_scenario_with_another_code_is_no_cause_and_its_code_is_told() -> None:
    [symptom] = symptoms("urllib.error.HTTPError: HTTP Error 502: Bad Gateway")
    answer = why(symptom, entries())
    assert "open-not-ready" not in {cause.scenario for cause in answer.causes}
    [told] = [one.why for one in answer.excluded if one.scenario == "open-not-ready"]
    assert told == "there urllib would show protocol-error at protocol, 503"


def test_an_error_of_a_client_without_records_of_the_protocol_is_compared_with_all() -> None:
    [symptom] = symptoms("redis.exceptions.ConnectionError: Error 111 connecting to cache:6379. Connection refused.")
    answer = why(symptom, entries())
    assert not answer.own
    assert {"server-down", "firewall-reject"} <= {cause.scenario for cause in answer.causes}
