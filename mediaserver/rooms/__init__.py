"""Rooms: who is in them, what they send, who is sent what.

Rooms (rooms.py)            all rooms; the doors' `Rooms` and `Directory` ports
  Room (room.py)            one call: the visit's machine, announcements, chat, the router
    AdmissionGate (gate.py) whether somebody may come in now
    RoomFact (watch.py)     what happens to people, for whoever writes it down
    Participant (seat.py)   one person's place; the doors' `Seat` port
      Leg (leg.py)          their transport: negotiation, producers, consumers in slots
"""

from mediaserver.rooms.gate import AdmissionGate, Deny, Enter, Hold, OpenGate, Verdict
from mediaserver.rooms.rooms import Rooms
from mediaserver.rooms.settings import RoomDefaults, TurnSettings
from mediaserver.rooms.watch import RoomFact, What

__all__ = [
    "AdmissionGate",
    "Deny",
    "Enter",
    "Hold",
    "OpenGate",
    "RoomDefaults",
    "RoomFact",
    "Rooms",
    "TurnSettings",
    "Verdict",
    "What",
]
