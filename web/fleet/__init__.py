"""Keeping the instances that are wanted: observe the cluster, plan, act."""
