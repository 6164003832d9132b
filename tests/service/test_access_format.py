"""Lines of the access log: the three formats, and one line of printable ASCII whatever a client sends."""

from __future__ import annotations

import base64
import json
import re
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salver.protocol.heads import Section
from salver.service.access_format import (
    FIELD_NAMES,
    Entry,
    FieldFinder,
    basic_user,
    common_time,
    escape,
    escape_word,
    iso_time,
    line_format,
)

NOW = 1_700_000_000.25
EVERY_FIELD = " ".join(f"{{{name.replace('NAME', 'x-odd')}}}" for name in FIELD_NAMES)


def section(raw: bytes = b"") -> Section:
    return Section(raw + b"\r\n", 1)


def basic(text: bytes) -> str:
    return "Basic " + base64.b64encode(text).decode()


def entry(**changes: object) -> Entry:
    values: dict[str, object] = {
        "client": "127.0.0.1",
        "method": "GET",
        "target": "/a?b=c",
        "minor": 1,
        "status": 200,
        "size": 12,
        "seconds": 0.0012345,
        "section": section(),
    }
    return tuple((values | changes).values())  # type: ignore[return-value]


def one_line(format_name: str, **changes: object) -> str:
    (line,) = line_format(format_name).render([NOW, entry(**changes)])
    return line


texts = st.text(st.characters(codec="latin-1")) | st.text()
odd_sections = st.one_of(
    st.none(),
    st.binary().map(lambda raw: Section(raw, 1)),
    st.binary().map(lambda value: section(b"Referer: " + value + b"\r\n")),
    st.tuples(st.sampled_from([b"referer", b"User-Agent", b"x-odd", b"Host"]), st.binary()).map(
        lambda pair: section(pair[0] + b":" + pair[1] + b"\r\n")
    ),
    st.binary().map(lambda user: section(b"Authorization: " + basic(user + b":pw").encode() + b"\r\n")),
)
entries = st.builds(
    entry,
    client=texts,
    method=texts,
    target=texts,
    minor=st.integers(0, 1),
    status=st.integers(100, 599),
    size=st.integers(0, 2**63),
    seconds=st.floats(0, 1e9),
    section=odd_sections,
)


class TestOneLineWhateverIsSent:
    @given(st.lists(entries, max_size=4), st.sampled_from(["combined", "json", EVERY_FIELD]))
    def test_a_line_for_each_entry_of_printable_ascii(self, batch, name):
        lines = line_format(name).render([NOW, *batch])
        assert len(lines) == len(batch)
        for line in lines:
            assert re.fullmatch(r"[ -~]+\n", line)

    @given(entries)
    def test_json_is_json_and_survives(self, item):
        (line,) = line_format("json").render([NOW, item])
        parsed = json.loads(line)
        assert [parsed["client"], parsed["method"], parsed["target"]] == list(item[:3])
        assert [parsed["status"], parsed["size"]] == [item[4], item[5]]

    @given(entries)
    def test_combined_keeps_its_shape(self, item):
        (line,) = line_format("combined").render([NOW, item])
        quoted = r'"(?:[^"\\]|\\.)*"'
        assert re.fullmatch(rf"\S+ - \S+ \[[^]]+\] {quoted} \d{{3}} \d+ {quoted} {quoted}\n", line)

    @given(texts)
    def test_escape_loses_nothing(self, text):
        """Two texts that differ never look the same."""
        undone = re.sub(
            r"\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8})|(.))",
            lambda found: found[4] or chr(int(found[1] or found[2] or found[3], 16)),
            escape(text),
        )
        assert undone == text

    @pytest.mark.parametrize(
        ("sent", "logged"),
        [
            ("/\x1b[2Jx", r"/\x1b[2Jx"),
            ('/"quoted"', r"/\"quoted\""),
            ("/back\\slash", r"/back\\slash"),
            ("/\r\n127.0.0.1 - - fake", r"/\x0d\x0a127.0.0.1 - - fake"),
            ("/\x7f\x80\x9b\xff", r"/\x7f\x80\x9b\xff"),
            ("/\u2028", r"/\u2028"),
        ],
    )
    def test_escapes(self, sent, logged):
        assert escape(sent) == logged
        assert f'"GET {logged} HTTP/1.1"' in one_line("combined", target=sent)

    def test_a_referer_that_would_talk_to_a_terminal(self):
        head = section(b"Referer: \x1b]0;owned\x07\x9d2;x\r\nUser-Agent: a\tb\r\n")
        line = one_line("combined", section=head)
        assert line.endswith(r'"\x1b]0;owned\x07\x9d2;x" "a\x09b"' + "\n")

    def test_a_user_name_with_a_newline(self):
        head = section(b"Authorization: " + basic(b"eve\n1.2.3.4 - root:secret").encode() + b"\r\n")
        line = one_line("combined", section=head)
        assert line.startswith(r"127.0.0.1 - eve\x0a1.2.3.4\x20-\x20root [")
        assert "secret" not in line


class TestCombined:
    def test_the_whole_line(self):
        head = section(b'Host: a\r\nUser-Agent: curl "8"\r\nReferer:   http://x/  \r\n')
        line = one_line("combined", section=head)
        assert line == (f'127.0.0.1 - - [{common_time(NOW)}] "GET /a?b=c HTTP/1.1" 200 12 "http://x/" "curl \\"8\\""\n')

    def test_nothing_was_read(self):
        line = one_line("combined", method="", target="", status=408, size=0, section=None)
        assert line.endswith('] "-" 408 0 "-" "-"\n')

    def test_the_time_is_the_last_one_before_the_entry(self):
        lines = line_format("combined").render([NOW, entry(), NOW + 60, entry(), entry()])
        shown = [re.search(r"\[(.*?)\]", line)[1] for line in lines]  # type: ignore[index]
        assert shown == [common_time(NOW), common_time(NOW + 60), common_time(NOW + 60)]

    def test_the_time_goes_on_in_the_next_batch(self):
        lines = line_format("combined")
        lines.render([NOW])
        assert common_time(NOW) in lines.render([entry()])[0]


