"""Prints how many files, services and methods a descriptor set has.

    counts.py SET
"""

import sys

from python_descriptors import fields

with open(sys.argv[1], "rb") as file:
    descriptors = list(fields(file.read(), 1))
services = [service for descriptor in descriptors for service in fields(descriptor, 6)]
methods = [method for service in services for method in fields(service, 2)]
print(len(descriptors), len(services), len(methods))
