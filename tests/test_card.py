"""Run cards: what is accepted, what the messages say, and that nothing else can happen."""

from __future__ import annotations

import copy
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bkgen.card import card_from_dict, json_schema, load_card
from bkgen.channels import CHANNELS
from bkgen.errors import InputError

CARDS = sorted((Path(__file__).parent.parent / "cards").glob("*.yaml"))
ALL_CHANNELS = " | ".join(CHANNELS)

PRESETS = "ideal | kinematics | belle2-ita | belle2-hta | custom"

DARK_HIGGS: dict[str, Any] = {
    "schema": 1,
    "model": {
        "name": "dark_higgs",
        "m_H1": 2.0,
        "sin_theta": 4.0e-3,
        "Zp": {"m_Zp": 0.0115, "g_X": 1.0e-4, "Q_Phi": 3},
    },
    "channel": "B+ -> K+",
}
SM: dict[str, Any] = {"schema": 1, "model": {"name": "sm"}, "channel": "B+ -> K+"}
FORMATS = "root | rntuple | hepmc3 | lhe | parquet | null"
KST_TOY: dict[str, Any] = {"schema": 1, "model": {"name": "kst_toy"}, "channel": "B0 -> K*0"}

GOOD = """\
schema: 1
model:
  name: sm
channel: B+ -> K+
"""


def lines(text: str, folder: Path) -> list[str]:
    """Messages for a card, without the name of the file."""
    path = folder / "card.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_card(path)
    return [str(problem).replace(f"{path}:", "") for problem in caught.value.problems]


def messages(data: dict[str, Any]) -> list[str]:
    with pytest.raises(InputError) as caught:
        card_from_dict(data)
    return [str(problem).removeprefix("<card>: ") for problem in caught.value.problems]


# --- what is accepted


@pytest.mark.parametrize("path", CARDS, ids=lambda path: path.stem)
def test_shipped_cards_load_and_round_trip(path: Path) -> None:
    card = load_card(path)
    assert card_from_dict(card.resolved()) == card
    assert card.generate.events == 100_000
    assert card.output.path == f"outputs/{path.stem}.root"
    assert path.stem.startswith(card.model.describe_name())
    assert not card.warnings


def test_shipped_cards_cover_the_models_of_the_paper() -> None:
    assert {path.stem for path in CARDS} >= {"sm", "dark_higgs", "alp"}


def test_defaults() -> None:
    card = card_from_dict(SM)
    resolved = card.resolved()
    assert resolved == {
        "schema": 1,
        "model": {"name": "sm", "component": "short_distance"},
        "channel": "B+ -> K+",
        "Kst_decay": None,
        "form_factors": resolved["form_factors"],
        "variation": [],
        "variations": "none",
        "inputs": {"set": "default"},
        "luminosity": 362.0,
        "generate": {"events": 100_000, "seed": 1},
        "beam": {"sqrt_s": 10.579, "boost": [0.0, 0.0, 0.284]},
        "frame": "lab",
        "detector": {
            "name": "belle2-ita",
            "L_det": 3.5,
            "geometry": "sphere",
            "sigma_q2_rec": 0.168,
            "misreconstruction": 0.0032,
            "q2_rec_min": -1.0,
            "efficiency": None,
        },
        "output": {
            "path": "outputs/card.root",
            "format": "root",
            "dtype": "float64",
            "columns": "all",
            "compression": None,
        },
    }
    assert resolved["form_factors"]["K"] == "HPQCD2022"
    assert card_from_dict(resolved) == card


def test_default_output_is_named_after_the_card(tmp_path: Path) -> None:
    path = tmp_path / "my card.yaml"
    path.write_text(GOOD)
    assert load_card(path).output.path == "outputs/my card.root"


@pytest.mark.parametrize(
    ("text", "events"),
    [("1e6", 10**6), ("1_000_000", 10**6), ("1.0e+6", 10**6), ("1", 1), ("1e12", 10**12), ("0x10", 16)],
)
def test_spellings_of_events(text: str, events: int, tmp_path: Path) -> None:
    path = tmp_path / "card.yaml"
    path.write_text(f"{GOOD}generate: {{events: {text}}}\n")
    card = load_card(path)
    assert card.generate.events == events
    assert isinstance(card.generate.events, int)


def test_empty_optional_keys_take_their_defaults(tmp_path: Path) -> None:
    path = tmp_path / "card.yaml"
    path.write_text(f"{GOOD}generate:\ninputs: ~\ndetector:\nbeam:\noutput:\nluminosity:\n")
    assert load_card(path) == load_card(path).override(path="outputs/card.root")


