"""Rooms: who is in them, what they send, who is sent what.

Rooms (rooms.py)            all rooms; the doors' `Rooms` and `Directory` ports
  Room (room.py)            one call: the visit's machine, announcements, chat, the router
    Participant (seat.py)   one person's place; the doors' `Seat` port
      Leg (leg.py)          their transport: negotiation, producers, consumers in slots
"""

from mediaserver.rooms.rooms import Rooms
from mediaserver.rooms.settings import RoomDefaults, TurnSettings

__all__ = ["RoomDefaults", "Rooms", "TurnSettings"]
