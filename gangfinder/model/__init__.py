"""The vocabulary of gangfinder: canonical tables, evidence, findings, rings and leads. Imports nothing of ours but errors."""
