"""Clinical workflows as thin plugins; `api` will hold every hook. No plugin is needed for a call."""
