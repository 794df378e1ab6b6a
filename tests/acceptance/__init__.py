"""What the whole program promises, seen from outside: same bytes, bad input, privacy, explanations."""
