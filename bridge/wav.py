"""Loop WAV files: 24-bit PCM with ``acid`` and ``smpl`` chunks, written and read back.

Pure: samples in, bytes out. The layout is RIFF with the chunks ``fmt``, ``acid``, ``smpl``, ``data``, all
little-endian, each padded to an even length. Sources: Multimedia Programming Interface and Data
Specifications 1.0 (RIFF, ``fmt``), RIFFNEW 3.0 (``smpl``), and libsndfile's reading of ``acid``, which has
no published specification.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntFlag
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
import numpy.typing as npt

from bridge.errors import ClipError
from midi.time import Bpm, Meter
from models.generator import Samples

BITS: Final = 24
BYTES_PER_SAMPLE: Final = BITS // 8
FULL_SCALE: Final = 1 << (BITS - 1)
"""The integer that stands for 1.0; the largest that fits is one less."""
MIDDLE_C: Final = 60
BLOCK_FRAMES: Final = 1 << 16
"""Frames that are converted at a time, so that a long clip needs no second copy of its audio."""

_PCM: Final = 1
_FORMAT: Final = struct.Struct("<HHIIHH")
_ACID: Final = struct.Struct("<IHHfIHHf")
_SMPL: Final = struct.Struct("<9I")
_SMPL_LOOP: Final = struct.Struct("<6I")
_CHUNK: Final = struct.Struct("<4sI")
_RIFF: Final = struct.Struct("<4sI4s")
_MAX_RIFF_BYTES: Final = (1 << 32) - 1
_MAX_TAG_BYTES: Final = 1 << 16
"""No more of a chunk than this is read; only ``data`` is larger in a sane file, and it is skipped."""


class AcidFlags(IntFlag):
    """What an ``acid`` chunk says of the file."""

    ONE_SHOT = 1
    ROOT_NOTE = 2
    STRETCH = 4
    DISK_BASED = 8
    HIGH_OCTAVE = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopTags:
    """What a loop file says about its music.

    ``beats`` counts quarter notes, rounded (3.5 in a bar of 7/8 become 4): ``acid`` holds a whole number,
    and its tempo is in quarter notes too. ``bpm`` is the mean tempo of the clip, ``meter`` that of its first bar.
    ``stretch`` says that beats and tempo tell the clip's very length, so that a host may follow them.
    ``root_note`` is the key's tonic as a MIDI note (C is 60), None without a key.
    """

    bpm: Bpm
    beats: int
    meter: Meter
    root_note: int | None
    frames: int
    sample_rate_hz: int
    stretch: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class AcidChunk:
    """An ``acid`` chunk as read; ``tempo`` in quarter notes per minute."""

    flags: AcidFlags
    root_note: int
    beats: int
    meter: tuple[int, int]
    """Numerator and denominator, unchecked."""
    tempo: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WavInfo:
    """What stands in a WAV file, audio aside. ``loops`` are first and last frame, both inside the loop."""

    sample_rate_hz: int
    channels: int
    bits: int
    frames: int
    acid: AcidChunk | None = None
    loops: tuple[tuple[int, int], ...] = ()
    unity_note: int | None = None


def quantise(samples: npt.NDArray[np.floating]) -> npt.NDArray[np.int32]:
    """Samples as 24-bit integers, rounded to the nearest and held at full scale.

    Raises ``ClipError`` for samples that are not finite.
    """
    if not np.isfinite(samples).all():
        raise ClipError("The audio holds samples that are not numbers, and was not written: generate it again.")
    scaled = np.rint(samples * samples.dtype.type(FULL_SCALE))
    return np.clip(scaled, -FULL_SCALE, FULL_SCALE - 1).astype(np.int32)


def dequantise(integers: npt.NDArray[np.int32]) -> Samples:
    """24-bit integers as float32 samples, exactly."""
    return integers.astype(np.float32) / np.float32(FULL_SCALE)


def pcm24(samples: npt.NDArray[np.floating]) -> bytes:
    """Samples [frames, channels] as packed little-endian 24-bit PCM. Raises ``ClipError`` as ``quantise``."""
    words = quantise(samples).astype("<i4", order="C", copy=False).view(np.uint8).reshape(-1, 4)
    packed = np.empty((len(words), BYTES_PER_SAMPLE), dtype=np.uint8)
    for place in range(BYTES_PER_SAMPLE):  # several times faster than one copy of all three
        packed[:, place] = words[:, place]
    return packed.tobytes()


def wav_chunks(samples: Samples, *, sample_rate_hz: int, tags: LoopTags | None) -> Iterator[bytes]:
    """A WAV file of ``samples`` [frames, channels], in pieces: first all headers, then blocks of audio.

    Raises ``ClipError`` when the tags are those of other audio, when a sample is not finite, or when the
    file would pass the 4 GiB that RIFF can count.
    """
    frames, channels = samples.shape
    yield wav_head(frames, channels, sample_rate_hz=sample_rate_hz, tags=tags)
    for start in range(0, frames, BLOCK_FRAMES):
        yield pcm24(samples[start : start + BLOCK_FRAMES])
    if frames * channels * BYTES_PER_SAMPLE % 2:
        yield b"\0"


def wav_head(frames: int, channels: int, *, sample_rate_hz: int, tags: LoopTags | None) -> bytes:
    """All that comes before the audio in a WAV file of so many frames. Raises ``ClipError`` as ``wav_chunks``."""
    if tags and (tags.frames, tags.sample_rate_hz) != (frames, sample_rate_hz):
        raise ClipError(
            f"The clip should have {tags.frames} frames at {tags.sample_rate_hz} Hz, "
            f"and its audio has {frames} at {sample_rate_hz} Hz."
        )
    data_bytes = frames * channels * BYTES_PER_SAMPLE
    padding = data_bytes % 2
    block_align = channels * BYTES_PER_SAMPLE
    head = _chunk(
        b"fmt ", _FORMAT.pack(_PCM, channels, sample_rate_hz, sample_rate_hz * block_align, block_align, BITS)
    )
    if tags:
        head += _chunk(b"acid", _acid_body(tags)) + _chunk(b"smpl", _smpl_body(tags))
    riff_bytes = 4 + len(head) + _CHUNK.size + data_bytes + padding
    if riff_bytes > _MAX_RIFF_BYTES:
        raise ClipError("The clip would pass 4 GiB, which a WAV file cannot hold: ask for fewer bars.")
    return _RIFF.pack(b"RIFF", riff_bytes, b"WAVE") + head + _CHUNK.pack(b"data", data_bytes)


def wav_bytes(samples: Samples, *, sample_rate_hz: int, tags: LoopTags | None) -> bytes:
    """``wav_chunks`` as one piece."""
    return b"".join(wav_chunks(samples, sample_rate_hz=sample_rate_hz, tags=tags))


def read_info(source: Path | bytes) -> WavInfo:
    """What a WAV file says of itself; its audio is not read.

    Unknown chunks are passed over, and a file that was cut short tells the frames that it still has.
    Raises ``ClipError`` for what is not a WAV file, and ``OSError`` where the file cannot be read.
    """
    if isinstance(source, bytes):
        return _read_info(io.BytesIO(source))
    with source.open("rb") as file:
        return _read_info(file)


def _chunk(name: bytes, body: bytes) -> bytes:
    return _CHUNK.pack(name, len(body)) + body + b"\0" * (len(body) % 2)


def _acid_body(tags: LoopTags) -> bytes:
    flags = AcidFlags.ROOT_NOTE if tags.root_note is not None else AcidFlags(0)
    flags |= AcidFlags.STRETCH if tags.stretch else AcidFlags(0)
    root = MIDDLE_C if tags.root_note is None else tags.root_note
    meter = tags.meter
    return _ACID.pack(flags, root, 0x8000, 0.0, tags.beats, meter.denominator, meter.numerator, tags.bpm)


def _smpl_body(tags: LoopTags) -> bytes:
    """One forward loop over the whole file, played without end."""
    period_ns = round(1e9 / tags.sample_rate_hz)
    unity_note = MIDDLE_C if tags.root_note is None else tags.root_note
    head = _SMPL.pack(0, 0, period_ns, unity_note, 0, 0, 0, 1, 0)
    return head + _SMPL_LOOP.pack(0, 0, 0, tags.frames - 1, 0, 0)


def _read_info(file: BinaryIO) -> WavInfo:
    bodies, data_bytes = _read_bodies(file)
    layout = bodies.get(b"fmt ", b"")
    if len(layout) < _FORMAT.size:
        raise ClipError("The WAV file does not say its format.")
    _, channels, rate, _, block_align, bits = _FORMAT.unpack_from(layout)
    if data_bytes is None or not block_align:
        raise ClipError("The WAV file holds no audio.")
    unity_note, loops = _parse_smpl(bodies.get(b"smpl", b""))
    return WavInfo(
        sample_rate_hz=rate,
        channels=channels,
        bits=bits,
        frames=data_bytes // block_align,
        acid=_parse_acid(bodies.get(b"acid", b"")),
        loops=loops,
        unity_note=unity_note,
    )


def _read_bodies(file: BinaryIO) -> tuple[dict[bytes, bytes], int | None]:
    """The small chunks by name (the first of each), and how many bytes of audio are there, None without any."""
    length = file.seek(0, io.SEEK_END)
    file.seek(0)
    riff = file.read(_RIFF.size)
    if len(riff) < _RIFF.size or riff[:4] != b"RIFF" or riff[8:] != b"WAVE":
        raise ClipError("This is not a WAV file.")
    bodies: dict[bytes, bytes] = {}
    data_bytes: int | None = None
    while len(header := file.read(_CHUNK.size)) == _CHUNK.size:
        name, size = _CHUNK.unpack(header)
        start = file.tell()
        if name == b"data" and data_bytes is None:
            data_bytes = min(size, length - start)
        elif name in {b"fmt ", b"acid", b"smpl"}:
            bodies.setdefault(name, file.read(min(size, _MAX_TAG_BYTES)))
        file.seek(start + size + size % 2)
    return bodies, data_bytes


def _parse_acid(body: bytes) -> AcidChunk | None:
    if len(body) < _ACID.size:
        return None
    flags, root, _, _, beats, denominator, numerator, tempo = _ACID.unpack_from(body)
    return AcidChunk(
        flags=AcidFlags(flags), root_note=root, beats=beats, meter=(numerator, denominator), tempo=float(tempo)
    )


def _parse_smpl(body: bytes) -> tuple[int | None, tuple[tuple[int, int], ...]]:
    if len(body) < _SMPL.size:
        return None, ()
    _, _, _, unity_note, _, _, _, count, _ = _SMPL.unpack_from(body)
    room = (len(body) - _SMPL.size) // _SMPL_LOOP.size
    loops = (
        _SMPL_LOOP.unpack_from(body, _SMPL.size + index * _SMPL_LOOP.size)[2:4] for index in range(min(count, room))
    )
    return unity_note, tuple((start, end) for start, end in loops)