def test_form_factor_shorthand_applies_where_the_set_exists() -> None:
    assert card_from_dict(SM | {"form_factors": "GRvDV2023"}).form_factors.K == "GRvDV2023"
    default = card_from_dict(SM)
    assert card_from_dict(SM | {"form_factors": {"K": "HPQCD2022"}}) == default
    assert default.physics_inputs.form_factors["K"].name == "HPQCD2022"


def test_inputs_override_constants() -> None:
    card = card_from_dict(SM | {"inputs": {"set": "eos", "m_b": 4.5}})
    assert card.physics_inputs.constants.m_b == 4.5
    assert card.inputs.overrides == {"m_b": 4.5}
    assert card_from_dict(card.resolved()) == card
    assert card.physics_inputs.sha256 != card_from_dict(SM).physics_inputs.sha256


@pytest.mark.parametrize("beam", ["rest", "belle2-crossing", {"sqrt_s": 10.58}, {"boost": [0, 0.1, 0.2]}])
def test_beams(beam: Any) -> None:
    card = card_from_dict(SM | {"beam": beam})
    assert card.at_rest == (beam == "rest")
    assert card.detector.name == ("ideal" if beam == "rest" else "belle2-ita")
    assert card_from_dict(card.resolved()) == card


def test_detector_preset_with_changes() -> None:
    card = card_from_dict(SM | {"detector": {"name": "belle2-ita", "sigma_q2_rec": 0.3, "L_det": 2}})
    assert (card.detector.sigma_q2_rec, card.detector.misreconstruction) == (0.3, 0.0032)
    assert card.detector.L_det == 2.0
    assert card_from_dict(card.resolved()) == card


def test_custom_detector_reads_its_efficiency(tmp_path: Path) -> None:
    table = tmp_path / "efficiency.csv"
    table.write_text("0, 0.1\n20, 0.2\n")
    path = tmp_path / "card.yaml"
    path.write_text(f"{GOOD}detector: {{name: custom, efficiency: '{table}'}}\n")
    card = load_card(path)
    assert card.detector.sigma_q2_rec is None
    assert card_from_dict(card.resolved()) == card
    table.write_text("0, 0.1\n20, 1.2\n")
    with pytest.raises(InputError, match=r"card\.yaml:5: detector\.efficiency = .*efficienc"):
        load_card(path)


def test_bs_needs_no_luminosity() -> None:
    card = card_from_dict(KST_TOY | {"channel": "Bs -> phi", "beam": "rest"})
    assert card.luminosity is None
    assert card.detector.name == "ideal"
    assert card_from_dict(card.resolved()) == card


def test_numpy_values_tuples_and_paths_are_plain_values() -> None:
    data = copy.deepcopy(DARK_HIGGS) | {
        "generate": {"events": np.int64(10)},
        "luminosity": np.float32(0.5),
        "beam": {"boost": (0.0, 0.0, 0.28)},
        "output": {"path": Path("outputs/x.root")},
    }
    data["model"]["m_H1"] = np.float64(1.5)
    card = card_from_dict(data)
    assert (card.generate.events, card.luminosity, card.output.path) == (10, 0.5, "outputs/x.root")


def test_cards_are_frozen() -> None:
    card: Any = card_from_dict(SM)
    with pytest.raises(ValueError, match="frozen"):
        card.channel = "B0 -> K0"


def test_override() -> None:
    card = card_from_dict(SM).override(events=1e6, seed=7, path="outputs/y.root")
    assert (card.generate.events, card.generate.seed, card.output.path) == (10**6, 7, "outputs/y.root")
    assert card.override(format="null").output.format == "null"
    assert card.override() == card
    with pytest.raises(InputError) as caught:
        card.override(events=1.5, seed=-1, format="hepmc", path="a.txt")
    assert [str(problem) for problem in caught.value.problems] == [
        "command line: generate.events = 1.5: must be a whole number >= 1 and <= 1e+12",
        "command line: generate.seed = -1: must be a whole number >= 0 and <= 9.22337203685e+18",
        f"command line: output.format = hepmc: must be {FORMATS} (did you mean hepmc3?)",
    ]


# --- messages


