"""Links as a graph in memory, and the statistics of groups that move in step."""

from gangfinder.network.graph import Network

__all__ = ["Network"]
