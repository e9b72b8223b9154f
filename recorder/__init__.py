"""Encrypted recording: consent gate, frames, container, keys, retention, playback. Nothing records yet."""
