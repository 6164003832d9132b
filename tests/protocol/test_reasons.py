"""The registry of status codes."""

from __future__ import annotations

from http import HTTPStatus

import pytest

from salver.protocol.reasons import REASONS


def test_every_registered_code_has_its_reason() -> None:
    assert len(REASONS) == 61
    assert REASONS[200] == "OK"
    assert REASONS[413] == "Content Too Large"
    assert REASONS[422] == "Unprocessable Content"


def test_nothing_that_the_standard_library_knows_is_missing_but_what_is_unused() -> None:
    assert {status.value for status in HTTPStatus} - set(REASONS) <= {306, 418}


def test_it_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        REASONS[200] = "Fine"  # type: ignore[index]
