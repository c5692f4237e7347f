"""The vectors hold on CPython and on the interpreter that the core ships to."""

import random

import pytest


def as_expected(vectors, results):
    """Names of the vectors whose result is not the expected one, with both."""
    return {
        f"{group}: {vector['name']}": {"got": got, "expected": vector["expect"]}
        for group in vectors
        for vector, got in zip(vectors[group], results[group], strict=True)
        if got != vector["expect"]
    }


def test_every_vector_holds_on_cpython(vectors, run_vectors):
    assert as_expected(vectors, run_vectors(vectors)) == {}


@pytest.mark.node
def test_every_vector_holds_on_micropython(vectors, run_on_micropython):
    assert as_expected(vectors, run_on_micropython(vectors)) == {}


def test_every_vector_says_where_it_comes_from(vectors):
    assert all(
        vector["name"] and vector["origin"] for group in vectors.values() for vector in group
    )


def broken(rng, payload):
    """The payload with a few of its bytes changed, cut out or doubled."""
    data = bytearray(payload)
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(data))
        what = rng.random()
        if what < 0.5:
            data[at] = rng.choice(
                b'"\\{}[]:,.0123456789eE+-tfn* \x00\x1f\x7f\xc3\xff' + bytes([data[at] ^ 1])
            )
        elif what < 0.75:
            data = data[:at] + data[at + rng.randint(1, 4) :] or bytearray(b"x")
        else:
            data = data[:at] + data[max(0, at - 3) :]
    return bytes(data)


def bouncing_levels(rng):
    """Up to six presses with chatter, in whole milliseconds, some at the very limits."""
    levels, at_ms, closed = [], 0, 0
    for _ in range(rng.randint(1, 12)):
        at_ms += rng.choice([rng.randint(1, 120), rng.randint(300, 500), 1485, 1500, 15, 14, 400])
        for _ in range(rng.choice([0, 0, 1, 2, 3])):
            levels += [[at_ms, 1 - closed], [at_ms + 1, closed]]
            at_ms += 2
        closed = 1 - closed
        levels.append([at_ms, closed])
    return levels, at_ms + 3000


@pytest.mark.node
def test_what_nobody_thought_of_is_the_same_on_both(vectors, run_vectors, run_on_micropython):
    rng = random.Random(20181)
    payloads = {
        "json": [vectors["json"][index]["text"].encode() for index in (0, 4, 5, 6)],
        "sentence": [vectors["sentence"][index]["text"].encode() for index in (0, 3)],
        "bthome": [bytes.fromhex(vector["hex"]) for vector in vectors["bthome"][:12]],
    }
    chosen = {
        group: [
            {
                "hex": broken(rng, rng.choice(payloads[group])).hex(),
                "mac": "c0ffee123456",
                "bind_key": "000102030405060708090a0b0c0d0e0f",
            }
            for _ in range(400)
        ]
        for group in payloads
    }
    chosen["clicks"] = []
    for _ in range(150):
        levels, end_ms = bouncing_levels(rng)
        chosen["clicks"].append({"levels": levels, "end_ms": end_ms})
    here, there = run_vectors(chosen), run_on_micropython(chosen)
    for group, cases in chosen.items():
        for case, ours, theirs in zip(cases, here[group], there[group], strict=True):
            assert ours == theirs, f"{group}: {case}"
    clicked = {click for result in here["clicks"] for _, click in result}
    assert clicked == {"SINGLE", "DOUBLE", "LONG"}
    accepted = sum("refused" not in result for group in payloads for result in here[group])
    assert 50 < accepted < 1100