class TestJson:
    def test_the_whole_object(self):
        head = section(b"User-Agent: \xe4\xf6\r\nAuthorization: " + basic(b"j\xf6rg:pw").encode() + b"\r\n")
        assert json.loads(one_line("json", section=head)) == {
            "time": iso_time(NOW),
            "client": "127.0.0.1",
            "method": "GET",
            "target": "/a?b=c",
            "version": "HTTP/1.1",
            "status": 200,
            "size": 12,
            "duration_ms": 1.234,
            "user": "jörg",
            "referer": None,
            "user_agent": "äö",
        }

    def test_the_log_speaks_of_itself_in_json(self):
        assert json.loads(line_format("json").notice('3 "lines"\nlost'))["notice"] == '3 "lines"\nlost'


class TestTemplate:
    def test_every_field_has_a_value(self):
        words = one_line(EVERY_FIELD).split()
        assert len(words) == len(FIELD_NAMES) + 1  # the common time has a blank

    def test_fields(self):
        head = section(b"Host: a:80\r\nX-Id: 7\r\nAuthorization: " + basic(b"u v:p").encode() + b"\r\n")
        name = "{path}?{query} {user} {host} {header:x-id} {header:absent} {duration_ms} {duration_us} 100% {{x}}"
        assert one_line(name, section=head) == "/a?b=c u\\x20v a:80 7 - 1.234 1234 100% {x}\n"

    def test_times(self):
        expected = f"{int(NOW)} {iso_time(NOW)} {common_time(NOW)} {iso_time(NOW)}\n"
        assert one_line("{time_unix} {time} {time_common} {time}") == expected

    def test_before_any_time_is_known(self):
        assert line_format("{time} {time_unix} {status}").render([entry()]) == ["- - 200\n"]

    @pytest.mark.parametrize(
        ("name", "why"),
        [
            ("{nothing}", "no field 'nothing'; there are client, method"),
            ("{client.__class__}", "no field"),
            ("{client[0]}", "no field"),
            ("{0}", "no field"),
            ("{}", "no field"),
            ("{client!r}", "neither a width nor a conversion"),
            ("{size:>10}", "neither a width nor a conversion"),
            ("{header:}", "no field 'header'"),
            ("{header:a b}", "no field 'header'"),
            ("{client", "expected '}'"),
            ("client}", "no log format|Single '}'"),
            ("{client}\n{status}", "one line"),
            ("{client}\x1b", "one line"),
            ("comined", "no log format 'comined': say combined, json"),
        ],
    )
    def test_what_it_does_not_take_is_said_in_one_line(self, name, why):
        with pytest.raises(ValueError, match=why) as caught:
            line_format(name)
        assert "\n" not in str(caught.value)

    def test_a_tab_between_fields(self):
        assert one_line("{method}\t{status}") == "GET\t200\n"


class TestUser:
    @pytest.mark.parametrize(
        ("value", "name"),
        [
            (basic(b"joe:secret"), "joe"),
            (basic(b"joe:sec:ret").replace("Basic", "bAsIc"), "joe"),
            (basic(b":secret"), ""),
            (basic(b"secret-without-colon"), ""),
            ("Basic", ""),
            ("Basic !!!", ""),
            ("Basic \xff\xff", ""),
            ("Basic am9l", ""),
            ("Bearer am9lOnNlY3JldA==", ""),
            ("", ""),
            (basic(b"\xff\x00:x"), "\xff\x00"),
        ],
    )
    def test_names(self, value, name):
        assert basic_user(value) == name

    def test_a_name_is_bounded(self):
        assert len(basic_user(basic(b"x" * 5000 + b":"))) == 256

    @given(st.text())
    def test_any_value_is_taken(self, value):
        assert isinstance(basic_user("Basic " + value), str)


class TestFieldFinder:
    def test_first_of_each_name_in_the_order_asked_for(self):
        head = section(b"B: 1\r\na: 2 \r\nb: 3\r\nxa: 4\r\nA-b: 5\r\n")
        assert FieldFinder(["a", "b", "c"]).values(head) == ["2", "1", ""]

    def test_no_names(self):
        assert FieldFinder([]).values(section(b"A: 1\r\n")) == []

    @given(st.lists(st.tuples(st.sampled_from(["a", "bb", "c"]), st.text("xyz :\t", max_size=5)), max_size=5))
    def test_as_the_decoded_headers_say(self, lines):
        head = section("".join(f"{name}:{value}\r\n" for name, value in lines).encode())
        found = FieldFinder(["a", "bb"]).values(head)
        for name, value in zip(["a", "bb"], found, strict=True):
            assert value == next(iter(head.headers.get_all(name)), "")


def test_times_agree_with_the_library():
    assert iso_time(NOW) == datetime.fromtimestamp(int(NOW)).astimezone().isoformat()
    assert common_time(NOW) == datetime.fromtimestamp(NOW).astimezone().strftime("%d/%b/%Y:%H:%M:%S %z")


def test_a_word_has_no_blank_and_is_never_empty():
    assert escape_word("a b") == r"a\x20b"
    assert escape_word("") == "-"
