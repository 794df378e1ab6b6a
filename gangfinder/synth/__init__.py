"""Synthetic towns."""
