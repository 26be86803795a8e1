"""Errors of engines; they hang in the tree drawn in ``bridge/errors.py``."""

from __future__ import annotations

from midi.errors import SidemanError


class GeneratorError(SidemanError):
    """An engine could not make the audio."""

    code = "engine_failed"


class SoundfontError(GeneratorError):
    """No soundfont, or one that cannot be played."""

    code = "soundfont"


class ModelError(GeneratorError):
    """A checkpoint that cannot be used, or controls that a model cannot take."""

    code = "model"


class TrainingError(SidemanError):
    """A training, or the music for one, that cannot be begun, gone on with, written or read."""

    code = "training"


class Cancelled(SidemanError):
    """The request was cancelled while it ran."""

    code = "cancelled"
