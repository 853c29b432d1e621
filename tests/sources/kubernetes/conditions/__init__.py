"""Tests of what is told of workloads and nodes that are degraded."""
