"""Allocation policy, priorities, scores and metrics over plain numbers. No policy drives a layer yet."""
