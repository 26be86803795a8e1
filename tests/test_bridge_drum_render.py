"""Category: unit. Drum hits as audio: the soundfont, and kits of samples."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from bridge.drum_render import PEAK, DrumRenderer, SampleKit
from models.errors import ModelError, SoundfontError
from models.generator import TimedHit

RATE = 32000


def hit(at_s: float, voice: str, velocity: int = 127) -> TimedHit:
    return TimedHit(at_s=at_s, voice=voice, velocity=velocity)


@pytest.fixture
def kit(tmp_path: Path) -> Path:
    """A kick of one level for 10 ms, a closed hat of another, and files that are neither."""
    folder = tmp_path / "kit"
    folder.mkdir()
    soundfile.write(folder / "BD.wav", np.full((320, 2), 0.5), RATE, subtype="FLOAT")
    soundfile.write(folder / "hat.flac", np.full(640, 0.25), 2 * RATE)
    (folder / "readme.txt").write_text("not a sound")
    soundfile.write(folder / "vocals.wav", np.zeros(10), RATE)
    return folder


def test_each_sample_stands_at_its_frame_at_its_velocity(kit: Path) -> None:
    played = DrumRenderer(None, kit)([hit(0.0, "kick"), hit(0.25, "kick", 64), hit(0.5, "closed_hat")], RATE)
    assert played is not None
    assert len(played) == RATE // 2 + 320
    assert played[160] == pytest.approx(PEAK)
    assert played[8000 + 160] == pytest.approx(PEAK * (64 / 127) ** 2, rel=1e-5)
    assert played[16000 + 160] == pytest.approx(PEAK / 2, rel=0.01)
    assert not played[400:7990].any()


def test_two_hits_at_once_add_up(kit: Path) -> None:
    played = DrumRenderer(None, kit)([hit(0.0, "kick"), hit(0.0, "closed_hat"), hit(0.1, "kick")], RATE)
    assert played is not None
    assert played[160] == pytest.approx(PEAK, rel=0.05)
    assert played[3200 + 160] == pytest.approx(PEAK * 0.5 / 0.75, rel=0.05)


def test_a_voice_that_the_kit_lacks_is_the_soundfonts(kit: Path) -> None:
    assert "snare" not in SampleKit(kit)
    both = DrumRenderer(None, kit)([hit(0.0, "kick"), hit(0.5, "snare")], RATE)
    alone = DrumRenderer(None)([hit(0.5, "snare")], RATE)
    assert both is not None and alone is not None
    late = slice(round(0.5 * RATE), round(0.7 * RATE))
    assert np.corrcoef(both[late], alone[late])[0, 1] > 0.999


def test_another_soundfont_is_a_kit_too(tmp_path: Path) -> None:
    (tmp_path / "kit.sf2").write_bytes(b"no soundfont")
    with pytest.raises(SoundfontError):
        DrumRenderer(None, tmp_path / "kit.sf2")([hit(0.0, "kick")], RATE)
    with pytest.raises(SoundfontError):
        DrumRenderer(None, tmp_path / "none.sf2")([hit(0.0, "kick")], RATE)


def test_a_folder_without_voices_is_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "vocals.wav", np.zeros(10), RATE)
    with pytest.raises(ModelError, match=r"such as kick\.wav"):
        DrumRenderer(None, tmp_path)


def test_a_sample_that_is_no_audio_is_refused(kit: Path) -> None:
    (kit / "snare.wav").write_bytes(b"RIFF")
    with pytest.raises(ModelError, match=r"drum sound .*snare\.wav cannot be read"):
        DrumRenderer(None, kit)([hit(0.0, "snare")], RATE)


def test_no_hit_is_no_audio(kit: Path) -> None:
    assert DrumRenderer(None, kit)([], RATE) is None
