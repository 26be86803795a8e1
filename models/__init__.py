"""The room of sound: engines that turn symbolic charts into waveforms. Importing this package imports no torch."""
