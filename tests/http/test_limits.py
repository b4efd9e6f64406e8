"""Rate limits in headers, by the draft's own examples and by what servers send."""

from __future__ import annotations

import pytest

from fhir_blina.http.limits import Limit, limits_of, pause_of_limit


@pytest.mark.parametrize(
    ("headers", "spent", "refused"),
    [
        ({}, 0, 0),
        ({"ratelimit": '"fhirInteractions";r=0;t=12'}, 12, 12),  # as Medplum's documentation shows it
        ({"ratelimit": '"fhirInteractions";r=40;t=12'}, 0, 12),
        ({"ratelimit": '"burst";r=0;t=2, "day";r=900;t=80000'}, 2, 2),
        ({"ratelimit": '"burst";r=5;t=2, "day";r=900;t=80000'}, 0, 2),
        ({"ratelimit": '"day";r=0;t=80000'}, 120, 120),
        ({"ratelimit-remaining": "0", "ratelimit-reset": "7"}, 7, 7),
        ({"ratelimit-remaining": "x", "ratelimit-reset": "7"}, 0, 0),
        ({"ratelimit": "nonsense"}, 0, 0),
    ],
)
def test_a_rate_limit_says_when_more_is_taken(headers, spent, refused):
    assert pause_of_limit(headers) == spent
    assert pause_of_limit(headers, refused=True) == refused


@pytest.mark.parametrize(
    ("headers", "limits"),
    [
        # draft-ietf-httpapi-ratelimit-headers, sections 4 and 5
        ({"ratelimit": '"default";r=50;t=30'}, [Limit(50, 30.0)]),
        ({"ratelimit": '"problemPolicy";r=0;t=10'}, [Limit(0, 10.0)]),
        ({"ratelimit": '"burst";r=3, "daily";r=0;t=36000'}, [Limit(3, None), Limit(0, 36000.0)]),
        (
            {"ratelimit": '"burst";r=0', "ratelimit-policy": '"burst";q=100;w=60,"daily";q=1000;w=86400'},
            [Limit(0, 60.0)],
        ),
        # earlier drafts
        ({"ratelimit": "limit=100, remaining=0, reset=5"}, [Limit(0, 5.0)]),
        ({"ratelimit-remaining": "0", "ratelimit-policy": "10;w=1"}, [Limit(0, 1.0)]),
        # Medplum
        ({"ratelimit": '"fhirInteractions";r=49900;t=60'}, [Limit(49900, 60.0)]),
        # a name that looks like parameters
        ({"ratelimit": '"a, b;r=0;t=99";r=5;t=3'}, [Limit(5, 3.0)]),
        ({"ratelimit": '"a\\";r=0";r=5;t=3;pk=:c2Vj:'}, [Limit(5, 3.0)]),
        ({"ratelimit": '"x";r=-1;t=3'}, []),
        ({"ratelimit": "nonsense"}, []),
        ({}, []),
    ],
)
def test_each_limit_is_read(headers, limits):
    assert limits_of(headers) == limits


@pytest.mark.parametrize(
    ("headers", "spent", "refused"),
    [
        ({"ratelimit-policy": '"burst";q=100;w=60'}, 0.0, 60.0),
        ({"ratelimit-policy": '"burst";q=100;w=7,"daily";q=1000;w=86400'}, 0.0, 7.0),
        ({"ratelimit": '"d";r=0', "ratelimit-policy": '"d";q=9;w=86400'}, 120.0, 120.0),
        ({"ratelimit": '"d";r=0'}, 0.0, 0.0),
    ],
)
def test_a_policy_says_how_long_its_window_is(headers, spent, refused):
    assert pause_of_limit(headers) == spent
    assert pause_of_limit(headers, refused=True) == refused