def test_every_problem_is_reported_at_once_with_its_line(tmp_path: Path) -> None:
    found = lines(
        """\
schema: 2
model:
  name: dark_higgs
  m_H1: "2.0"
  sin_theta: .nan
  sin_thta: 0.1
  Zp: {m_Zp: -1, g_X: 1.0e-4}
channel: B+->K+
form_factors: HPQC2022
inputs: {set: defaul, m_bb: 3, m_t: -1}
luminosity: 0
generate: {events: 1.5, sed: 2}
beam: {boost: [0, 1]}
detector: belle2
output: {path: out.root, format: rot}
frame: Y4
""",
        tmp_path,
    )
    assert found == [
        "1: schema = 2: must be 1",
        '4: model.m_H1 = "2.0": must be a number > 0 [GeV], without quotes',
        "5: model.sin_theta = .nan: must be a finite number > 0 and < 1",
        "6: model.sin_thta = 0.1: unknown key (did you mean sin_theta?)",
        "7: model.Zp.m_Zp = -1: must be a number > 0 [GeV]",
        "7: model.Zp.Q_Phi: required: U(1) charge of the dark Higgs field (a number)",
        f"8: channel = B+->K+: unknown channel, one of: {ALL_CHANNELS} (did you mean B+ -> K+?)",
        *[line for line in found if line.startswith("9: form_factors = HPQC2022: unknown form-factor set")],
        "10: inputs.set = defaul: unknown input set 'defaul' (did you mean default?)",
        "10: inputs.m_bb = 3: unknown constant 'm_bb' (did you mean m_b?)",
        "10: inputs.m_t = -1: m_t must be finite and positive, got -1",
        "11: luminosity = 0: must be a number > 0 and <= 1e+12 [fb^-1]",
        "12: generate.events = 1.5: must be a whole number >= 1 and <= 1e+12",
        "12: generate.sed = 2: unknown key (did you mean seed?)",
        "13: beam.boost = [0, 1]: must be a list of 3 values",
        f"14: detector = belle2: must be {PRESETS} or a block with name (did you mean belle2-ita?)",
        f"15: output.format = rot: must be {FORMATS} (did you mean root?)",
        "16: frame = Y4: must be lab | Y4S | B (did you mean Y4S?)",
    ]
    assert len(found) == 18


def test_physics_is_checked_although_the_structure_is_broken(tmp_path: Path) -> None:
    found = lines(
        "schema: 1\nmodel: {name: alp, m_a: 5.0, f_a: 1e8, C_chi: 1}\nchannel: B+ -> K+\nextra: 1\n", tmp_path
    )
    assert found == [
        "2: model.m_a = 5.0: must be below m_B - m_K = 4.78573 GeV in B+ -> K+",
        "2: model.m_chi: required with C_chi",
        *[line for line in found if line.startswith("4: extra = 1: unknown key, allowed here: schema")],
    ]
    assert len(found) == 3


