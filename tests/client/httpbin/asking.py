"""What the tests upon httpbin share."""

from __future__ import annotations

from typing import Any

from salver.client import Client


def told(client: Client, method: str, path: str, **options: Any) -> Any:
    response = client.request(method, path, **options)
    assert response.raise_for_status() is response
    return response.json()
