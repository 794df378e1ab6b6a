"""gangfinder: organised medical-insurance fraud rings, found in a fund's tables and written as case leads."""

__version__ = "0.1.0"
