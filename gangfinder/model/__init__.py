"""The vocabulary of gangfinder: canonical tables, evidence, findings, rings, leads. Imports only our errors."""
