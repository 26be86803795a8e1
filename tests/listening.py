"""Measuring what was rendered: pitch, chords, onsets and level, from the audio alone."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from midi.chords import Chord
from models.generator import Samples

_SEARCH_CENTS = 250
_HARMONICS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Pitch:
    """How far a note is from the pitch expected, in cents, and the octave it sounds in (0 is the one expected)."""

    cents: float
    octave: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HeardSpan:
    """A chord asked for between two times."""

    start_s: float
    end_s: float
    chord: Chord


def hertz(pitch: int) -> float:
    """Frequency of a MIDI pitch in equal temperament, A4 at 440 Hz."""
    return float(440.0 * 2.0 ** ((pitch - 69) / 12))


def measure_pitch(samples: Samples, rate_hz: int, pitch: int) -> Pitch:
    """The pitch of one note that should be ``pitch``, from a stretch of its sound.

    The fine pitch is the comb of harmonics that collects most magnitude within 250 cents. The octave is below
    where odd multiples of half the frequency sound, above where the odd harmonics are missing.
    """
    mono = samples.mean(axis=1, dtype=np.float64)
    size = 1 << 18
    spectrum = np.abs(np.fft.rfft(mono * np.hanning(len(mono)), size))
    grid = np.arange(len(spectrum))
    resolution_hz = rate_hz / size
    expected_hz = hertz(pitch)

    def comb(cents: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        total = np.zeros_like(cents)
        for harmonic in range(1, _HARMONICS + 1):
            bins = expected_hz * harmonic * 2.0 ** (cents / 1200) / resolution_hz
            total += np.interp(bins, grid, spectrum)
        return total

    coarse = np.arange(-_SEARCH_CENTS, _SEARCH_CENTS + 1, 2.0)
    near = coarse[int(np.argmax(comb(coarse)))]
    fine = near + np.arange(-6.0, 6.0, 0.1)
    cents = float(fine[int(np.argmax(comb(fine)))])

    def energy(multiples: Sequence[float]) -> float:
        total = 0.0
        for multiple in multiples:
            centre = expected_hz * multiple * 2.0 ** (cents / 1200) / resolution_hz
            reach = max(2, round(centre * 0.01))
            low = max(0, round(centre) - reach)
            total += float(np.max(spectrum[low : round(centre) + reach + 1])) ** 2
        return total

    all_of_it = energy([0.5, 1, 1.5, 2, 2.5, 3, 4, 5])
    if energy([0.5, 1.5, 2.5]) > 0.05 * all_of_it:
        return Pitch(cents=cents, octave=-1)
    if energy([1, 3, 5]) < 0.002 * all_of_it:
        return Pitch(cents=cents, octave=1)
    return Pitch(cents=cents, octave=0)


def chord_overlap(samples: Samples, rate_hz: int, spans: Sequence[HeardSpan]) -> float:
    """Share of the time whose chord, reduced to major or minor, is what the audio's chroma says.

    Each span's mean constant-Q chroma from A2 up (below, drums and the long windows of the transform blur it)
    is compared with templates of the 24 major and minor triads.
    """
    import librosa

    hop = 512
    mono = librosa.resample(samples.mean(axis=1), orig_sr=rate_hz, target_sr=22050)
    lowest_hz = librosa.midi_to_hz(45)
    chroma = librosa.feature.chroma_cqt(y=mono, sr=22050, hop_length=hop, fmin=lowest_hz, n_octaves=4, norm=None)
    right_s = total_s = 0.0
    for span in spans:
        first, last = (round(time_s * 22050 / hop) for time_s in (span.start_s, span.end_s))
        heard = _nearest_triad(chroma[:, first : max(last, first + 1)].mean(axis=1))
        length_s = span.end_s - span.start_s
        total_s += length_s
        right_s += length_s * (heard == reduced(span.chord))
    return right_s / total_s


def reduced(chord: Chord) -> tuple[int, bool]:
    """A chord as a root and whether it is minor: it has a minor third and no major one."""
    tones = {tone % 12 for tone in chord.quality.intervals}
    return chord.root, 3 in tones and 4 not in tones


@functools.cache
def _templates() -> dict[tuple[int, bool], npt.NDArray[np.float64]]:
    """The 24 triads, each tone with six harmonics that fall off by 0.6 (after Gomez, 2006), at unit length."""
    templates = {}
    for root, minor in itertools.product(range(12), (False, True)):
        template = np.zeros(12)
        for tone in (0, 3 if minor else 4, 7):
            for harmonic, offset in enumerate((0, 0, 7, 0, 4, 7)):
                template[(root + tone + offset) % 12] += 0.6**harmonic
        templates[root, minor] = template / np.linalg.norm(template)
    return templates


def _nearest_triad(chroma: npt.NDArray[np.float64]) -> tuple[int, bool]:
    templates = _templates()
    return max(templates, key=lambda triad: float(templates[triad] @ chroma))


@dataclass(frozen=True, slots=True, kw_only=True)
class OnsetScore:
    """How onsets found in audio match those asked for, within 50 ms."""

    f1: float
    precision: float
    recall: float


def score_onsets(samples: Samples, rate_hz: int, times_s: Sequence[float]) -> OnsetScore:
    """The onsets that librosa finds, scored by mir_eval against the times given."""
    import librosa
    import mir_eval

    lead_in_s = 0.5  # an onset at frame 0 needs silence before it
    silence = np.zeros(round(lead_in_s * rate_hz), dtype=np.float32)
    mono = np.concatenate([silence, samples.mean(axis=1)])
    found = librosa.onset.onset_detect(y=mono, sr=rate_hz, hop_length=256, units="time") - lead_in_s
    f1, precision, recall = mir_eval.onset.f_measure(np.asarray(times_s), np.maximum(found, 0.0), window=0.05)
    return OnsetScore(f1=float(f1), precision=float(precision), recall=float(recall))


def level_db(samples: Samples) -> float:
    """Root mean square in decibels under full scale."""
    return float(10 * np.log10(np.mean(samples.astype(np.float64) ** 2) + 1e-20))
