"""Names of the files in a released checkpoint. Importing this module imports no torch."""

from __future__ import annotations

from typing import Final

STATE_FILE: Final = "state_dict.bin"
CODEC_FILE: Final = "compression_state_dict.bin"
CODEC_WEIGHTS_FILE: Final = "model.safetensors"
