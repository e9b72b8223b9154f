"""HTTP to the OpenID provider: bounded in time and size; no redirect, no cookie, no proxy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import aiohttp
import msgspec

from mediaserver.identity.oidc_provider import TransportError

_TIMEOUT = aiohttp.ClientTimeout(total=10, connect=5)
_MAX_ANSWER = 256 * 1024  # bytes


class AiohttpTransport:
    """Implements `identity.oidc_provider.Transport`. One client session, made at the first use."""

    def __init__(self) -> None:
        self._client: aiohttp.ClientSession | None = None

    async def get(self, url: str) -> Mapping[str, Any]:
        """A JSON object."""
        status, answer = await self._ask("GET", url)
        if status != 200:
            raise TransportError(f"status {status}")
        return answer

    async def post(
        self, url: str, form: Mapping[str, str], headers: Mapping[str, str]
    ) -> tuple[int, Mapping[str, Any]]:
        """Status and JSON object."""
        return await self._ask("POST", url, data=dict(form), headers=dict(headers))

    async def close(self) -> None:
        """Ends the client."""
        if self._client is not None:
            await self._client.close()

    async def _ask(self, method: str, url: str, **more: Any) -> tuple[int, Mapping[str, Any]]:
        if self._client is None:
            self._client = aiohttp.ClientSession(timeout=_TIMEOUT, cookie_jar=aiohttp.DummyCookieJar())
        try:
            async with self._client.request(method, url, allow_redirects=False, **more) as response:
                body = bytearray()
                async for chunk in response.content.iter_any():
                    body += chunk
                    if len(body) > _MAX_ANSWER:
                        raise TransportError("answer too large")
                answer = msgspec.json.decode(bytes(body))
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError, msgspec.MsgspecError) as error:
            # Neither the URL nor the answer: both may hold a code.
            raise TransportError(type(error).__name__) from None
        if not isinstance(answer, dict):
            raise TransportError("no JSON object")
        return response.status, answer
