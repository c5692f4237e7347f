"""The pages of the simulator are true: their code runs, their bytes are those of the vectors."""

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent.parent / "firmware_sim"
PAGES = sorted(FOLDER.rglob("README.md"))
CODE = [
    pytest.param(code, id=f"{page.parent.name}-{index}")
    for page in PAGES
    for index, code in enumerate(re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL))
]


def test_each_package_has_its_page():
    assert {page.parent.name for page in PAGES} == {"firmware_sim", "core", "world", "links"}


@pytest.mark.parametrize("code", CODE)
def test_the_code_on_a_page_runs(code):
    exec(compile(code, "README.md", "exec"), {})


@pytest.mark.parametrize("folder", ["core", "world", "links"])
def test_a_page_names_its_files(folder):
    page = (FOLDER / folder / "README.md").read_text()
    helpers = {"errors", "mqtt_codec", "mqtt_connection", "mqtt_url", "trace_errors", "__init__"}
    for path in (FOLDER / folder).glob("*.py"):
        assert path.stem in helpers or f"`{path.name}`" in page, path.name


def test_the_worked_example_is_the_one_of_the_vectors(vectors):
    page = (FOLDER / "README.md").read_text()
    squeezed = re.sub(r"\s", "", page).lower()
    (sentence,) = [
        one["text"] for one in vectors["sentence"] if one["name"] == "the worked example"
    ]
    (payload,) = [one["text"] for one in vectors["json"] if one["name"] == "the worked example"]
    assert f"\n{sentence.strip()}\n" in page
    assert f"\n{payload}\n" in page
    examples = [one["hex"] for one in vectors["bthome"] if one["name"].startswith("the worked")]
    assert len(examples) == 2
    assert all(f"```text{example}" in squeezed for example in examples)


def test_every_oddity_switch_and_hand_has_a_name_that_can_be_typed():
    from firmware_sim.world.contacts import SWITCHES
    from firmware_sim.world.finger import HANDS
    from firmware_sim.world.misbehaviours import MISBEHAVIOURS

    for name in [*SWITCHES, *HANDS, *MISBEHAVIOURS]:
        assert re.fullmatch(r"[a-z0-9-]+", name)
