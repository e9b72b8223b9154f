//! Simulated network (owner: bench helper).
