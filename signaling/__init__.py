"""The control plane: typed messages, sans-IO session, negotiation and the doors people come through."""