def test_links_are_checked_although_the_model_is_broken() -> None:
    found = messages(SM | {"model": {"name": "smm"}, "channel": "B0 -> K0", "detector": "belle2-ita"})
    assert len(found) == 2
    assert found[0].startswith("model.name = smm: unknown model (did you mean sm?), one of: ")
    assert found[1] == "detector = belle2-ita: exists for B+ -> K+ only, use ideal or custom for B0 -> K0"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"model": None}, "model: required: 'name: ...' and the parameters of the model, one of: "),
        ({"model": "sm"}, "model = sm: must be a block: 'name: ...' and the parameters of the model, "),
        ({"model": {"component": "x"}}, "model.name: required: the model, one of: "),
        ({"model": {"name": 3}}, "model.name = 3: unknown model"),
        ({"model": {"name": ["sm"]}}, "model.name = [sm]: unknown model"),
        (
            {"model": {"name": "sm", "component": "long"}},
            "model.component = long: must be short_distance | long_distance",
        ),
        ({"channel": 5}, f"channel = 5: unknown channel, one of: {ALL_CHANNELS}"),
        ({"channel": None}, f"channel: required, one of: {ALL_CHANNELS}"),
        ({"luminosity": math.inf}, "luminosity = inf: must be a finite number > 0 and <= 1e+12 [fb^-1]"),
        ({"luminosity": "362"}, "luminosity = 362: must be a number > 0 and <= 1e+12 [fb^-1], without"),
        ({"luminosity": True}, "luminosity = true: must be a number > 0 and <= 1e+12 [fb^-1]"),
        ({"luminosity": 10**5000}, "luminosity = inf: must be a finite number > 0"),
        ({"generate": 5}, "generate = 5: must be a block with the keys events, seed"),
        ({"generate": {"events": 2e12}}, "generate.events = 2000000000000.0: must be a whole number >= 1"),
        ({"generate": {"events": 0}}, "generate.events = 0: must be a whole number >= 1 and <= 1e+12"),
        ({"generate": {"seed": math.nan}}, "generate.seed = nan: must be a whole number >= 0"),
        ({"beam": {"sqrt_s": 11.0}}, "beam.sqrt_s = 11.0: must lie between 2 m_B = 10.5588 and m_B + m_B*"),
        ({"beam": "crossing"}, "beam = crossing: must be rest | belle2-crossing or a block with sqrt_s"),
        ({"beam": {"boost": [0, 0, 1e9]}}, "beam.boost = [0, 0, 1000000000.0]: must be a list of 3 numbers"),
        ({"beam": "rest", "frame": "Y4S"}, "frame = Y4S: there is no Y(4S) with beam: rest, use lab or B"),
        ({"beam": "rest", "detector": "kinematics"}, "detector = kinematics: needs B mesons from the Y(4S)"),
        (
            {"detector": {"name": "ideal", "sigma_q2_rec": 0.1}},
            "detector.sigma_q2_rec = 0.1: is 0 in ideal, use name: custom for another value",
        ),
        ({"detector": "custom"}, "detector.efficiency: required with custom: a CSV file of the efficiency"),
        (
            {"detector": {"name": "belle2-hta", "efficiency": "x.csv"}},
            "detector.efficiency = x.csv: belle2-hta has its own efficiency",
        ),
        (
            {"output": {"path": "out.txt"}},
            "output.path = out.txt: format: root writes files that end in .root; known endings",
        ),
        (
            {"output": {"path": "out.root", "format": "lhe"}},
            "output.path = out.root: format: lhe writes files that end in .lhe | .lhe.gz",
        ),
        (
            {"output": {"path": "out.lhe", "dtype": "float32"}},
            "output.dtype = float32: format: lhe records all four-momenta in double precision, leave it out",
        ),
        ({"output": {"path": "out.hepmc", "columns": "slim"}}, "output.columns = slim: format: hepmc3 records all"),
        ({"output": {"path": " "}}, 'output.path = "": must be the name of a file'),
        ({"output": {"path": "a/"}}, "output.path = a/: must be the name of a file"),
        ({"form_factors": {"K": "ABC"}}, "form_factors.K = ABC: unknown form-factor set for K, available: "),
        ({"form_factors": 5}, "form_factors = 5: must be a block with the keys K, Kst, phi"),
        ({"inputs": {"m_b": "4.18"}}, "inputs.m_b = 4.18: m_b must be a number, got '4.18'"),
        ({"inputs": {"set": 3}}, "inputs.set = 3: must be a text"),
        ({"inputs": "eos"}, "inputs = eos: must be a block such as {set: default, m_b: 4.18}"),
    ],
)
def test_messages(change: dict[str, Any], expected: str) -> None:
    (found,) = messages(SM | change)
    assert found.startswith(expected)


def test_bs_refuses_luminosity_and_the_y4s() -> None:
    found = messages(KST_TOY | {"channel": "Bs -> phi", "luminosity": 362})
    assert found == [
        "beam: Bs -> phi is not produced at the Y(4S), write beam: rest",
        "luminosity = 362: Bs -> phi is not produced at the Y(4S), leave luminosity out",
    ]


def test_model_without_the_channel() -> None:
    (found,) = messages(KST_TOY | {"channel": "B+ -> K+"})
    assert found.startswith("channel = B+ -> K+: model kst_toy has no B+ -> K+, only B+ -> K*+ | B0 -> K*0")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "the card is empty"),
        ("# only a comment\n", "the card is empty"),
        ("- 1\n- 2\n", "not a card: expected lines of the form 'key: value'"),
        ("just text\n", "not a card: expected lines of the form 'key: value'"),
        ("schema: 1\n\tmodel: 3\n", "2: a tab cannot be used for indentation, use spaces"),
        ("a: 1\n  b: 2\n", "2: a key in an unexpected place: check indentation and quotes"),
        ("a: *x\n", "1: an alias (*name) without its anchor (&name)"),
        ("a: 1\n---\nb: 2\n", "2: more than one document: a card has no second '---'"),
        ("a: [1, 2\nb: 3\n", "2: not readable as YAML: expected ',' or ']', but got ':'"),
        ("a\0b", "not a text file (it contains control characters)"),
        ("[" * 5000, "blocks are nested too deeply"),
    ],
)
def test_unreadable_cards_give_one_line(text: str, expected: str, tmp_path: Path) -> None:
    (found,) = lines(text, tmp_path)
    assert found.strip() == expected


