"""Measurements, one file each: `python -m benchmarks NAME [--json]`.

A bound that matters is measured here, not asserted by a test: a test that reads a clock fails on a busy machine.
"""
