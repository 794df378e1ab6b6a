"""What gangfinder is compared with. Each is ``python -m tests.bench.baselines.<name> TOWN OUT``."""
