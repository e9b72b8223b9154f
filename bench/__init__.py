"""Load generator, measurements and reports. `python -m bench forward --help`; see docs/performance.md."""
