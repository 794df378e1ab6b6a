"""``python -m gangfinder.cli``."""

from gangfinder.cli import main

main()
