"""Category: unit. The word encoder: how captions are spelled, its vocabulary, its folder, and what is damaged."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file

from midi.keys import MODES, Key
from midi.pitch_names import NOTE_NAMES
from models.errors import ModelError
from models.text_encoders import load_text_encoder, named_encoder, require_named
from models.word_spelling import TEMPO_WORDS, TONIC_WORDS, spelled
from models.words import ALWAYS, MAX_WORDS, UNKNOWN, WordsEncoder, load_words, new_words, words_of
from models.xp_config import XpConfig

CAPTIONS = ("warm rhodes. half-time swing drums. 3/4 time. key: C# minor. bpm: 92", "warm strings, R&B. bpm: 121")


def words_in(text: str) -> list[str]:
    """The words of a text, as a vocabulary of all of them reads it."""
    tokenizer = words_of([text], at_least=1)
    names = {row: word for word, row in tokenizer.get_vocab().items()}
    return [names[row] for row in tokenizer.encode(spelled(text)).ids]


@pytest.fixture
def encoder() -> WordsEncoder:
    return new_words(words_of(CAPTIONS, at_least=1), dim=8)


# Spelling


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("dub techno. half-time drums. key: A minor. bpm: 92", "dub techno half time drums key key_a minor bpm_90"),
        ("Lo-Fi at 118 BPM in Db maj", "lo fi at bpm_120 in key_c# major"),
        ("tempo: 133.4, B-flat minor", "bpm_135 key_bb minor"),
        ("F♯ dorian, B♭ major", "key_f# dorian key_bb major"),
        ("3/4 time, 12/8", "meter_3_4 time meter_12_8"),
        ("a melodic bass and a blues", "a melodic bass and a blues"),
        ("key: A blues", "key key_a blues"),
        ("key of E", "key key_e"),
        ("R&B piano/bass, 808s", "r&b piano bass 808s"),
        ("bpm: 20. bpm: 999", "bpm_60 bpm_180"),
    ],
)
def test_what_is_spelled_how(text: str, words: str) -> None:
    assert words_in(text) == words.split()


@given(st.floats(10, 999, allow_nan=False), st.sampled_from(["bpm: {:.2f}", "{:.2f} bpm", "Tempo {:.2f}", "{:.0f}bpm"]))
def test_any_tempo_has_a_word_of_the_nearest_five(bpm: float, written: str) -> None:
    (word,) = words_in(written.format(bpm))
    assert word in TEMPO_WORDS
    nearest = min(max(float(f"{bpm:.2f}"), 60), 180)
    assert abs(int(word.removeprefix("bpm_")) - nearest) <= 2.5 + 0.5 * written.endswith("bpm")


@given(st.integers(0, 11), st.sampled_from(sorted(MODES)))
def test_any_key_has_the_word_of_its_tonic(tonic: int, mode: str) -> None:
    key = Key(tonic=tonic, mode=mode)
    assert words_in(f"key: {key.label}") == ["key", TONIC_WORDS[tonic], *mode.split()]
    if mode != "blues":
        assert words_in(f"warm {key.label} pad") == ["warm", TONIC_WORDS[tonic], *mode.split(), "pad"]


def test_enharmonics_are_one_tonic() -> None:
    pairs = [("C#", "Db"), ("D#", "Eb"), ("F#", "Gb"), ("G#", "Ab"), ("A#", "Bb"), ("E", "Fb"), ("C", "B#")]
    for sharp, flat in pairs:
        assert words_in(f"{sharp} minor") == words_in(f"{flat} minor")
    assert len({words_in(f"{name} minor")[0] for name in NOTE_NAMES}) == 12


@given(st.text(max_size=80))
def test_any_text_is_read_and_its_words_are_spelled_as_they_are(text: str) -> None:
    words = words_in(text)
    assert words_in(" ".join(words)) == words


# The vocabulary


def test_a_vocabulary_has_what_is_common_and_what_any_caption_may_have() -> None:
    vocabulary = words_of(CAPTIONS, at_least=2).get_vocab()
    assert vocabulary[UNKNOWN] == 0
    assert set(ALWAYS) < set(vocabulary)
    assert set(vocabulary) - set(ALWAYS) == {UNKNOWN, "warm", "time"}


@given(st.lists(st.text("abc ", max_size=12), max_size=12), st.randoms(use_true_random=False))
def test_the_order_of_captions_does_not_matter(captions: list[str], chance: random.Random) -> None:
    mixed = list(captions)
    chance.shuffle(mixed)
    assert words_of(captions, at_least=1).to_str() == words_of(mixed, at_least=1).to_str()


def test_a_vocabulary_has_a_limit() -> None:
    tokenizer = words_of(["a a b b b c"], at_least=1, at_most=len(ALWAYS) + 2)
    assert set(tokenizer.get_vocab()) == {UNKNOWN, *ALWAYS, "b"}


# The encoder


def test_rows_without_known_words_and_padding_are_zero(encoder: WordsEncoder) -> None:
    states, mask = encoder.encode(["warm unheard strings", None, "", "zither"])
    assert mask.tolist() == [[1, 1], [0, 0], [0, 0], [0, 0]]
    assert not states[mask == 0].any()
    assert states[mask == 1].abs().sum(-1).all()
    vocabulary = encoder.tokenizer.get_vocab()
    assert torch.equal(states[0], encoder.table[[vocabulary["warm"], vocabulary["strings"]]])
    assert states.shape == (4, 2, encoder.dim)


def test_nothing_but_unknown_words_is_as_no_text(encoder: WordsEncoder) -> None:
    for texts in (["zither"], [None], [""]):
        states, mask = encoder.encode(texts)
        assert states.shape == (1, 1, 8) and not states.any() and not mask.any()


def test_a_table_that_was_moved_to_a_device_still_learns(encoder: WordsEncoder) -> None:
    here = encoder.table
    encoder.to("cpu")
    assert encoder.table is here, "an optimizer may have it already"
    encoder.to("meta")
    assert encoder.table.device.type == "meta" and encoder.table.is_leaf
    torch.optim.SGD([encoder.table], lr=1.0)


def test_a_table_learns_only_the_words_it_was_asked_for(encoder: WordsEncoder) -> None:
    states, _ = encoder.encode(["warm strings"])
    states.sum().backward()
    gradient = encoder.table.grad
    assert gradient is not None
    vocabulary = encoder.tokenizer.get_vocab()
    assert set(gradient.abs().sum(-1).nonzero()[:, 0].tolist()) == {vocabulary["warm"], vocabulary["strings"]}


def test_too_long_a_description_is_refused(encoder: WordsEncoder) -> None:
    assert encoder.encode(["warm " * MAX_WORDS + "zither"])[0].shape[1] == MAX_WORDS
    with pytest.raises(ModelError, match=f"has {MAX_WORDS + 1} words"):
        encoder.encode(["warm " * (MAX_WORDS + 1)])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_a_folder_comes_back_as_it_was(encoder: WordsEncoder, tmp_path: Path, dtype: torch.dtype) -> None:
    encoder.save(tmp_path / "text", dtype=dtype)
    again = load_text_encoder(tmp_path / "text")
    assert isinstance(again, WordsEncoder) and again.dim == 8 and again.table.dtype == torch.float32
    assert torch.equal(again.table, encoder.table.detach().to(dtype).float())
    assert again.tokenizer.to_str() == encoder.tokenizer.to_str()


def test_saving_twice_gives_the_same_bytes(encoder: WordsEncoder, tmp_path: Path) -> None:
    for name in ("one", "two"):
        encoder.save(tmp_path / name)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


# What is damaged


def _shorter(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def _config(**values: object) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        path.write_text(json.dumps({"encoder": "sideman-words", "format": 1, "dim": 8, **values}), encoding="utf-8")

    return change


def _table(table: torch.Tensor, name: str = "words") -> Callable[[Path], None]:
    return lambda path: save_file({name: table}, path)


def _two_tables(path: Path) -> None:
    save_file({"words": torch.zeros(ROWS, 8), "more": torch.zeros(1)}, path)


def _vocabulary(change: Callable[[dict[str, int]], object]) -> Callable[[Path], None]:
    def rewrite(path: Path) -> None:
        values = json.loads(path.read_text(encoding="utf-8"))
        change(values["model"]["vocab"])
        path.write_text(json.dumps(values), encoding="utf-8")

    return rewrite


ROWS = len(words_of(CAPTIONS, at_least=1).get_vocab())
DAMAGE: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "table cut short": ("words.safetensors", _shorter, "words.safetensors cannot be read"),
    "table missing": ("words.safetensors", Path.unlink, "words.safetensors cannot be read"),
    "another tensor": ("words.safetensors", _table(torch.zeros(ROWS, 8), "other"), "holds no table of words"),
    "a tensor too many": ("words.safetensors", _two_tables, "holds no table of words"),
    "no numbers": ("words.safetensors", _table(torch.full((ROWS, 8), torch.nan)), "holds what is not a number"),
    "whole numbers": ("words.safetensors", _table(torch.zeros(ROWS, 8, dtype=torch.int32)), "holds no table of words"),
    "a row too few": ("words.safetensors", _table(torch.zeros(ROWS - 1, 8)), f"has {ROWS} words, and the table is"),
    "narrower rows": ("words.safetensors", _table(torch.zeros(ROWS, 7)), "rows of 7 numbers, and its config.json"),
    "tokenizer cut short": ("tokenizer.json", _shorter, "tokenizer.json cannot be read"),
    "tokenizer missing": ("tokenizer.json", Path.unlink, "tokenizer.json cannot be read"),
    "a word too many": ("tokenizer.json", _vocabulary(lambda words: words.update(new=ROWS)), "are not of one model"),
    "a gap": ("tokenizer.json", _vocabulary(lambda words: words.update(warm=ROWS + 5)), "its rows have gaps"),
    "another encoder": ("config.json", _config(encoder="sideman-letters"), "encoder 'sideman-letters', which this"),
    "a later format": ("config.json", _config(format=2), "no description of a word encoder of this version"),
    "no size": ("config.json", _config(dim="8"), "no description of a word encoder of this version"),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_a_damaged_folder_is_told_of(encoder: WordsEncoder, tmp_path: Path, what: str) -> None:
    file, damage, told = DAMAGE[what]
    encoder.save(tmp_path / "text")
    damage(tmp_path / "text" / file)
    with pytest.raises(ModelError, match=told):
        load_text_encoder(tmp_path / "text")


def test_no_config_is_told_of(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no description of a word encoder"):
        load_words(tmp_path)


def test_a_table_of_other_words_is_refused(encoder: WordsEncoder) -> None:
    with pytest.raises(ModelError, match="are not of one model"):
        WordsEncoder(encoder.tokenizer, torch.zeros(3, 8))


def test_the_folder_must_hold_what_the_checkpoint_names(encoder: WordsEncoder, tmp_path: Path) -> None:
    encoder.save(tmp_path / "text")
    require_named(XpConfig("conditioners: {description: {model: sideman-words}}"), tmp_path / "text")
    with pytest.raises(ModelError, match=r"text encoder is t5, and .* holds sideman-words"):
        require_named(XpConfig("lm_model: flow_matching"), tmp_path / "text")
    with pytest.raises(ModelError, match="text encoder is 'clap', which this version does not know"):
        named_encoder(XpConfig("conditioners: {description: {model: clap}}"))