def test_binary_folder_and_missing_files(tmp_path: Path) -> None:
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(bytes(range(256)))
    large = tmp_path / "large.yaml"
    large.write_text("#" * 2_000_000)
    for path, expected in (
        (binary, "not a text file (not UTF-8)"),
        (large, "larger than 64 kB, not a card"),
        (tmp_path, "is a folder, not a card"),
        (tmp_path / "none.yaml", "no such file"),
        (tmp_path / ("x" * 300), "cannot be read (File name too long)"),
        (Path("a\0b"), "not a valid file name"),
    ):
        with pytest.raises(InputError) as caught:
            load_card(path)
        assert str(caught.value) == f"{path}: {expected}"


def test_duplicate_keys_in_every_block(tmp_path: Path) -> None:
    found = lines(f"{GOOD}channel: B0 -> K0\ngenerate: {{seed: 1, seed: 2}}\n", tmp_path)
    assert found == [
        "4: channel = B+ -> K+: key given twice (lines 4 and 5), keep one of them",
        "6: generate.seed = 1: key given twice (lines 6 and 6), keep one of them",
    ]


def test_keys_and_tags_that_are_not_plain(tmp_path: Path) -> None:
    found = lines(f"{GOOD}? [1, 2]\n: 3\nluminosity: !!python/name:os.system x\nbeam: &b [*b]\n", tmp_path)
    assert "5: ?: a key must be a single name" in found
    assert any(line.startswith("7: luminosity: YAML tag") for line in found)
    assert "8: beam.0: a block cannot contain itself" in found


def test_a_top_level_value_that_is_no_mapping() -> None:
    not_a_card: Any = [1, 2]
    with pytest.raises(InputError, match="expected a mapping"):
        card_from_dict(not_a_card)


def test_problems_keep_path_message_and_line(tmp_path: Path) -> None:
    path = tmp_path / "card.yaml"
    path.write_text(f"{GOOD}frame: labb\n")
    with pytest.raises(InputError) as caught:
        load_card(path)
    (problem,) = caught.value.problems
    assert (problem.path, problem.value) == (("frame",), "labb")
    assert str(problem) == f"{path}:5: frame = labb: must be lab | Y4S | B (did you mean lab?)"


# --- schema


def test_json_schema_names_models_channels_and_keys() -> None:
    schema = json_schema()
    assert set(schema["properties"]) == set(card_from_dict(SM).resolved())
    assert schema["properties"]["channel"]["enum"] == list(CHANNELS)
    mapping = schema["properties"]["model"]["discriminator"]["mapping"]
    assert {"sm", "dark_higgs", "alp"} <= set(mapping)
    for reference in mapping.values():
        assert reference.removeprefix("#/$defs/") in schema["$defs"]
    assert schema["required"] == ["schema", "model", "channel"]


def test_form_factors_of_the_channel_are_required() -> None:
    card = {"schema": 1, "model": {"name": "sm"}, "channel": "B+ -> K+", "form_factors": {"K": None}}
    with pytest.raises(InputError, match=r"form_factors\.K: required in B\+ -> K\+"):
        card_from_dict(card)
    card_from_dict({**card, "channel": "B0 -> K*0"})


# --- output format


@pytest.mark.parametrize(
    ("output", "path", "format"),
    [
        ({}, "outputs/card.root", "root"),
        ({"format": "rntuple"}, "outputs/card.root", "rntuple"),
        ({"format": "hepmc3"}, "outputs/card.hepmc", "hepmc3"),
        ({"format": "null"}, "outputs/card.root", "null"),
        ({"path": "a.hepmc3"}, "a.hepmc3", "hepmc3"),
        ({"path": "a.hepmc.gz"}, "a.hepmc.gz", "hepmc3"),
        ({"path": "a.lhe.gz", "format": None}, "a.lhe.gz", "lhe"),
        ({"path": "a.parquet"}, "a.parquet", "parquet"),
    ],
)
def test_format_and_ending(output: dict[str, Any], path: str, format: str) -> None:
    """One follows from the other where only one is given."""
    found = card_from_dict(SM | {"output": output}).output
    assert (found.path, found.format) == (path, format)


@pytest.mark.parametrize(
    ("changes", "path", "format"),
    [
        ({"format": "lhe"}, "x.lhe", "lhe"),
        ({"format": "rntuple"}, "x.root", "rntuple"),
        ({"path": "y.parquet"}, "y.parquet", "parquet"),
        ({"path": "y.root"}, "y.root", "root"),
        ({"path": "y.root", "format": "rntuple"}, "y.root", "rntuple"),
    ],
)
def test_override_of_format_or_path(changes: dict[str, str], path: str, format: str) -> None:
    """On the command line as well."""
    found = card_from_dict(SM | {"output": {"path": "x.hepmc.gz"}}).override(**changes).output
    assert (found.path, found.format) == (path, format)
