"""Who someone is: signing keys, tokens, join links."""
