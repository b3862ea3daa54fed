"""What makes no sense is refused in words, before it costs anything; and no word is a secret."""

import asyncio
import copy
import math
import pickle
import sys

import pytest

import quoit
from quoit import _encode, _header

SECRET = "sk-SECRET"


def ask(mock, asked, **more):
    return quoit.llm_batch_query(asked, **({"base_url": mock.base} | more))


def test_a_single_text_is_not_taken_for_a_list_of_letters(mock):
    message = {"role": "user", "content": "q"}
    for wrong in ("hello", b"hello", message, [message], [b"hello"], [1], [None], [["q"]],
                  [[{"content": "q"}]], [[{"role": 1}]]):
        with pytest.raises(TypeError, match="quoit: "):
            ask(mock, wrong)
        with pytest.raises(TypeError, match="quoit: "):
            asyncio.run(quoit.llm_batch_query_async(wrong, base_url=mock.base))
    assert mock.ledger()["requests"] == 0


async def test_a_single_url_is_not_taken_for_a_list_of_letters(mock):
    async with quoit.Client() as client:
        for wrong in (mock.origin, quoit.Request("GET", mock.origin)):
            with pytest.raises(TypeError, match="quoit: "):
                await client.gather(wrong)
    assert mock.ledger()["requests"] == 0


def test_what_a_batch_refuses_is_said_in_words_of_its_arguments(mock, monkeypatch):
    for wrong, word in (({"base_url": "nowhere"}, "base_url"), ({"api_key": "sk-1\n"}, "api_key"),
                        ({"parameters": {"messages": []}}, "parameters"),
                        ({"parameters": {"top_p": math.nan}}, "JSON"),
                        ({"max_concurrent": 2**32}, "max_concurrent"),
                        ({"max_concurrent": 2_000_000}, "max_concurrent"),
                        ({"max_tokens": 2**64}, "max_tokens"), ({"timeout": -math.inf}, "-inf")):
        with pytest.raises(ValueError, match=word):
            ask(mock, ["q"], **wrong)
    monkeypatch.setenv("OPENAI_API_KEY", SECRET + "\n")
    with pytest.raises(ValueError, match="OPENAI_API_KEY") as raised:
        ask(mock, ["q"])
    assert SECRET not in str(raised.value)
    assert mock.ledger()["requests"] == 0


def test_numbers_too_large_for_c_do_not_become_small_ones():
    for seconds in (math.inf, 1e300, sys.maxsize, 2**64):
        assert _encode.nanoseconds(seconds) == _header.QUOIT_NEVER
    assert _encode.nanoseconds(1e-12) == 1
    assert _encode.count(2**32) == _header.QUOIT_NONE - 1
    with pytest.raises(ValueError):
        quoit.Client(max_concurrent=2**32 + 1)


async def test_a_request_of_a_wrong_type_is_a_type_error(mock):
    async with quoit.Client() as client:
        for wrong in ({"body": 5}, {"body": [1, 2]}, {"json": object()}, {"headers": {"A": 1}},
                      {"headers": {"A": b"b"}}):
            with pytest.raises(TypeError):
                await client.request("POST", mock.origin + "/echo", **wrong)
        with pytest.raises(ValueError):
            await client.request("POST", mock.origin + "/echo", json=math.nan)
        for body in (bytearray(b"ab"), memoryview(b"ab")):
            assert (await client.request("POST", mock.origin + "/echo", body=body)).body == b"ab"
    assert mock.ledger()["requests"] == 2


async def test_a_request_that_makes_no_sense_fails_alone_among_many(mock):
    url = mock.origin + "/a"
    odd = [quoit.Request("GET", url + "\0"), quoit.Request("POST", url, json="\ud800"),
           quoit.Request("GET", url, timeout=-1), quoit.Request("POST", url, json={1, 2}),
           quoit.Request("POST", url, body=5), None]
    async with quoit.Client() as client:
        results = await client.gather([url, *odd, url])
        assert results[0].status == results[-1].status == 200
        assert [error.code for error in results[1:-1]] == ["invalid_request"] * len(odd)
        assert [error.code for error in await client.gather(odd)] == ["invalid_request"] * len(odd)


async def test_a_secret_is_in_no_repr_and_no_error(mock):
    headers = {"Authorization": SECRET}
    request = quoit.Request("GET", mock.origin, headers=headers, proxy_url=f"http://u:{SECRET}@h")
    said = [repr(request)]
    async with quoit.Client() as client:
        for wrong in (headers | {"Authorization": SECRET + "\0"}, {"A": SECRET + "\n"}):
            with pytest.raises((ValueError, quoit.QuoitError)) as raised:
                await client.request("GET", mock.origin, headers=wrong)
            said.append(repr(raised.value))
    with pytest.raises(ValueError) as raised:
        ask(mock, ["q"], api_key=SECRET + "\0")
    said.append(repr(raised.value))
    settings = quoit._llm.Settings(1, None, None, SECRET, 1, None, 0, None)
    assert SECRET not in "".join([*said, repr(settings)])


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy,
                                    lambda error: pickle.loads(pickle.dumps(error))])
def test_errors_may_be_copied_and_sent_to_another_process(copied):
    for error in (quoit.QuoitError("a", number=21, status=3, attempts=2, maybe_billed=True),
                  quoit.QuoitTimeoutError("a", number=33, code="timeout_deadline"),
                  quoit.QuoitStreamError("a", status=400, body=b"why")):
        same = copied(error)
        assert (type(same), str(same), vars(same)) == (type(error), "a", vars(error))
