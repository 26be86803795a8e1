"""The room of music: time, chords, drums, melody and MIDI files. Pure: no torch, no socket, no audio device."""
