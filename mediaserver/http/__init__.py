"""The HTTP side of the roof: pages, link sessions, health, metrics, headers, TLS, proxies."""
