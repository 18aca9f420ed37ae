"""Open the registry behind one connection: the room's front door.

Chooses the implementation by dialect and joins its parts; one long-lived registry per profile and epoch.
Refuses a connection whose place or credentials can't work, before any packet.
"""

from typing import TypeAlias

import httpx

from gateway.clock import Clock
from gateway.registry.authorisation import check_credentials
from gateway.registry.connection import Connection, Dialect
from gateway.registry.guard import Guard
from gateway.registry.lgsp_json import LgspJsonRegistry
from gateway.registry.model import Registry
from gateway.registry.outbound import Outbound
from gateway.registry.session import Session
from gateway.registry.shelter import ShelteredRegistry
from gateway.registry.soap import SoapRegistry
from gateway.registry.tls import check_client

Transport: TypeAlias = httpx.AsyncBaseTransport
"""What carries packets; handed in, so that rooms that pass it on need not know the HTTP library."""


def check_connection(connection: Connection) -> None:
    """Raise `SettingInvalid` where a connection's place or credentials can't work; nothing is opened."""
    Guard(connection)
    check_credentials(connection)
    check_client(connection)


def open_registry(connection: Connection, *, transport: Transport, clock: Clock) -> Registry:
    """Return the registry behind this connection; raises `SettingInvalid`. Closing it closes the transport."""
    guard = Guard(connection)
    session = Session(connection, Outbound(transport, guard), guard, clock)
    speaks = SoapRegistry if connection.dialect is Dialect.SOAP else LgspJsonRegistry
    return ShelteredRegistry(speaks(session, connection, clock), connection, clock)
