"""The parts of the benchmark that bench/run.py puts together."""
