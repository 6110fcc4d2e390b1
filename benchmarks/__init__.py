"""Benchmarks of bkgen against limits and peers, see __main__.py."""
