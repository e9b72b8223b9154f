"""The plugin host: finds workflows, runs each apart, asks and tells them, and shows how they do.

PluginHost (host.py)        what the house talks to: `ask`, `emit`, `tell`, `routes`, `states`
  Manifest (manifest.py)    what a plugin's class says of itself
  Worker (worker.py)        one plugin at work: its queue, deadlines, breaker
    PluginThread (thread.py)  the thread and event loop it runs on
    Breaker (breaker.py)      when it is left alone, and when it is tried again
    Backlog (backlog.py)      which event is next
  Outbox (outbox.py)        durable events until each plugin has had them
  VisitHandle (handles.py)  the ports a plugin is handed, back onto the house's loop
"""
