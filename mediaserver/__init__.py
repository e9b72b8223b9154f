"""Telemedicine media server: the ground floor (`model`) and the roof (everything else).

Only `mediaserver.model` may be imported by other packages; this file stays empty of imports so that
reaching the model costs nothing.
"""
