"""The checker of documents finds what it is for; a checker that finds nothing looks just like documents that hold."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def checker():
    spec = importlib.util.spec_from_file_location("check_docs", ROOT / "tools" / "check_docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("check", "text", "problem"),
    [
        ("links", "[there](missing.md)", "leads nowhere"),
        ("links", "[there](#else)\n\n# Here\n", "no such heading"),
        ("tests_named", "`tests/files/test_nothing.py`", "does not exist"),
        ("tests_named", f"`tests/repository/{Path(__file__).name}::test_other`", "has no test_other"),
        ("commands", "```sh\nsalver . --no-such-option\n```", "no option --no-such-option"),
        ("commands", "`python -m salver run a:b --nothing 1`", "no option --nothing"),
        ("commands", "run `make tea`", "no make tea"),
        ("python", "```python\nif :\n```", "does not compile"),
        ("python", "```pycon\n>>> 1 + 1\n3\n```", "gives something else"),
    ],
)
def test_finds(checker, tmp_path, check, text, problem):
    document = tmp_path / "page.md"
    document.write_text(text + "\n")
    (found,) = getattr(checker, check)(document)
    assert problem in found


@pytest.mark.parametrize(
    ("check", "text"),
    [
        ("links", "[a](page.md#here) [b](https://example.org/x)\n\n# Here\n"),
        ("tests_named", f"`tests/repository/{Path(__file__).name}::test_finds`"),
        ("commands", "```sh\nsalver . --version\nmake lint types\n```\nand `make test`"),
        ("python", "```python\nprint(1)\n```\n```pycon\n>>> 1 + 1\n2\n```"),
    ],
)
def test_lets_pass(checker, tmp_path, check, text):
    document = tmp_path / "page.md"
    document.write_text(text + "\n")
    assert list(getattr(checker, check)(document)) == []
