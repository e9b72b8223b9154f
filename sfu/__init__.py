"""The media core's Python face: everything public is here.

    engine = await Engine.start(EngineConfig(host="0.0.0.0", port=5000))
    router = await engine.create_router()                  # a room
    transport = await router.create_transport()            # a client: its ICE parameters and candidates
    await transport.connect(fingerprints)                  # whose certificate it has to have
    producer = await transport.produce(kind, parameters)   # a track it sends
    consumer = await other.consume(producer, slot)         # sent to another client

No packet passes through Python: workers are threads of their own that never take the interpreter's lock.
"""

from sfu._native import DROP_REASONS
from sfu.certificate import DtlsCertificate
from sfu.config import EngineConfig, Limits
from sfu.engine import Engine, SocketInfo
from sfu.handles import Router, Transport
from sfu.stats import (
    ConsumerStats,
    EngineStats,
    ProducerStats,
    StreamStats,
    TransportStats,
    WorkerStats,
)
from sfu.tracks import Consumer, Producer

__all__ = [
    "DROP_REASONS",
    "Consumer",
    "ConsumerStats",
    "DtlsCertificate",
    "Engine",
    "EngineConfig",
    "EngineStats",
    "Limits",
    "Producer",
    "ProducerStats",
    "Router",
    "SocketInfo",
    "StreamStats",
    "Transport",
    "TransportStats",
    "WorkerStats",
]
